"""HTTP against curl: IPv4 and IPv6, keep-alive, HEAD, ranges, conditions, and what is refused."""
import os
import re
import threading

import pytest

import lab as labs
from serving import SERVER4, SERVER6, WEB1, Site

BASES = [f"http://[{SERVER6}]", f"http://{SERVER4}"]
INITRD = "/trees/c79/images/pxeboot/initrd.img"


@pytest.fixture(scope="module")
def site():
    with labs.Lab("http") as lab:
        s = Site(lab)
        s.start("--no-dhcp6", "--debug")
        yield s
        s.close()


def headers(site, path, *args, base=BASES[0]):
    """Status line and headers of a response, names as they were spelt."""
    out = site.curl("-o", "/dev/null", "-D", "-", *args, base + path).stdout
    lines = out.replace("\r", "").strip().split("\n")
    return lines[0], dict(line.split(": ", 1) for line in lines[1:])


@pytest.mark.parametrize("base", BASES)
def test_files_come_whole(site, base):
    for name, data in site.files.items():
        path = "/" + name
        assert site.download(path, base=base) == data, name
        line, head = headers(site, path, "-I", base=base)
        assert line == "HTTP/1.1 200 OK"
        assert head["Content-Length"] == str(len(data))  # GRUB compares the letters, too
        assert "Transfer-Encoding" not in head
    _, head = headers(site, "/boot/ipxe.efi")
    assert head["Content-Type"] == "application/efi"  # exactly: EDK2


def test_head_then_get_on_one_connection(site):
    """What EDK2 does, and 200 small files in a row as dnf does."""
    out = site.curl("-v", "-I", BASES[0] + "/boot/ipxe.efi", "--next", "-s", "-g", "-v", "-o",
                    "/dev/null", BASES[0] + "/boot/ipxe.efi").stderr
    assert len(re.findall("^\\* Connected to", out, re.M)) == 1
    out = site.curl("-w", "%{http_code} %{num_connects}\\n",
                    *["-o", "/dev/null", BASES[0] + "/trees/c79/small.txt"] * 200).stdout.split()
    assert out[0::2] == ["200"] * 200
    assert sum(map(int, out[1::2])) == 1


def test_ranges(site):
    data = site.files["trees/c79/images/pxeboot/initrd.img"]
    n = len(data)
    for wish, part in {"0-9": data[:10], "100000-299999": data[100000:300000],
                       f"{n - 5}-": data[-5:], "-7": data[-7:], f"10-{n * 2}": data[10:]}.items():
        assert site.download(INITRD, "-r", wish) == part, wish
    line, head = headers(site, INITRD, "-r", "5-14")
    assert line == "HTTP/1.1 206 Partial Content"
    assert head["Content-Range"] == f"bytes 5-14/{n}" and head["Content-Length"] == "10"
    line, head = headers(site, INITRD, "-r", f"{n}-")
    assert line.startswith("HTTP/1.1 416") and head["Content-Range"] == f"bytes */{n}"
    line, head = headers(site, INITRD, "-H", "Range: bytes=0-1,4-5")
    assert line == "HTTP/1.1 200 OK" and head["Content-Length"] == str(n)
    # A download that broke off goes on.
    site.client.write("/tmp/got", data[:123456])
    site.curl("-f", "-C", "-", "-o", "/tmp/got", BASES[0] + INITRD)
    assert site.client.path("/tmp/got").read_bytes() == data


def test_conditions(site):
    _, head = headers(site, INITRD)
    tag, date = head["ETag"], head["Last-Modified"]
    assert re.fullmatch('"[0-9a-f]+"', tag)
    assert head["Accept-Ranges"] == "bytes"
    n = str(len(site.files["trees/c79/images/pxeboot/initrd.img"]))
    line, head = headers(site, INITRD, "-H", f"If-None-Match: {tag}")
    assert line == "HTTP/1.1 304 Not Modified" and head["ETag"] == tag
    assert head.get("Content-Length", n) == n
    for header, status in {
            f"If-Modified-Since: {date}": 304,
            "If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT": 200,
            'If-None-Match: "other"': 200,
            f"If-Match: {tag}": 200,
            'If-Match: "other"': 412,
            f"If-Unmodified-Since: {date}": 200,
            "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT": 412}.items():
        assert site.status(INITRD, "-H", header) == status, header
    assert site.status(INITRD, "-r", "0-0", "-H", f"If-Range: {tag}") == 206
    assert site.status(INITRD, "-r", "0-0", "-H", 'If-Range: "other"') == 200
    # After a 304 the connection goes on.
    out = site.curl("-o", "/dev/null", "-w", "%{http_code} %{num_connects}\\n", "-H",
                    f"If-None-Match: {tag}", BASES[0] + INITRD, BASES[0] + INITRD).stdout
    assert out.split() == ["304", "1", "304", "0"]


def test_a_changed_file_is_a_new_file(site):
    path = site.dir / "trees/c79/changing"
    path.write_bytes(b"one")
    assert site.download("/trees/c79/changing") == b"one"
    _, before = headers(site, "/trees/c79/changing")
    path.write_bytes(b"two")
    assert site.download("/trees/c79/changing") == b"two"
    _, after = headers(site, "/trees/c79/changing")
    assert before["ETag"] != after["ETag"]
    fresh = path.with_name("fresh")
    fresh.write_bytes(b"three")
    fresh.rename(path)
    assert site.download("/trees/c79/changing") == b"three"
    path.unlink()
    assert site.status("/trees/c79/changing") == 404


def test_paths(site):
    """The forms of docs/boot-protocols.md §4.1, and what must not get out."""
    small = site.files["trees/c79/small.txt"]
    for path in ["//trees//c79/small.txt", "/trees\\c79\\small.txt", "/trees/c79/%73mall.txt",
                 "/./trees/c79/./small.txt", "/trees/c79/small.txt?x=1"]:
        assert site.download(path, "--path-as-is") == small, path
    assert site.download("/ipxe.efi") == site.files["boot/ipxe.efi"]
    (site.dir / "trees/leak").symlink_to("/etc/passwd")
    (site.dir / "trees/up").symlink_to("../..")
    for path, status in {"/trees/leak": 404, "/trees/up/base.ks": 404, "/trees/../base.ks": 400,
                         "/trees/%2e%2e/base.ks": 400, "/trees/..%5cbase.ks": 400,
                         "/trees/a%00b": 400, "/trees/c79": 404, "/trees/": 404, "/": 404,
                         "/state/state.db": 404, "/trees/" + "x" * 3000: 400}.items():
        assert site.status(path, "--path-as-is") == status, path
    assert site.process.wait_log("path=trees/leak .*why=\"a symbolic link leads out of ")


def test_methods(site):
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"]:
        line, head = headers(site, "/boot/ipxe.efi", "-X", method)
        assert line.startswith("HTTP/1.1 405") and head["Allow"] == "GET, HEAD", method
    assert site.status("/boot/ipxe.efi", "-X", "GET", "-d", "body") == 400
    assert site.status("/boot/ipxe.efi", "--http1.0") == 200


RAW = """
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 2)
s.sendall(sys.argv[2].encode("latin-1").decode("unicode_escape").encode("latin-1"))
got = b""
try:
    while b"\\r\\n" not in got and (part := s.recv(65536)):
        got += part
except (ConnectionResetError, TimeoutError):
    pass  # hung up, or waiting for more of what is no request
print(got.decode("latin-1").split("\\r\\n")[0])
"""


@pytest.mark.parametrize("bytes_, first", [
    (r"GET /trees/c79/small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200 OK"),
    (r"GET http://kickline/trees/c79/small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
     "HTTP/1.1 200 OK"),
    (r"GET /trees/c79/small.txt HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
    (r"GET /trees/c79/small.txt\n\n", None),
    (r"\x00\xff\x16\x03\x01 junk\r\n\r\n", None),
    (r"GET /" + "a" * 20000 + r" HTTP/1.1\r\nHost: x\r\n\r\n", None),
    (r"GET / HTTP/1.1\r\nHost: x\r\nX: " + "b" * 20000 + r"\r\n\r\n", None),
])
def test_odd_requests(site, bytes_, first):
    got = site.python(RAW, SERVER6, bytes_).strip()
    assert not got.startswith("HTTP/1.1 5") or " 505 " in got
    if first is not None:
        assert got == first
    assert site.status("/trees/c79/small.txt") == 200


def test_a_host_that_is_not_armed_boots_its_disk(site):
    site.kickline("disarm", "--all")
    script = site.download("/host/web1/boot.ipxe").decode()
    assert script.startswith("#!ipxe\n") and "vmlinuz" not in script
    assert site.status("/host/web1/ks.cfg") == 404
    site.process.wait_log("http host=web1 stage=installer .*path=host/web1/ks.cfg status=404 .*"
                          "why=\"not armed\"")
    _, before = headers(site, "/host/web1/boot.ipxe")
    site.kickline("arm", "web1")
    assert "vmlinuz" in site.download("/host/web1/boot.ipxe").decode()
    assert b"lang en_US" in site.download("/host/web1/ks.cfg")
    _, after = headers(site, "/host/web1/boot.ipxe")
    assert before["ETag"] != after["ETag"] and after["Cache-Control"] == "no-cache"
    # By the address that asks, at the place where loaders look.
    assert "vmlinuz" in site.download("/boot.ipxe").decode()
    assert "vmlinuz" in site.download("/grub/grub.cfg").decode()
    assert "vmlinuz" not in site.download("/boot.ipxe", base=BASES[1]).decode()  # that is web2
    site.kickline("disarm", "web1")
    assert "vmlinuz" not in site.download("/boot.ipxe").decode()
    script = site.download("/host/nobody/boot.ipxe").decode()
    assert script.startswith("#!ipxe\n") and "vmlinuz" not in script


def test_reports_reach_the_log(site):
    assert site.status("/host/web1/report?stage=loader&ip6=2001:db8:11::1&odd=a%20b%1b[2J") == 200
    m = site.process.wait_log(f"info report host=web1 stage=loader from={WEB1} (.*)")
    assert m.group(1) == 'ip6=2001:db8:11::1 odd="a b?[2J"'
    assert site.status("/host/nobody/report?x=1") == 404
    assert "\x1b" not in site.process.output()


def test_a_slow_client_does_not_hold_up_others(site):
    """As many idle connections as there are threads, and many more."""
    hold = """
import socket, sys, time
held = []
for i in range(300):
    s = socket.create_connection((sys.argv[1], 80), 10)
    s.sendall(b"GET /trees/c79/images/pxeboot/initrd.img HTTP/1.1\\r\\nHost: x\\r\\n" + b"\\r\\n" * (i % 2))
    held.append(s)
print("held", flush=True)
time.sleep(4)
"""
    t = threading.Thread(target=site.python, args=(hold, SERVER6))
    t.start()
    for _ in range(20):
        assert site.status("/trees/c79/small.txt", "-m", "2") == 200
    t.join()
    assert site.download(INITRD) == site.files[INITRD[1:]]


def test_a_served_file_is_let_go(site):
    """A tree can be removed or unmounted soon after: no file of it stays open."""
    path = site.dir / "trees/c79/unloved"
    path.write_bytes(bytes(1_000_000))
    assert site.download("/trees/c79/unloved") == bytes(1_000_000)

    def opened():
        fds = f"/proc/{site.process.popen.pid}/fd"
        return [t for t in map(lambda fd: os.readlink(f"{fds}/{fd}"), os.listdir(fds))
                if "unloved" in t]
    assert len(opened()) == 1  # kept for the next one who wants it
    labs.wait("the file to be let go", lambda: not opened(), 30)
