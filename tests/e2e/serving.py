"""`kickline serve` on a node of the lab, for the tests of its services: two machines, a wire, a
small fleet. The server is the build with AddressSanitizer and UndefinedBehaviorSanitizer: what
they have to say makes it end with a status that stop() does not accept."""
import random
import signal
import sys

import lab as labs

PROGRAM = labs.BUILD / "check/kickline"
SERVER6, SERVER4 = "2001:db8:11::20", "192.0.2.20"
WEB1, WEB2 = "2001:db8:11::1", "192.0.2.2"

INVENTORY = """
server:
  address: ["2001:db8:11::20", 192.0.2.20]
  trees: {dir}/trees
  boot: {dir}/boot
  state: {dir}/state/state.db
profiles:
  el7: {{release: centos-7.9, tree: c79, kickstart: base.ks}}
hosts:
  web1:
    profile: el7
    nics: {{ens3: "52:54:00:00:00:01"}}
    network: {{ens3: {{addresses: ["2001:db8:11::1/64"], gateway6: ra}}}}
  web2:
    profile: el7
    nics: {{ens3: "52:54:00:00:00:02"}}
    network: {{ens3: {{addresses: ["192.0.2.2/24"], gateway4: 192.0.2.254}}}}
"""

TREEINFO = """[general]
family = CentOS
version = 7
arch = x86_64
[images-x86_64]
kernel = images/pxeboot/vmlinuz
initrd = images/pxeboot/initrd.img
"""


def host(name, number):
    """One more host, for the inventory."""
    return (f"  {name}:\n    profile: el7\n"
            f"    nics: {{ens3: \"52:54:00:01:{number // 256:02x}:{number % 256:02x}\"}}\n"
            f"    network: {{ens3: {{addresses: [\"2001:db8:11::1:{number:x}/64\"],"
            " gateway6: ra}}\n")


class Site:
    """The files of a server, and two nodes: `server` and `client`, which is web1 by its address
    and by its MAC."""

    def __init__(self, lab):
        self.lab, self.dir = lab, lab.files
        self.server, self.client = lab.node("server"), lab.node("client")
        lab.veth(self.server, "eth0", self.client, "eth0", bmac="52:54:00:00:00:01")
        self.server.addr("eth0", SERVER6 + "/64", SERVER4 + "/24")
        self.client.addr("eth0", WEB1 + "/64", WEB2 + "/24")
        noise = random.Random(7)
        self.files = {
            "trees/c79/.treeinfo": TREEINFO.encode(),
            "trees/c79/empty": b"",
            "trees/c79/small.txt": b"hello\n",
            "trees/c79/images/pxeboot/vmlinuz": noise.randbytes(40000),
            "trees/c79/images/pxeboot/initrd.img": noise.randbytes(3_000_001),
            "boot/ipxe.efi": noise.randbytes(200_000),
            "boot/block.bin": noise.randbytes(512 * 8),  # ends with a block
        }
        for name, data in self.files.items():
            path = self.dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.dir / "base.ks").write_text("lang en_US\ntext\n")
        self.conf = self.dir / "kickline.yaml"
        self.write()
        self.process = None

    def write(self, more=""):
        self.conf.write_text(INVENTORY.format(dir=self.dir) + more)

    def kickline(self, command, *args, **kw):
        return self.server.run([PROGRAM, command, "-f", self.conf, *args], outside=True, **kw)

    def start(self, *args, node=None, env=None, wait=True):
        p = (node or self.server).start([PROGRAM, "serve", "-f", self.conf, *args],
                                        name="kickline", outside=True, env=env)
        if wait:
            p.wait_log("info start ")
        if node is None:
            self.process = p
        return p

    def stop(self, process=None):
        """Stops it; it must end well, and say so."""
        p = process or self.process
        p.send(signal.SIGTERM)
        status = p.wait(20)
        assert status == 0, p.output()[-4000:]
        assert "info stopped " in p.output()
        if p is self.process:
            self.process = None

    def curl(self, *args, **kw):
        return self.client.run(["curl", "-sS", "-g", *args], **kw)

    def status(self, path, *args, base=None):
        """The status code of one request."""
        return int(self.curl("-o", "/dev/null", "-w", "%{http_code}", *args,
                             (base or f"http://[{SERVER6}]") + path).stdout)

    def download(self, path, *args, base=None):
        """The bytes of one request."""
        self.curl("-f", "-o", "/tmp/got", *args, (base or f"http://[{SERVER6}]") + path)
        return self.client.path("/tmp/got").read_bytes()

    def python(self, code, *args, node=None, timeout=30):
        """Runs a piece of Python in the client's network; returns its output."""
        return (node or self.client).run([sys.executable, "-c", code, *args], outside=True,
                                         timeout=timeout).stdout

    def close(self):
        if self.process and self.process.running:
            self.stop()
