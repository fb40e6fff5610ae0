"""Guests of the lab: virtual machines whose NICs hang on the lab's bridges."""
import base64
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

import initrd
import lab

QEMU = "qemu-system-x86_64"
BEGIN, END = "@@KICKLINE-BEGIN", "@@KICKLINE-END"


def machine(accel):
    """What all guests have in common: the options of QEMU."""
    return [QEMU, "-machine", "q35", "-nodefaults", "-display", "none", "-no-reboot",
            "-accel", "kvm" if accel == "kvm" else "tcg,thread=multi",
            "-cpu", "host" if accel == "kvm" else "max,la57=off"]


def probe(accel, timeout, arguments="panic=-1"):
    """Does a guest run under this accelerator? /dev/kvm may be there, open, make machines, and
    still be of no use: on some machines a guest is refused, hangs in its boot ROM, or is slower
    than under TCG. So the testbed's kernel must start, find no root, and panic, which ends QEMU,
    within the time limit."""
    with tempfile.NamedTemporaryFile() as console:
        try:
            p = subprocess.run(
                [*machine(accel), "-m", "256", "-serial", f"file:{console.name}",
                 "-kernel", initrd.kernel()[0], "-append", f"console=ttyS0 {arguments}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=timeout)
        except (subprocess.TimeoutExpired, OSError):
            return False
        return p.returncode == 0 and b"Kernel panic" in console.read()


def accelerator():
    """"kvm" or "tcg". Found out once in a machine's uptime, then read from build/lab.accel."""
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read().strip()
    cache = lab.BUILD / "lab.accel"
    with open(lab.BUILD / ".lab.accel.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            known, accel = cache.read_text().split()
            if known == boot:
                return accel
        except (OSError, ValueError):
            pass
        usable = os.access("/dev/kvm", os.R_OK | os.W_OK) and probe("kvm", 10)
        accel = "kvm" if usable else "tcg"
        cache.write_text(f"{boot} {accel}\n")
        return accel


class Report(dict):
    """What a guest said about itself: parts by name, as text."""

    @property
    def links(self):
        return {link["ifname"]: link for link in json.loads(self["addr"])}

    def addresses(self, ifname, family="inet6"):
        """Global addresses of an interface, ADDRESS/PREFIX, that are static (valid for ever)."""
        return [f"{a['local']}/{a['prefixlen']}" for a in self.links[ifname]["addr_info"]
                if a["family"] == family and a["scope"] == "global"
                and a.get("valid_life_time") == 4294967295]

    def learnt(self, ifname):
        """Global IPv6 addresses that have a lifetime: by SLAAC or DHCPv6."""
        return [f"{a['local']}/{a['prefixlen']}" for a in self.links[ifname]["addr_info"]
                if a["family"] == "inet6" and a["scope"] == "global"
                and a.get("valid_life_time") != 4294967295]

    def gateways(self, family=6):
        """(nexthop, interface, protocol) of each default route."""
        out = []
        for r in json.loads(self[f"route{family}"]):
            if r["dst"] == "default":
                for hop in r.get("nexthops", [r]):
                    out.append((hop.get("gateway", hop.get("via", {}).get("host")), hop["dev"],
                                r.get("protocol")))
        return out

    def bonds(self):
        """{bond: {option: value}} as the bonding driver has them ("mode" as its name)."""
        out = {}
        for line in self["bonds"].splitlines():
            m = re.match(r"/sys/class/net/([^/]+)/bonding/(\w+)=(.*)", line)
            if m:
                value = m[3]
                named = re.fullmatch(r"(\S+) (\d+)", value)  # "active-backup 1"
                if named and m[2] != "slaves":
                    value = named[1]
                out.setdefault(m[1], {})[m[2]] = value
        return out

    def ports(self, bond):
        return sorted(n for n, link in self.links.items() if link.get("master") == bond)

    def nameservers(self):
        return re.findall(r"^nameserver\s+(\S+)", self["resolv"], re.M)

    def stamps(self):
        """[(seconds of uptime, what)] in the order in which they came."""
        return [(float(t), what) for t, what in
                (line.split(" ", 1) for line in self["stamps"].splitlines())]

    def stamp(self, what):
        return next((t for t, w in self.stamps() if w == what), None)


def read_report(text):
    """The report in what a guest wrote to its second serial port; None when it is not whole."""
    m = re.search(rf"^{BEGIN}\s*$(.*?)^{END}", text.replace("\r", ""), re.M | re.S)
    if not m:
        return None
    out = Report()
    for line in m[1].strip().splitlines():
        name, _, body = line.partition(" ")
        out[name] = base64.b64decode(body).decode(errors="replace")
    return out


class Guest:
    """A virtual machine with virtio NICs on the lab's bridges: nics = [(bridge, MAC), ...], which
    its kernel calls enp0s3, enp0s4, ... It boots `kernel`, or else its firmware (OVMF), which
    starts PXE over IPv6 on the first NIC at once (docs/boot-protocols.md)."""

    def __init__(self, l, name, nics, kernel=None, initrd=None, cmdline=None, uuid=None,
                 memory=1024):
        self.lab, self.name = l, name
        self.console = l.dir / f"{name}-console.log"
        self.serial = l.dir / f"{name}-report.txt"
        self.firmware_log = l.dir / f"{name}-firmware.log"
        self.accel = accelerator()
        argv = [*machine(self.accel), "-name", name, "-m", memory, "-rtc", "base=utc",
                "-serial", f"file:{self.console}", "-serial", f"file:{self.serial}"]
        if uuid:
            argv += ["-uuid", uuid]
        for n, (bridge, mac) in enumerate(nics):
            device = f"virtio-net-pci,netdev=n{n},mac={mac},addr={n + 3:#x},romfile="
            if not kernel:
                device += f",bootindex={n}"
            argv += ["-netdev", f"tap,id=n{n},ifname={l.tap(bridge)},script=no,downscript=no",
                     "-device", device]
        if kernel:
            argv += ["-kernel", kernel, "-initrd", initrd, "-append", cmdline]
        else:
            share = lab.TESTBED / "usr/share/OVMF"
            variables = l.dir / f"{name}-vars.fd"
            shutil.copyfile(share / "OVMF_VARS_4M.fd", variables)
            argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={share}/OVMF_CODE_4M.fd",
                     "-drive", f"if=pflash,format=raw,file={variables}",
                     "-fw_cfg", "name=opt/org.tianocore/IPv4PXESupport,string=n"]
        self.began, self.began_at = time.monotonic(), time.time()
        self.process = l.switch.start(argv, name=f"qemu-{name}", outside=True)

    def said(self, text):
        """Whether the console has shown `text`."""
        return text in self.console.read_text(errors="replace") if self.console.exists() else False

    def report(self, timeout):
        """Waits until the machine has reported and switched itself off; returns its Report."""
        def look():
            try:
                return read_report(self.serial.read_text(errors="replace"))
            except OSError:
                return None
        try:
            got = lab.wait(f"the report of {self.name}",
                           lambda: look() or not self.process.running, timeout)
        except lab.LabError as e:
            raise lab.LabError(f"{e}; {self.console}:\n{lab.tail(self.console, 30)}") from None
        if not isinstance(got, Report):
            got = look()
        if got is None:
            raise lab.LabError(f"{self.name} ended without a report; {self.console}:\n"
                               f"{lab.tail(self.console, 30)}\n{lab.tail(self.process.log)}")
        self.took = time.monotonic() - self.began
        self.process.stop()
        return got


