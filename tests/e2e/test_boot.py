"""Machines boot with the rendered kernel command line, in both of dracut's network engines, and
what each reports about itself is held against the intent, field by field.

The network: the machine's two NICs and a router on one switch; the HTTP server behind the router,
so that nothing works without the default route. Two machines boot at a time.
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
RELEASE = {"network-legacy": "rhel-8.2", "network-manager": "rhel-9.2"}
KICKSTART = "# fetched over the bond\nreboot\n"


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


def command_line(l, s):
    """The kernel command line of the scenario's host."""
    gateway = f"[{ROUTER}]" if s.gateway == "explicit" else ""
    method = "auto6" if s.gateway == "ra" and s.engine == "network-manager" else "none"
    words = [f"bond=bond0:{','.join(PORTS)}:mode={s.mode},miimon=100",
             f"ip=[{ADDRESS}]::{gateway}:64:newbox.example.net:{s.device}:{method}",
             *[f"nameserver={d}" for d in DNS], "rd.neednet=1", "rd.bootif=0",
             "rd.net.timeout.ipv6dad=10", f"inst.ks=http://[{SERVER}]/ks.cfg",
             "console=ttyS0,115200", "systemd.show_status=false",
             f"root=live:http://[{SERVER}]/root.img"]
    if s.vlan:
        words.append(f"vlan={s.device}:bond0")
    return " ".join(words)


@dataclass
class Boot:
    scenario: Scenario
    report: guest.Report
    router: str  # the router's link-local address on the machine's side
    requests: str  # the HTTP server's log
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
        server.write("/srv/ks.cfg", KICKSTART)
        http = server.start(["python3", "-u", "-m", "http.server", "--bind", SERVER,
                             "-d", "/srv", "80"], name="http")
        router.capture("lan")

        def advertise():
            # Lifetime 0: "not your default router"; then only the explicit gateway leads out.
            router.radvd("lan", PREFIX, managed=False, other=False,
                         lifetime=1800 if s.gateway == "ra" else 0)
        if not s.late:
            advertise()
        vm = guest.Guest(l, "vm", [("lan", m) for m in MACS], kernel, image, command_line(l, s))
        if s.late:
            ready = f"{s.device}: link becomes ready"
            l.wait(f"the machine's {ready}", lambda: vm.said(ready), 120)
            time.sleep(s.late)
            advertise()
        report = vm.report(180)
        ready = re.search(rf"\[ *([0-9.]+)\] IPv6: ADDRCONF.*: {s.device}: link becomes ready",
                          vm.console.read_text(errors="replace"))
        return Boot(s, report, router.link_local("lan"), http.output(),
                    float(ready[1]) if ready else 0, l.logs())


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
    assert r["kickstart"] == KICKSTART
    # The request came from the static address.
    assert f"{ADDRESS} - - " in booted.requests

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
    assert r["hostname"].strip() == "newbox.example.net"

    online = next(t for t, what in r.stamps() if what.startswith("online:"))
    assert r.stamp("kickstart") - online < 5, r["stamps"]
    if s.late:
        # It did wait for the router, and not for longer than it had to.
        waited = r.stamp("kickstart") - booted.ready
        assert s.late <= waited < s.late + 30, r["stamps"]
