"""TFTP against tftp-hpa, atftp and curl, over IPv4 and IPv6; and packet by packet where no client
shows what matters."""
import re

import pytest

import lab as labs
from serving import SERVER4, SERVER6, WEB1, Site

INITRD = "trees/c79/images/pxeboot/initrd.img"
SERVERS = [SERVER6, SERVER4]


@pytest.fixture(scope="module")
def site():
    with labs.Lab("tftp") as lab:
        s = Site(lab)
        s.start("--no-dhcp6", "--debug")
        yield s
        s.close()


def got(site):
    return site.client.path("/tmp/got").read_bytes()


def hpa(site, server, name, mode="binary", check=True):
    site.client.path("/tmp/got").unlink(missing_ok=True)
    return site.client.run(["tftp", "-6" if ":" in server else "-4", "-m", mode, server, "-c", "get",
                            name, "/tmp/got"], check=check)


def atftp(site, server, name, *options, check=True):
    site.client.path("/tmp/got").unlink(missing_ok=True)
    words = [w for o in options for w in ("--option", o)]
    return site.client.run(["atftp", "--trace", *words, "--get", "--remote-file", name,
                            "--local-file", "/tmp/got", server, "69"], check=check)


@pytest.mark.parametrize("server", SERVERS)
def test_hpa(site, server):
    for name in [INITRD, "boot/ipxe.efi", "boot/block.bin", "trees/c79/empty"]:
        hpa(site, server, name)
        assert got(site) == site.files[name], name


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("options", [
    (), ("tsize",), ("blksize 1428",), ("blksize 8",), ("blksize 65464",), ("timeout 2",),
    ("windowsize 4",), ("blksize 1400", "windowsize 16"), ("blksize 1400", "windowsize 65535"),
    ("tsize", "timeout 1", "blksize 1024", "windowsize 8")])
def test_atftp(site, server, options):
    names = ["boot/block.bin", "trees/c79/empty", "boot/ipxe.efi"]
    for name in names if options == ("blksize 8",) else [*names, INITRD]:
        atftp(site, server, name, *options)
        assert got(site) == site.files[name], name


@pytest.mark.parametrize("server", SERVERS)
def test_curl(site, server):
    host = f"[{server}]" if ":" in server else server
    for name in [INITRD, "boot/block.bin", "boot/ipxe.efi"]:
        for size in ["512", "1428"]:
            site.client.run(["curl", "-sS", "-g", "-f", "--tftp-blksize", size, "-o", "/tmp/got",
                             f"tftp://{host}/{name}"])
            assert got(site) == site.files[name], name


def test_the_forms_of_a_name(site):
    """docs/boot-protocols.md §4.1."""
    for name in ["ipxe.efi", "/ipxe.efi", "//ipxe.efi", "/boot//ipxe.efi", "boot\\ipxe.efi",
                 "\\boot\\ipxe.efi", "%69pxe.efi"]:
        hpa(site, SERVER6, name)
        assert got(site) == site.files["boot/ipxe.efi"], name


def test_what_is_refused(site):
    for name, says in {"/boot/nope.efi": "no such file here", "boot/../base.ks": "no path",
                       "/debrevocations_sku.efi": "no such file here"}.items():
        p = hpa(site, SERVER6, name, check=False)
        assert says in p.stdout + p.stderr, name
    p = hpa(site, SERVER6, "boot/ipxe.efi", mode="ascii", check=False)
    assert "only octet mode" in p.stdout + p.stderr
    site.client.write("/tmp/put", "x")
    p = site.client.run(["tftp", "-6", "-m", "binary", SERVER6, "-c", "put", "/tmp/put", "boot/x"],
                        check=False)
    assert "only reading" in p.stdout + p.stderr
    assert not (site.dir / "boot/x").exists()
    log = site.process.output()
    assert re.search("debug tftp host=web1 stage=loader .*path=debrevocations_sku.efi", log)
    assert re.search("info tftp host=web1 stage=loader .*path=boot/nope.efi result=refused", log)


def test_a_host_gets_its_script(site):
    site.kickline("disarm", "--all")
    hpa(site, SERVER6, "/grub/grub.cfg")
    assert b"vmlinuz" not in got(site)
    assert b"" != got(site)
    site.kickline("arm", "web1")
    for name in ["/grub/grub.cfg", "/host/web1/grub.cfg", "pxelinux.cfg/01-52-54-00-00-00-01",
                 "host/web1/boot.ipxe"]:
        hpa(site, SERVER6, name)
        assert b"vmlinuz" in got(site), name
    # Over IPv4 the address belongs to web2, which is not armed.
    hpa(site, SERVER4, "/grub/grub.cfg")
    assert b"vmlinuz" not in got(site)
    site.kickline("disarm", "web1")
    site.process.wait_log(f"tftp host=web1 stage=loader from={WEB1} path=grub/grub.cfg result=sent")


def test_a_link_local_address(site):
    """Firmware asks from fe80::; the answer goes out of the same interface. The host is known by
    the EUI-64 of its address."""
    address = site.server.link_local("eth0")
    own = site.client.link_local("eth0")
    site.python(CLIENT, f"{address}%eth0", "grub/grub.cfg")
    site.process.wait_log(f"tftp host=web1 stage=loader from={own} path=grub/grub.cfg result=sent")


# A client that does what it is told: it checks where answers come from.
CLIENT = r"""
import socket, sys
server, name = sys.argv[1], sys.argv[2]
mode = sys.argv[3] if len(sys.argv) > 3 else ""
info = socket.getaddrinfo(server, 69, type=socket.SOCK_DGRAM)[0]
s = socket.socket(info[0], socket.SOCK_DGRAM)
s.settimeout(8)
window = 4 if "window" in mode else 1
options = b"windowsize\x004\0" if window == 4 else b""
s.sendto(b"\0\1" + name.encode() + b"\0octet\0" + options, info[4])
data, expect, peer, since, repeats = b"", 1, None, 0, 0
dropped = set()
def ack(n):
    s.sendto(b"\0\4" + (n & 65535).to_bytes(2, "big"), peer)
while True:
    p, frm = s.recvfrom(70000)
    assert frm[0] == info[4][0] and frm[1] != 69, frm
    assert peer in (None, frm), "another port"
    peer = frm
    if p[1] == 6:
        ack(0)
        continue
    assert p[:2] == b"\0\3", p
    n = int.from_bytes(p[2:4], "big")
    if "lossy" in mode and n % 7 == 3 and n not in dropped:
        dropped.add(n)                       # this one never came
        continue
    if n != expect & 65535:
        repeats += 1
        ack(expect - 1)                      # as EDK2: the last in order, for each stray one
        continue
    data += p[4:]
    expect += 1
    since += 1
    last = len(p) < 516
    if "double" in mode and not last:
        ack(n)                               # the network doubles it
    if last or since == window:
        since = 0
        ack(n)
    if last:
        break
print(len(data), repeats)
"""


def test_lost_blocks_are_sent_again(site):
    """Every seventh block is lost once: all arrive, and quickly, since a gap in a window is told
    by the client and not by the timer."""
    out = site.python(CLIENT, SERVER6, "trees/c79/images/pxeboot/vmlinuz", "window lossy")
    assert out.split()[0] == "40000"


def test_doubled_acks_do_not_double_the_blocks(site):
    """The Sorcerer's Apprentice."""
    out = site.python(CLIENT, SERVER6, "boot/ipxe.efi", "double")
    assert out.split() == ["200000", "0"]


RAW = r"""
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[3]))
s.sendto(sys.argv[2].encode("latin-1").decode("unicode_escape").encode("latin-1"), (sys.argv[1], 69))
try:
    print(s.recv(70000)[:200])
except TimeoutError:
    print("silence")
"""


@pytest.mark.parametrize("packet, answer", [
    (r"\0\1boot/ipxe.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0",
     r"b'\x00\x06blksize\x001448\x00tsize\x00200000\x00windowsize\x004\x00'"),  # 1500 - 52
    (r"\0\1boot/ipxe.efi\0octet\0TSIZE\x000\0foo\0bar\0", r"b'\x00\x06tsize\x00200000\x00'"),
    (r"\0\1boot/ipxe.efi\0octet\0foo\0bar\0", None),
    (r"\0\1boot/ipxe.efi\0octet", "b'\\x00\\x05\\x00\\x04"),
    (r"\0\1\0octet\0", "b'\\x00\\x05\\x00\\x02"),
    (r"\0\4\0\1", "silence"),
    (r"\0\5\0\1oops\0", "silence"),
    (r"\0", "silence"),
    (r"\0\1" + "x" * 3000 + r"\0octet\0", "silence"),
])
def test_packets(site, packet, answer):
    out = site.python(RAW, SERVER6, packet, "0.5").strip()
    out = out.replace('b"', "b'", 1)  # as Python likes to quote it
    assert out.startswith(answer or r"b'\x00\x03\x00\x01"), out
    hpa(site, SERVER6, "trees/c79/small.txt")
    assert got(site) == b"hello\n"


def test_an_abort_after_the_size_is_no_failure(site):
    """docs/boot-protocols.md §4: firmware's first request only asks for the size."""
    site.python(r"""
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(5)
s.sendto(b"\0\1boot/ipxe.efi\0octet\0tsize\0000\0", (sys.argv[1], 69))
p, peer = s.recvfrom(1000)
s.sendto(b"\0\5\0\10User aborted the transfer\0", peer)
""", SERVER6)
    site.process.wait_log('debug tftp host=web1 .*path=boot/ipxe.efi result=ended-by-client')


def test_many_at_once(site):
    out = site.python(r"""
import subprocess, sys
ps = [subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2], "boot/ipxe.efi", "window"],
                       stdout=subprocess.PIPE) for _ in range(20)]
print([p.communicate()[0].split()[0] for p in ps].count(b"200000"))
""", CLIENT, SERVER6)
    assert out.strip() == "20"


def test_one_address_gets_so_many_and_no_more(site):
    """A forged source cannot fill the server up, nor be flooded by it."""
    out = site.python(r"""
import socket, sys
kinds = []
socks = []
for i in range(80):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(b"\0\1boot/ipxe.efi\0octet\0", (sys.argv[1], 69))
    kinds.append(s.recv(1000)[1])
    socks.append(s)
print(kinds.count(3), kinds.count(5))
""", SERVER6)
    assert out.split() == ["64", "16"]
