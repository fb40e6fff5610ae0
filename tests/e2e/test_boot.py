"""Machines boot with the rendered kernel command line, in both of dracut's network engines, and
what each reports about itself is held against the intent, field by field.

The network: the machine's two NICs and a router on one switch; the boot server behind the router,
so that nothing works without the default route. `kickline render` writes the line, `kickline serve`
serves the kickstart. Two machines boot at a time.
"""
import ipaddress
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

import guest
import initrd
import lab as labs

PREFIX, ROUTER, ADDRESS = "2001:db8:11::/64", "2001:db8:11::1", "2001:db8:11::31:0"
SERVER, SERVER_ROUTER = "2001:db8:20::20", "2001:db8:20::1"
DNS = ["2001:db8:20::53", "2001:db8:20::54"]
MACS = ["52:54:00:12:34:56", "52:54:00:12:34:57"]
PORTS = ["enp0s3", "enp0s4"]  # as the guest's kernel calls them: see guest.py
# Which release's spelling each engine is given.
RELEASE = {"network-legacy": "8.2", "network-manager": "9.2"}
HOST = "newbox.example.net"
KICKSTART = "# the site's own\nreboot\n"
KICKLINE = labs.BUILD / "check/kickline"  # with its sanitizers: what they find is no clean stop


@dataclass(frozen=True)
class Scenario:
    engine: str
    mode: str
    gateway: str  # "explicit" or "ra"
    vlan: int = 0
    late: float = 0  # seconds from the link to the first router advertisement

    def __str__(self):
        words = [self.engine.removeprefix("network-"), self.mode, self.gateway]
        if self.vlan:
            words.append(f"vlan{self.vlan}")
        if self.late:
            words.append("late")
        return "-".join(words)

    @property
    def device(self):
        """The interface that has the address."""
        return f"bond0.{self.vlan}" if self.vlan else "bond0"


SCENARIOS = [Scenario(e, m, g) for e in initrd.ENGINES for m in ("active-backup", "balance-alb")
             for g in ("explicit", "ra")]
SCENARIOS += [Scenario(e, "active-backup", "ra", vlan=42) for e in initrd.ENGINES]
SCENARIOS += [Scenario(e, "active-backup", "ra", late=8) for e in initrd.ENGINES]


def inventory(s):
    """The scenario's host, in kickline.yaml."""
    addressed = (f"        addresses: [{ADDRESS}/64]\n"
                 f"        gateway6: {'ra' if s.gateway == 'ra' else ROUTER}\n")
    vlan = f"      {s.device}:\n        vlan: {{id: {s.vlan}, parent: bond0}}\n" if s.vlan else ""
    return f"""\
server:
  address: [{SERVER}]
  trees: trees
  state: state/state.db
  user: nobody
hosts:
  {HOST}:
    tree: lab
    kickstart: base.ks
    console: ttyS0,115200
    dns: [{', '.join(DNS)}]
    kernel-args: ["root=live:http://[{SERVER}]/root.img", systemd.show_status=false]
    nics: {{{', '.join(f'{n}: "{m}"' for n, m in zip(PORTS, MACS))}}}
    network:
      bond0:
        bond: {{ports: [{', '.join(PORTS)}], mode: {s.mode}, miimon: 100}}
{vlan}{addressed}"""


def serve(server, s, image):
    """Starts the boot server and arms the host; returns (its Process, the host's command line, its
    kickstart)."""
    server.write("/srv/kickline.yaml", inventory(s))
    server.write("/srv/base.ks", KICKSTART)
    server.path("/srv/state").mkdir()
    initrd.tree(server.path("/srv/trees/lab"), RELEASE[s.engine], image)
    conf = ["-f", server.path("/srv/kickline.yaml")]
    process = server.start([KICKLINE, "serve", *conf], name="kickline", outside=True)
    process.wait_log(" start ")
    server.run([KICKLINE, "arm", *conf, HOST], outside=True)

    def render(part):
        return server.run([KICKLINE, "render", *conf, HOST, part], outside=True).stdout
    return process, render("cmdline").strip(), render("kickstart")


@dataclass
class Boot:
    scenario: Scenario
    report: guest.Report
    router: str  # the router's link-local address on the machine's side
    served: str  # the boot server's log
    kickstart: str  # as `kickline render` prints it
    ready: float  # uptime at which the kernel called the device's link ready
    where: str

    def logs(self):
        parts = "\n".join(f"-- {name}\n{self.report.get(name)}"
                          for name in ("cmdline", "why", "stamps", "fetch", "engine"))
        return f"{self.where}\n{parts}"


def boot(s):
    """Boots the scenario's machine; returns its Boot."""
    kernel, _ = initrd.kernel()
    image = initrd.initrd(s.engine)
    with labs.Lab(f"boot-{s}") as l:
        router, server = l.node("router"), l.node("server")
        l.bridge("lan")
        l.attach("lan", router, "lan", vlan=s.vlan)
        l.veth(router, "far", server, "eth0")
        router.addr("lan", f"{ROUTER}/64")
        router.addr("far", f"{SERVER_ROUTER}/64")
        router.sysctl("net.ipv6.conf.all.forwarding", 1)
        server.addr("eth0", f"{SERVER}/64")
        server.ip(f"route add default via {SERVER_ROUTER}")
        kickline, line, kickstart = serve(server, s, image)
        router.capture("lan")

        def advertise():
            # Lifetime 0: "not your default router"; then only the explicit gateway leads out.
            router.radvd("lan", PREFIX, managed=False, other=False,
                         lifetime=1800 if s.gateway == "ra" else 0)
        if not s.late:
            advertise()
        vm = guest.Guest(l, "vm", [("lan", m) for m in MACS], kernel, image, line)
        if s.late:
            ready = f"{s.device}: link becomes ready"
            l.wait(f"the machine's {ready}", lambda: vm.said(ready), 120)
            time.sleep(s.late)
            advertise()
        report = vm.report(240)
        assert kickline.stop() == 0, kickline.output()
        ready = re.search(rf"\[ *([0-9.]+)\] IPv6: ADDRCONF.*: {s.device}: link becomes ready",
                          vm.console.read_text(errors="replace"))
        return Boot(s, report, router.link_local("lan"), kickline.output(),
                    kickstart, float(ready[1]) if ready else 0, l.logs())


@pytest.fixture(scope="session")
def boots(request):
    """scenario -> Future[Boot], of those that this session's tests want."""
    wanted = [i.callspec.params["scenario"] for i in request.session.items
              if "scenario" in getattr(getattr(i, "callspec", None), "params", {})]
    with ThreadPoolExecutor(2) as pool:
        # The initrds first: two threads that want the same one would wait for each other.
        for engine in {s.engine for s in wanted}:
            initrd.initrd(engine)
        print(f"accelerator: {guest.accelerator()}")
        yield {s: pool.submit(boot, s) for s in wanted}


@pytest.fixture
def booted(boots, scenario):
    return boots[scenario].result()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_machine_has_what_the_intent_says(booted, scenario):
    s, r = scenario, booted.report
    assert r["why"].strip() == "fetched"
    # The request came from the static address, and the answer is what was rendered.
    assert re.search(rf" http host={HOST} .*from={ADDRESS} .*path=host/{HOST}/ks.cfg status=200",
                     booted.served)
    assert r["kickstart"] == booted.kickstart
    assert KICKSTART.splitlines()[0] in r["kickstart"]

    links = r.links
    assert r.addresses(s.device) == [f"{ADDRESS}/64"]
    assert r.learnt(s.device) == []
    for name in links:
        v4 = [a["local"] for a in links[name]["addr_info"] if a["family"] == "inet"]
        assert v4 == (["127.0.0.1"] if name == "lo" else []), name
        if name not in ("lo", s.device):
            assert r.addresses(name) + r.learnt(name) == [], name
    gateway = ROUTER if s.gateway == "explicit" else booted.router
    assert [(via, dev) for via, dev, _ in r.gateways()] == [(gateway, s.device)]
    assert r.gateways(4) == []

    bond = r.bonds()["bond0"]
    assert list(r.bonds()) == ["bond0"]
    assert bond["mode"] == s.mode
    assert bond["miimon"] == "100"
    assert r.ports("bond0") == PORTS
    assert links["bond0"]["address"] == MACS[0], "a bond takes its first port's address"
    assert [links[p]["linkinfo"]["info_slave_data"]["perm_hwaddr"] for p in PORTS] == MACS
    if s.vlan:
        assert links[s.device]["link"] == "bond0"
        assert links[s.device]["linkinfo"]["info_data"]["id"] == s.vlan
    assert [str(ipaddress.ip_address(d)) for d in r.nameservers()] == DNS
    # anaconda of EL8 would misread a name after an IPv6 address (docs/boot-stages.md, quirk 40):
    # there the kickstart says it, in time for the installer.
    if s.engine == "network-manager":
        assert r["hostname"].strip() == HOST
    assert f"--hostname={HOST}" in r["kickstart"]

    online = next(t for t, what in r.stamps() if what.startswith("online:"))
    assert r.stamp("kickstart") - online < 5, r["stamps"]
    if s.late:
        # It did wait for the router, and not for longer than it had to.
        waited = r.stamp("kickstart") - booted.ready
        assert s.late <= waited < s.late + 30, r["stamps"]
