"""make demo: a bonded, IPv6-only machine boots from one host description, on real parts, and every
stage is asked what it believed.

    machine (QEMU, two NICs) ── switch ── router ── boot server
      OVMF, PXE over IPv6                  radvd      kickline serve
      iPXE                                 dhcrelay
      Debian's kernel, dracut's initrd

The router is the only source of the default gateway, and the boot server is behind it: who has no
gateway gets nothing. What is printed at the end was said by the machine: on the wire (firmware),
in iPXE's report of its own settings, in the initrd's report of what the kernel has, and in the
kickstart as the machine had it in the end.

    demo.py                    the demo; 0: all stages agree, 1: they do not, 2: it could not run
    demo.py --evidence FILE    only the verdict on evidence that an earlier run kept
"""
import argparse
import datetime
import json
import re
import shlex
import shutil
import sys
import time

import agree
import guest
import initrd
import lab as labs
import wire

HOST = "newbox.example.net"
DESCRIBED = {
    "address": "2001:db8:11::31:0",
    "gateway": agree.LEARNT,
    "DNS": ["2001:db8:20::53"],
    "bond ports": ["enp0s3", "enp0s4"],
    "mode": "balance-alb",
    "hostname": HOST,
}
MACS = {"enp0s3": "52:54:00:12:34:56", "enp0s4": "52:54:00:12:34:57"}
UUID = "3b1f6e0c-52d4-4c8e-9a57-0d4c7f1b2a90"
PREFIX, ROUTER, ROUTER_MAC = "2001:db8:11::/64", "2001:db8:11::1", "52:54:00:00:00:01"
SERVER, SERVER_ROUTER = "2001:db8:20::20", "2001:db8:20::1"
ENGINE = "network-manager"  # that of release 9.2
LIMIT = 300  # seconds; it takes about half of that without KVM

INVENTORY = f"""\
# kickline.yaml
server:
  address: [{SERVER}]
  trees: trees
  boot: boot
  state: state/state.db
  user: nobody
profiles:
  lab:
    tree: lab                 # its .treeinfo says 9.2; what boots is Debian's dracut
    kickstart: base.ks
    console: ttyS0,115200
    dns: [{DESCRIBED["DNS"][0]}]
    # A root that Debian's dracut knows, in the place of anaconda's.
    kernel-args: ["root=live:http://[{SERVER}]/trees/lab/root.img", systemd.show_status=false]
hosts:
  {HOST}:
    profile: lab
    uuid: {UUID}
    nics: {{enp0s3: "{MACS["enp0s3"]}", enp0s4: "{MACS["enp0s4"]}"}}
    network:
      bond0:
        bond: {{ports: [enp0s3, enp0s4], mode: {DESCRIBED["mode"]}, miimon: 100}}
        addresses: [{DESCRIBED["address"]}/64]
        gateway6: ra
"""
KICKSTART = "# the site's own kickstart\nlang en_GB.UTF-8\nreboot\n"


class Progress:
    """One line for each thing that happens, and on a terminal what is waited for, below them."""

    def __init__(self):
        self.began = time.monotonic()
        self.tty = sys.stdout.isatty()
        self.hanging = False

    def _clear(self):
        if self.hanging:
            print("\r\033[K", end="")
            self.hanging = False

    def say(self, stage, text):
        self._clear()
        elapsed = time.monotonic() - self.began
        if self.tty:
            print(f"\033[2m{elapsed:6.1f} s\033[0m  \033[1m{stage:<9}\033[0m  {text}", flush=True)
        else:
            print(f"{elapsed:6.1f} s  {stage:<9}  {text}", flush=True)

    def waiting(self, text):
        if self.tty:
            elapsed = time.monotonic() - self.began
            line = f"{elapsed:6.1f} s  ... {text}"[:shutil.get_terminal_size().columns - 1]
            print(f"\r\033[K\033[2m{line}\033[0m", end="", flush=True)
            self.hanging = True

    def text(self, text):
        self._clear()
        print(text, flush=True)


class Log:
    """The boot server's log, line by line: (epoch seconds, event, {key: value})."""

    def __init__(self, path):
        self.path, self.at = path, 0

    def new(self):
        data = self.path.read_bytes()
        end = data.rfind(b"\n", self.at) + 1
        lines, self.at = data[self.at:max(end, self.at)], max(end, self.at)
        for line in lines.decode(errors="replace").splitlines():
            try:
                words = shlex.split(line)
                when = datetime.datetime.fromisoformat(words[0]).timestamp()
            except (ValueError, IndexError):
                continue
            if len(words) > 2:
                yield when, words[2], dict(w.split("=", 1) for w in words[3:] if "=" in w)


class Site:
    """The demo's network, the boot server's files and programs."""

    def __init__(self, l, program):
        self.lab, self.program = l, program
        self.router, self.server = l.node("router"), l.node("server")
        l.bridge("lan")
        l.attach("lan", self.router, "lan", mac=ROUTER_MAC)
        l.veth(self.router, "far", self.server, "eth0")
        self.router.addr("lan", f"{ROUTER}/64")
        self.router.addr("far", f"{SERVER_ROUTER}/64")
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.server.addr("eth0", f"{SERVER}/64")
        self.server.ip(f"route add default via {SERVER_ROUTER}")
        self.inventory = self.server.path("/srv/kickline/kickline.yaml")

    def files(self, image):
        boot = self.server.path("/srv/kickline/boot")
        for d in (boot, self.server.path("/srv/kickline/state")):
            d.mkdir(parents=True)
        initrd.tree(self.server.path("/srv/kickline/trees/lab"), "9.2", image)
        shutil.copyfile(labs.TESTBED / "boot/ipxe.efi", boot / "ipxe.efi")
        self.server.write("/srv/kickline/kickline.yaml", INVENTORY)
        self.server.write("/srv/kickline/base.ks", KICKSTART)
        (self.lab.dir / "kickline.yaml").write_text(INVENTORY)

    def serve(self):
        self.kickline = self.server.start(
            [self.program, "serve", "-f", self.inventory], name="kickline", outside=True)
        self.kickline.wait_log(r" (start|ready) ", 20)
        self.server.run([self.program, "arm", "-f", self.inventory, HOST], outside=True)

    def route(self):
        self.router.radvd("lan", PREFIX, managed=True, other=True, autonomous=False)
        relay = self.router.start(["dhcrelay", "-6", "-d", "--no-pid", "-l", "lan", "-u",
                                   f"{SERVER}%far"], name="dhcrelay")
        relay.wait_log("Sending on", 10)
        self.capture = self.router.capture("lan")


class Watch:
    """Follows one boot: tells what happens, and keeps when it did and what was said."""

    def __init__(self, progress):
        self.progress, self.seen, self.loader = progress, {}, {}
        self.next = "the firmware to ask for an address"

    def first(self, what, when):
        if what in self.seen:
            return False
        self.seen[what] = when
        return True

    def event(self, when, event, said):
        path = said.get("path", "")
        if event == "dhcp6" and said.get("answered") == "reply" and "address" in said:
            stage = "loader" if "ipxe" in self.seen else "firmware"
            stage = "initrd" if "image" in self.seen else stage
            if self.first(f"dhcp6-{stage}", when):
                self.progress.say(stage, f"DHCPv6 through the relay: {said['address']}, "
                                         f"known by {said.get('by')}")
                if stage == "firmware":
                    self.next = "the firmware to load iPXE by TFTP"
        elif event == "tftp" and said.get("result") == "sent" and self.first("ipxe", when):
            self.progress.say("firmware", f"{path} by TFTP, {int(said['bytes']) // 1024} KiB in "
                                          f"{int(said['ms']) / 1000:.1f} s")
            self.next = "iPXE to configure itself"
        elif event == "report" and self.first("report", when):
            self.loader = said
            self.progress.say("loader", f"iPXE says: {said.get('ip6')}, gateway "
                                        f"{said.get('gateway6')}, DNS {said.get('dns6')}")
        elif event == "http" and said.get("status") == "200":
            self.http(when, path, said)

    def http(self, when, path, said):
        if path.endswith("/vmlinuz") and self.first("kernel", when):
            self.progress.say("loader", "fetches the kernel over HTTP")
            self.next = "iPXE to fetch kernel and initrd"
        elif path.endswith("/initrd.img") and self.first("image", when):
            self.progress.say("loader", "fetches the initrd over HTTP")
            self.next = "iPXE to fetch the initrd, and the kernel to start"
        elif path.endswith("/ks.cfg") and self.first("ks", when):
            self.progress.say("kickstart", f"fetched over the bond, by {said.get('from')}")
            self.next = "the machine's report"

    def console(self, vm):
        if "up" not in self.seen and vm.said("Linux version") and self.first("linux", time.time()):
            self.progress.say("initrd", "the kernel runs")
            self.next = "the initrd to bring up the bond"
        if vm.said("bond0: link becomes ready") and self.first("up", time.time()):
            self.progress.say("initrd", "bond0 is up")
            self.next = "the initrd to fetch the kickstart"


def follow(vm, site, progress):
    """Until the machine has reported. Returns (Report, Watch)."""
    log, watch = Log(site.kickline.log), Watch(progress)
    end = time.monotonic() + LIMIT
    while vm.process.running:
        for when, event, said in log.new():
            watch.event(when, event, said)
        watch.console(vm)
        progress.waiting(watch.next)
        if not site.kickline.running:
            raise labs.LabError("kickline serve ended:\n" + labs.tail(site.kickline.log))
        if time.monotonic() > end:
            raise labs.LabError(f"waited {LIMIT} s in vain for {watch.next}; {vm.console}:\n"
                                f"{labs.tail(vm.console)}")
        time.sleep(0.2)
    report = vm.report(10)
    for when, event, said in log.new():
        watch.event(when, event, said)
    return report, watch


def name_of(mac):
    return [name for name, m in MACS.items() if m == mac]


def say_firmware(site, vm, watch, router):
    """From the wire. The firmware's next hop is the neighbour to which it handed its request."""
    w = wire.firmware(site.capture.pcap, MACS["enp0s3"])
    if not w:
        return {}
    # It uses the address that it requested by DHCPv6, or else it says two things.
    return {"address": ", ".join(sorted({w["source"], w["requested"] or "no DHCPv6"})),
            "gateway": router if w["handed_to"] == ROUTER_MAC else f"MAC {w['handed_to']}",
            "bond ports": name_of(MACS["enp0s3"]),
            "seconds": watch.seen.get("ipxe", 0) - vm.began_at}


def say_loader(watch, kernel_at):
    said = watch.loader
    return {"address": said.get("ip6"), "gateway": said.get("gateway6"),
            "DNS": [d for d in [said.get("dns6")] if d], "bond ports": name_of(said.get("mac")),
            "hostname": said.get("hostname"), "seconds": kernel_at - watch.seen.get("ipxe", 0)}


def say_initrd(report, online):
    bonds, gateways = report.bonds(), report.gateways()
    addresses = sorted({a.split("/")[0] for a in report.addresses("bond0") +
                        report.learnt("bond0")})
    return {"address": ", ".join(addresses),
            "gateway": ", ".join(sorted({via for via, _, _ in gateways})),
            "learnt": bool(gateways) and all(p == "ra" for _, _, p in gateways),
            "DNS": report.nameservers(), "bond ports": report.ports("bond0"),
            "mode": bonds["bond0"]["mode"] if bonds else None,
            "hostname": report["hostname"].strip(), "seconds": online}


def say_kickstart(text):
    """What the `network` commands of a kickstart say (docs/boot-stages.md, section 3.1)."""
    said, inside = {}, False
    for line in text.splitlines():
        word = line.split(" ", 1)[0]
        if word.startswith("%"):
            inside = word != "%end"
        if inside or word != "network":
            continue
        o = dict(w.removeprefix("--").split("=", 1) for w in shlex.split(line)[1:] if "=" in w)
        if "hostname" in o:
            said["hostname"] = o["hostname"]
        if o.get("ipv6"):
            said["address"] = o["ipv6"].split("/")[0]
            said["gateway"] = o.get("ipv6gateway", agree.LEARNT)
        if "nameserver" in o:
            said["DNS"] = o["nameserver"].split(",")
        if "bondslaves" in o:
            said["bond ports"] = o["bondslaves"].split(",")
            options = dict(p.split("=", 1) for p in re.split("[,;]", o.get("bondopts", ""))
                           if "=" in p)
            said["mode"] = options.get("mode")
    return said


def evidence_of(report, watch, site, vm):
    router = site.router.link_local("lan")
    online = next((t for t, what in report.stamps() if what.startswith("online:")), None)
    fetched = report.stamp("kickstart")
    # The kernel's clock began this long before the machine asked for its kickstart.
    kernel_at = watch.seen.get("ks", 0) - (online or 0)
    kickstart = say_kickstart(report["kickstart"])
    kickstart["seconds"] = fetched - online if fetched and online else None
    return {"described": DESCRIBED, "router": router,
            "firmware": say_firmware(site, vm, watch, router),
            "loader": say_loader(watch, kernel_at),
            "initrd": say_initrd(report, online),
            "kickstart": kickstart}


def verdict(evidence, text):
    """Prints the table and what is wrong; the exit status."""
    text("")
    text(agree.table(evidence, sys.stdout.isatty()))
    wrong = agree.disagreements(evidence)
    for d in wrong:
        text(f"disagreement: {d}")
    if not wrong:
        text("All stages agree with each other and with kickline.yaml.")
    return 1 if wrong else 0


def run():
    progress = Progress()
    progress.text(f"{HOST}: {DESCRIBED['mode']} bond of {' and '.join(MACS)}, "
                  f"{DESCRIBED['address']}/64, gateway {DESCRIBED['gateway']}\n")
    program = labs.BUILD / "kickline"
    if not program.exists():
        raise labs.LabError(f"there is no {program}: run `make build`")
    progress.say("lab", f"accelerator: {guest.accelerator()}")
    image = initrd.initrd(ENGINE)
    progress.say("lab", f"initrd: dracut with {ENGINE}, {image.stat().st_size >> 20} MiB")
    with labs.Lab("demo") as l:
        try:
            site = Site(l, program)
            site.files(image)
            site.serve()
            progress.say("server", f"kickline serve answers at {SERVER}; {HOST} is armed")
            site.route()
            progress.say("router", f"radvd and an ISC DHCPv6 relay; {ROUTER}")
            vm = guest.Guest(l, "machine", [("lan", m) for m in MACS.values()], uuid=UUID)
            progress.say("firmware", "OVMF starts")
            report, watch = follow(vm, site, progress)
            progress.say("machine", f"reported, and is off (logs: {l.dir})")
            if report["why"].strip() != "fetched":
                raise labs.LabError("the machine never got its kickstart; it says:\n"
                                    f"{report['stamps']}{report['fetch']}")
            site.capture.stop()
            evidence = evidence_of(report, watch, site, vm)
        except labs.LabError as e:
            progress.text(f"demo: {e}\n{l.logs()}")
            return 2
        (l.dir / "evidence.json").write_text(json.dumps(evidence, indent=2))
    return verdict(evidence, progress.text)


def main():
    options = argparse.ArgumentParser(description="a machine boots, and every stage is asked")
    options.add_argument("--evidence", metavar="FILE", help="judge this, boot nothing")
    options = options.parse_args()
    if options.evidence:
        with open(options.evidence) as f:
            return verdict(json.load(f), print)
    labs.enter()
    return run()


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # a locale may have no box-drawing characters
    try:
        sys.exit(main())
    except (labs.LabError, OSError, ValueError) as e:
        print(f"demo: {e}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        sys.exit(130)
