"""The lab: network namespaces with real programs in them, for tests and for the demo.

Everything lives inside one `unshare` (mounts, network, processes, IPC): enter() starts this
process again in there, as its first process. When that process ends, in whatever way, the kernel
ends all others with it and forgets their namespaces and mounts, so nothing is ever left behind on
the machine. The testbed root is never written: each node sees it through an overlay of its own.

    lab.enter()                                  # once; pytest: tests/e2e/conftest.py does it
    with lab.Lab("relay") as l:                  # logs go to build/lab/relay/
        server, client = l.node("server"), l.node("client")
        l.veth(server, "eth0", client, "eth0")   # or l.bridge("lan"), l.attach("lan", node, "eth0")
        server.addr("eth0", "2001:db8:1::1/64")
        server.sysctl("net.ipv6.conf.all.forwarding", 1)
        server.write("/etc/radvd.conf", "interface eth0 { AdvSendAdvert on; };")
        server.start(["radvd", "-n", "-C", "/etc/radvd.conf"])
        k = server.start([lab.BUILD / "kickline", "serve", "-f", conf], outside=True)
        k.wait_log("ready")
        cap = client.capture("eth0")             # build/lab/relay/client-eth0.pcap
        client.run(["dhclient", "-6", "-1", "-v", "eth0"], timeout=30)
        l.wait("an address", lambda: "2001:db8:1::31" in client.run(["ip", "addr"]).stdout)

run() and start() run a program of the testbed, chrooted into the node's root; with outside=True
one of the machine (the build under test), which sees the machine's own files but the node's
network. Failures are LabError: they say what was run, what it said and where the logs are.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", TOP / "build")).resolve()
TESTBED = Path(os.environ.get("TESTBED", TOP / "build/testbed")).resolve()
SCRATCH = Path("/run/kickline-lab")  # on a tmpfs that only this mount namespace has
MARK = "KICKLINE_LAB_INSIDE"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    """Something in the lab went wrong; the text is for the person who runs it."""


def inside():
    return os.environ.get(MARK) == "1"


def enter(argv=None):
    """Goes on inside the lab's namespaces: replaces this process by itself (or by `argv`), unless
    it is in there already."""
    if not inside():
        if os.geteuid() != 0:
            raise LabError("the lab makes namespaces and mounts: run this as root")
        if not (TESTBED / ".testbed").exists():
            raise LabError(f"no testbed root at {TESTBED}: run `make testbed`")
        argv = argv or [sys.executable, *sys.orig_argv[1:]]
        sys.stdout.flush()
        os.environ[MARK] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork",
                              "--kill-child", "--mount-proc", "--", *argv])
    # The first process of a PID namespace ignores signals that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))
    if not SCRATCH.exists():
        tool(["mount", "-t", "tmpfs", "-o", "mode=755", "lab", "/run"])
        SCRATCH.mkdir()


def tool(argv, **kw):
    """Runs a program of the machine itself (util-linux, coreutils) that must succeed."""
    p = subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, **kw)
    if p.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: exit {p.returncode}: {p.stdout.strip()}")
    return p.stdout


def tail(path, lines=15):
    """The last lines of a log, for messages."""
    try:
        text = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join("    " + line for line in text[-lines:])


def wait(what, condition, timeout=20, every=0.1):
    """Calls `condition` until it returns something true, and returns that. An exception that it
    raises goes through at once."""
    end = time.monotonic() + timeout
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise LabError(f"waited {timeout} s in vain for {what}")
        time.sleep(every)


class Process:
    """A program that runs on: its output is in `log`. Stopped at the latest with its lab."""

    def __init__(self, name, argv, log, popen):
        self.name, self.argv, self.log, self.popen = name, argv, Path(log), popen

    @property
    def running(self):
        return self.popen.poll() is None

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, pattern, timeout=20):
        """Waits until the output holds `pattern` (a regular expression); returns the match."""
        def look():
            found = re.search(pattern, self.output(), re.M)
            if not found and not self.running:
                found = re.search(pattern, self.output(), re.M)  # its last words
                if not found:
                    raise LabError(f"{self.name} ended (exit {self.popen.returncode}) before it "
                                   f"said /{pattern}/; {self.log}:\n{tail(self.log)}")
            return found
        try:
            return wait(f"{self.name} to say /{pattern}/", look, timeout)
        except LabError as e:
            if "in vain" in str(e):
                raise LabError(f"{e}; {self.log}:\n{tail(self.log)}") from None
            raise

    def wait(self, timeout=20):
        """Waits for its end; returns the exit status."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} still runs after {timeout} s; {self.log}:\n"
                           f"{tail(self.log)}") from None

    def send(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=5):
        """Ends it, by force if it must be; returns the exit status."""
        if self.running:
            self.popen.send_signal(number)
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode


class Node:
    """A machine of the lab: a network namespace, and the testbed root as it sees it (`root`)."""

    def __init__(self, lab, name, dad):
        self.lab, self.name = lab, name
        self.root = SCRATCH / lab.name / name / "root"
        self.processes = []
        # It holds the namespace open, and its PID names it.
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait(f"the namespace of {name}",
             lambda: os.readlink(f"/proc/{self.holder.pid}/ns/net") != own, 5, 0.002)
        self.enter = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"]
        self._mount()
        if not dad:  # the lab's own machines need not wait for duplicate address detection
            self.sysctl("net.ipv6.conf.default.accept_dad", 0)
            self.sysctl("net.ipv6.conf.all.accept_dad", 0)
        self.ip("link set lo up")

    def _mount(self):
        over = self.root.parent
        for d in ("root", "upper", "work"):
            (over / d).mkdir(parents=True)
        tool(["mount", "-t", "overlay", "overlay", "-o",
              f"lowerdir={TESTBED},upperdir={over}/upper,workdir={over}/work", self.root])
        tool(["mount", "--rbind", "/dev", self.root / "dev"])
        tool(["mount", "--rbind", "/proc", self.root / "proc"])
        # sysfs shows the network devices of the namespace that mounts it.
        tool([*self.enter, "mount", "-t", "sysfs", "sysfs", self.root / "sys"])
        for d in ("run", "tmp"):
            tool(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.root / d])

    def path(self, path):
        """Where `path` of this node is on the machine, while the lab stands."""
        return self.root / str(path).lstrip("/")

    def write(self, path, text, mode=0o644):
        p = self.path(path)
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_text(text) if isinstance(text, str) else p.write_bytes(text)
        p.chmod(mode)

    def read(self, path):
        return self.path(path).read_text(errors="replace")

    def command(self, argv, outside=False):
        """argv, preceded by what brings it into this node."""
        chroot = [] if outside else ["chroot", str(self.root)]
        return [*self.enter, *chroot, *map(str, argv)]

    def _env(self, outside, env):
        base = dict(os.environ) if outside else {"HOME": "/root", "TERM": "dumb"}
        base["PATH"] = PATH
        base["LC_ALL"] = "C.UTF-8"
        base.update(env or {})
        return base

    def run(self, argv, check=True, timeout=30, input=None, outside=False, env=None):
        """Runs a program to its end; returns its CompletedProcess, output as text."""
        try:
            p = subprocess.run(self.command(argv, outside), input=input, text=True,
                               errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=None if input is not None else subprocess.DEVNULL,
                               timeout=timeout, env=self._env(outside, env))
        except subprocess.TimeoutExpired as e:
            said = "".join(s.decode(errors="replace") if isinstance(s, bytes) else s or ""
                           for s in (e.stdout, e.stderr))
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: not done in {timeout} s; "
                           f"it said:\n{said}") from None
        if check and p.returncode != 0:
            raise LabError(f"{self.name}: {' '.join(map(str, argv))}: exit {p.returncode}:\n"
                           f"{p.stdout}{p.stderr}")
        return p

    def start(self, argv, name=None, outside=False, env=None, log=None, stdout=None):
        """Starts a program that runs on; returns its Process. Its output goes to the log
        (build/lab/LAB/NODE-NAME.log)."""
        name = name or Path(str(argv[0])).name
        log = Path(log or self.lab.dir / f"{self.name}-{name}.log")
        n = 2
        while log.exists():
            log = self.lab.dir / f"{self.name}-{name}-{n}.log"
            n += 1
        with open(log, "wb") as out:
            p = subprocess.Popen(self.command(argv, outside), stdin=subprocess.DEVNULL,
                                 stdout=stdout or out, stderr=out,
                                 env=self._env(outside, env), start_new_session=True)
        process = Process(f"{self.name}: {name}", argv, log, p)
        self.processes.append(process)
        return process

    def ip(self, *commands):
        """iproute2 commands, one a string: node.ip("link set eth0 up", "addr add ... dev eth0")."""
        p = subprocess.run(self.command(["ip", "-batch", "-"]), input="\n".join(commands) + "\n",
                           text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if p.returncode != 0:
            raise LabError(f"{self.name}: ip: {'; '.join(commands)}: {p.stdout.strip()}")
        return p.stdout

    def addr(self, ifname, *addresses):
        """Adds addresses (ADDRESS/PREFIX) and brings the interface up."""
        self.ip(*[f"addr add {a} dev {ifname}{' nodad' if ':' in a else ''}" for a in addresses],
                f"link set {ifname} up")

    def sysctl(self, key, value):
        path = "/proc/sys/" + key.replace(".", "/")
        tool([*self.enter, "sh", "-c", 'printf "%s\n" "$1" > "$2"', "sh", str(value), path])

    def link_local(self, ifname):
        """The interface's link-local address, once it may be used."""
        def look():
            out = self.run(["ip", "-6", "addr", "show", "dev", ifname, "scope", "link"]).stdout
            m = re.search(r"inet6 (fe80:\S+?)/\d+ (?!.*tentative)", out)
            return m and m.group(1)
        return wait(f"a link-local address on {self.name}:{ifname}", look, 10)

    def capture(self, ifname, filter=""):
        """Captures an interface's packets into build/lab/LAB/NODE-IFNAME.pcap."""
        pcap = self.lab.dir / f"{self.name}-{ifname}.pcap"
        with open(pcap, "wb") as out:
            p = self.start(["tcpdump", "--immediate-mode", "-Z", "root", "-n", "-U", "-w", "-",
                            "-i", ifname, *filter.split()],
                           name=f"tcpdump-{ifname}", stdout=out)
        p.wait_log("listening on", 10)
        p.pcap = pcap
        return p

    def radvd(self, ifname, prefix, managed=True, other=True, autonomous=False, lifetime=1800,
              dns=(), every=(3, 10)):
        """Starts radvd on an interface: a router that advertises `prefix`."""
        flag = {True: "on", False: "off"}
        rdnss = f"  RDNSS {' '.join(dns)} {{ }};\n" if dns else ""
        self.sysctl("net.ipv6.conf.all.forwarding", 1)
        conf = f"/etc/radvd-{ifname}.conf"
        self.write(conf, (
            f"interface {ifname} {{\n  AdvSendAdvert on;\n"
            f"  MinRtrAdvInterval {every[0]};\n  MaxRtrAdvInterval {every[1]};\n"
            f"  AdvManagedFlag {flag[managed]};\n  AdvOtherConfigFlag {flag[other]};\n"
            f"  AdvDefaultLifetime {lifetime};\n"
            f"  prefix {prefix} {{\n    AdvOnLink on;\n    AdvAutonomous {flag[autonomous]};\n"
            f"  }};\n{rdnss}}};\n"))
        p = self.start(["radvd", "-n", "-d", "1", "-m", "stderr", "-C", conf,
                        "-p", f"/run/radvd-{ifname}.pid"], name=f"radvd-{ifname}")
        p.wait_log("version .* started", 10)
        return p

    def close(self):
        for p in reversed(self.processes):
            p.stop()
        self.holder.kill()
        self.holder.wait()
        subprocess.run(["umount", "-R", "-l", self.root], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.root.parent, ignore_errors=True)


class Lab:
    """Some nodes and what joins them. Close it, or use it in a `with`."""

    def __init__(self, name):
        if not inside():
            raise LabError("not inside the lab's namespaces: call lab.enter() first")
        self.name = re.sub(r"[^A-Za-z0-9_.-]+", "-", name)
        self.dir = BUILD / "lab" / self.name  # logs and captures
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        # For what a server without privileges serves: below a checkout in /root it could read none.
        self.files = SCRATCH / self.name / "files"
        self.files.mkdir(parents=True)
        for d in (self.files, self.files.parent):
            d.chmod(0o755)
        self.nodes = {}
        self.ports = 0
        self.lock = threading.Lock()
        # Bridges and taps have a namespace of their own, which says nothing itself.
        self.switch = self.node("switch")
        self.switch.sysctl("net.ipv6.conf.default.disable_ipv6", 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def node(self, name, dad=False):
        """A new machine, without interfaces but lo. dad: it does duplicate address detection."""
        if name in self.nodes:
            raise LabError(f"lab {self.name} has a node {name} already")
        self.nodes[name] = Node(self, name, dad)
        return self.nodes[name]

    def _mac(self):
        with self.lock:
            self.ports += 1
            return f"52:54:00:fe:{self.ports >> 8:02x}:{self.ports & 255:02x}"

    def veth(self, a, aname, b, bname, amac=None, bmac=None):
        """A cable between two nodes; both ends are up."""
        a.ip(f"link add name {aname} address {amac or self._mac()} type veth "
             f"peer name {bname} address {bmac or self._mac()} netns {b.holder.pid}",
             f"link set {aname} up")
        b.ip(f"link set {bname} up")

    def bridge(self, name):
        """A switch, to which nodes and guests are attached by its name. Frames
        pass as they are, tagged or not."""
        self.switch.ip(f"link add name {name} type bridge stp_state 0 forward_delay 0 "
                       "mcast_snooping 0", f"link set {name} up")

    def _port(self):
        with self.lock:
            self.ports += 1
            return f"p{self.ports}"

    def attach(self, bridge, node, ifname, mac=None, vlan=None):
        """Gives a node an interface on a bridge; with `vlan`, as an access port: the node sees
        that VLAN, untagged, and nothing else."""
        if vlan:
            return self._access(bridge, node, ifname, mac or self._mac(), vlan)
        port = self._port()
        self.veth(self.switch, port, node, ifname, bmac=mac)
        self.switch.ip(f"link set {port} master {bridge}")
        return port

    def _access(self, bridge, node, ifname, mac, vlan):
        port = self.tap(bridge)
        node.ip(f"tuntap add dev {ifname} mode tap", f"link set {ifname} address {mac} up")
        tagger = self.switch.start(
            [sys.executable, TOP / "tests/lab/tagger.py", vlan,
             f"/proc/{self.switch.holder.pid}/ns/net", port,
             f"/proc/{node.holder.pid}/ns/net", ifname], name=f"tagger-{port}", outside=True)
        tagger.wait_log("ready", 10)
        return port

    def tap(self, bridge):
        """A tap on a bridge, for a guest; returns its name, which is known in lab.switch."""
        port = self._port()
        self.switch.ip(f"tuntap add dev {port} mode tap", f"link set {port} master {bridge} up")
        return port

    def wait(self, what, condition, timeout=20, every=0.1):
        try:
            return wait(what, condition, timeout, every)
        except LabError as e:
            raise LabError(f"{e}; logs: {self.dir}") from None

    def logs(self):
        """All logs' last lines, for a failure's report."""
        out = [f"logs: {self.dir}"]
        for log in sorted(self.dir.glob("*.log")):
            if log.stat().st_size:
                out.append(f"-- {log.name}\n{tail(log, 20)}")
        return "\n".join(out)

    def close(self):
        for node in reversed(list(self.nodes.values())):
            node.close()
        self.nodes.clear()
        shutil.rmtree(self.files.parent, ignore_errors=True)


if __name__ == "__main__":  # lab.py ARGS...: runs `python3 ARGS...` inside the lab
    enter([sys.executable, *sys.argv[1:]])
