"""The life of `kickline serve`: privileges, reload, stop, what survives; arm and disarm."""
import json
import os
import re
import signal
import socket
import threading
import time

import pytest

import lab as labs
from serving import PROGRAM, SERVER6, Site, host

INITRD = "/trees/c79/images/pxeboot/initrd.img"


@pytest.fixture
def site(lab):
    s = Site(lab)
    yield s
    s.close()


def process_status(p):
    """The fields of /proc/PID/status, of every thread."""
    out = []
    for t in os.listdir(f"/proc/{p.popen.pid}/task"):
        with open(f"/proc/{p.popen.pid}/task/{t}/status") as f:
            out.append(dict(line.rstrip().split(":\t", 1) for line in f if ":\t" in line))
    return out


def test_privileges_are_gone(site):
    p = site.start()
    threads = process_status(p)
    assert len(threads) > 2
    for t in threads:
        assert set(t["Uid"].split()) == set(t["Gid"].split()) == {"65534"}
        for caps in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
            assert int(t[caps], 16) == 0, caps
        assert t["NoNewPrivs"] == "1"
        assert "0" not in t["Groups"].split()
    assert site.status("/boot/ipxe.efi") == 200
    # A reload and arming go on working, though root's command touched the state file.
    site.kickline("arm", "web1")
    assert site.status("/host/web1/ks.cfg") == 200
    site.write(host("web3", 3))
    p.send(signal.SIGHUP)
    p.wait_log("reload .*result=used hosts=3")
    site.stop()


def test_what_the_user_cannot_read_is_said(site):
    (site.dir / "base.ks").chmod(0o600)
    (site.dir / "boot").chmod(0o700)
    p = site.start("--no-dhcp6")
    p.wait_log(r"warning check .*kickstart=\S*base.ks why=\"Permission denied\"")
    p.wait_log(r"warning check .*boot=\S*/boot why=\"Permission denied\"")
    assert site.status("/boot/ipxe.efi") == 500
    p.wait_log("error http .*path=boot/ipxe.efi status=500 .*why=\"below .* no permission")
    site.stop()


def test_without_root(site):
    """Any user can run it, on ports above 1023."""
    site.conf.write_text(site.conf.read_text().replace(
        "server:", "server:\n  http-port: 8080\n  tftp-port: 6969"))
    (site.dir / "state").mkdir()
    os.chown(site.dir / "state", 65534, 65534)
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    p = site.server.run([*user, PROGRAM, "serve", "-f", site.conf], outside=True, check=False)
    assert p.returncode == 2
    assert "547" in p.stderr and "root" in p.stderr, p.stderr
    q = site.server.start([*user, PROGRAM, "serve", "-f", site.conf, "--no-dhcp6"], outside=True,
                          name="unprivileged")
    q.wait_log("info start ")
    base = f"http://[{SERVER6}]:8080"
    assert site.status("/boot/ipxe.efi", base=base) == 200
    site.server.run([*user, PROGRAM, "arm", "-f", site.conf, "web1"], outside=True)
    assert site.status("/host/web1/ks.cfg", base=base) == 200
    site.stop(q)


def test_a_taken_port_is_named(site):
    site.start("--no-dhcp6")
    p = site.kickline("serve", "--no-dhcp6", check=False)
    assert p.returncode == 2
    assert "TCP port 80 of IPv6: Address already in use" in p.stderr
    assert "server.http-port" in p.stderr
    p = site.kickline("serve", "--no-dhcp6", "--no-http", check=False)
    assert p.returncode == 2
    assert "UDP port 69 of IPv6: Address already in use" in p.stderr
    site.stop()


def test_a_broken_inventory(site):
    good = site.conf.read_text()
    site.conf.write_text(good.replace("release: centos-7.9", "release: centos-7.99"))
    p = site.kickline("serve", check=False)
    assert p.returncode == 2 and "kickline.yaml:8:" in p.stderr and "is not used" in p.stderr
    site.conf.write_text(good)
    p = site.start("--no-dhcp6")
    site.conf.write_text(good.replace("ens3: {addresses", "ens3: {adresses") + host("web3", 3))
    p.send(signal.SIGHUP)
    p.wait_log(r"error serve .*kickline.yaml:13:\d+: .*did you mean 'addresses'")
    p.wait_log("error reload .*result=refused errors=[1-9]")
    assert site.status("/host/web1/boot.ipxe") == 200
    p.wait_log("http host=web1 .*why=\"not armed\"")
    site.status("/host/web3/boot.ipxe")
    p.wait_log("path=host/web3/boot.ipxe .*why=\"unknown host\"")
    site.conf.write_text(good + host("web3", 3))
    p.send(signal.SIGHUP)
    p.wait_log("reload .*result=used hosts=3")
    site.status("/host/web3/boot.ipxe")
    p.wait_log("http host=web3 .*path=host/web3/boot.ipxe .*why=\"not armed\"")
    site.stop()


def test_a_reload_loses_no_request(site):
    """Small files and a host's script, one after the other, on connections that stay, and TFTP,
    while the inventory is read again and again, each time another one."""
    p = site.start("--no-dhcp6")
    site.kickline("arm", "web1")
    stop, statuses, tftp = threading.Event(), [], []

    def http():
        urls = [w for _ in range(50) for path in ("/trees/c79/small.txt", "/host/web1/boot.ipxe")
                for w in ("-o", "/dev/null", f"http://[{SERVER6}]{path}")]
        while not stop.is_set():
            statuses.extend(site.curl("-w", "%{http_code} ", *urls).stdout.split())

    def tftp_():
        while not stop.is_set():
            tftp.append(site.client.run(["curl", "-sS", "-g", "-f", "-o", "/tmp/tftp",
                                         f"tftp://[{SERVER6}]/boot/ipxe.efi"],
                                        check=False).returncode)
    threads = [threading.Thread(target=f) for f in (http, http, tftp_)]
    for t in threads:
        t.start()
    for i in range(10):
        site.write("".join(host(f"more{n}", n) for n in range(i * 20)))
        p.send(signal.SIGHUP)
        p.wait_log(f"reload .*result=used hosts={2 + i * 20}$")
    stop.set()
    for t in threads:
        t.join()
    assert len(statuses) > 100 and set(statuses) == {"200"}
    assert tftp and set(tftp) == {0}
    site.stop()


def test_many_reloads_at_once(site):
    p = site.start("--no-dhcp6")
    for i in range(50):
        p.send(signal.SIGHUP)
    site.write(host("web3", 3))
    p.send(signal.SIGHUP)
    p.wait_log("reload .*result=used hosts=3")
    site.stop()


def test_sigterm_lets_a_download_end(site):
    big = site.dir / "trees/c79/big"
    big.write_bytes(os.urandom(6_000_000))
    p = site.start("--no-dhcp6")
    out = []
    t = threading.Thread(target=lambda: out.append(
        site.curl("-f", "-o", "/tmp/got", "--limit-rate", "3M",
                  f"http://[{SERVER6}]/trees/c79/big", check=False).returncode))
    t.start()
    p.wait_log("path=trees/c79/big")
    p.send(signal.SIGTERM)
    p.wait_log("info stop .*signal=TERM")
    assert site.curl("-m", "2", f"http://[{SERVER6}]/boot/ipxe.efi", check=False).returncode in (
        7, 56)  # refused, or reset
    t.join()
    assert out == [0]
    assert site.client.path("/tmp/got").read_bytes() == big.read_bytes()
    assert p.wait(10) == 0
    assert "not finished" not in p.output()
    site.process = None


def test_sigterm_waits_only_so_long(site):
    big = site.dir / "trees/c79/big"
    big.write_bytes(bytes(40_000_000))
    p = site.start("--no-dhcp6")
    t = threading.Thread(target=lambda: site.curl(
        "-m", "8", "-o", "/dev/null", "--limit-rate", "100k", f"http://[{SERVER6}]/trees/c79/big",
        check=False))
    t.start()
    p.wait_log("path=trees/c79/big")
    begin = time.monotonic()
    p.send(signal.SIGTERM)
    assert p.wait(15) == 0
    assert 4 < time.monotonic() - begin < 9
    assert "1 answers not finished after 5 s" in p.output()
    site.process = None
    t.join()


def test_counters(site):
    p = site.start("--no-dhcp6")
    for _ in range(3):
        site.status("/nope")
    p.send(signal.SIGUSR1)
    p.wait_log("info counter .*reason=http-not-found n=3")
    site.stop()
    assert p.output().count("reason=http-not-found n=3") == 2


def test_systemd_is_told(site):
    """READY, RELOADING with its time, STOPPING; and journald's priorities instead of a time."""
    path = site.dir / "notify"
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(str(path))
    path.chmod(0o777)
    s.settimeout(10)
    p = site.server.start(
        ["sh", "-c", 'export JOURNAL_STREAM="$(stat -L -c %d:%i /dev/fd/2)"; exec "$@"', "sh",
         PROGRAM, "serve", "-f", site.conf, "--no-dhcp6"],
        name="kickline", outside=True, env={"NOTIFY_SOCKET": str(path)})
    assert s.recv(4096).startswith(b"READY=1\nSTATUS=2 hosts of ")
    p.send(signal.SIGHUP)
    assert re.match(rb"RELOADING=1\nMONOTONIC_USEC=\d+\n", s.recv(4096))
    assert s.recv(4096).startswith(b"READY=1\n")
    p.send(signal.SIGTERM)
    assert s.recv(4096).startswith(b"STOPPING=1\n")
    assert p.wait(10) == 0
    lines = p.output().splitlines()
    assert lines and all(re.match("<[3467]>[a-z]", line) for line in lines), lines
    assert lines[0].startswith("<6>start host=- stage=- version=")


def test_tftp_answers_on_its_interfaces_only(site):
    site.conf.write_text(site.conf.read_text().replace("server:", "server:\n  interfaces: [eth1]"))
    site.lab.veth(site.server, "eth1", site.client, "eth1")
    site.server.addr("eth1", "2001:db8:12::20/64")
    site.client.addr("eth1", "2001:db8:12::1/64")
    p = site.start("--no-dhcp6")

    def fetch(address):
        return site.client.run(["curl", "-sS", "-g", "-m", "2", "-o", "/dev/null",
                                f"tftp://[{address}]/boot/ipxe.efi"], check=False).returncode
    assert fetch("2001:db8:12::20") == 0
    assert fetch(SERVER6) == 28
    site.stop()
    assert "reason=tftp-other-interface" in p.output()


# --- arm and disarm --------------------------------------------------------------------------------

def test_arm_looks_at_all_names_first(site):
    p = site.kickline("arm", "web1", "wbe2", check=False)
    assert p.returncode == 2 and "did you mean 'web2'" in p.stderr and p.stdout == ""
    assert site.kickline("arm").stdout == ""
    assert "web1 is armed" in site.kickline("arm", "web1", "web2").stdout
    since = json.loads(site.kickline("arm", "--list", "--json").stdout)[0]["since"]
    time.sleep(1.1)
    assert "web1 was armed already" in site.kickline("arm", "web1").stdout
    listed = json.loads(site.kickline("arm", "--list", "--json").stdout)
    assert listed[0]["since"] == since
    assert [(e["host"], e["armed"], e["known"]) for e in listed] == [
        ("web1", True, True), ("web2", True, True)]
    p = site.kickline("disarm", "web1", "nope", check=False)
    assert p.returncode == 2 and len(site.kickline("arm").stdout.splitlines()) == 2
    assert json.loads(site.kickline("disarm", "web1", "--json").stdout) == [
        {"host": "web1", "armed": False}]
    assert site.kickline("arm").stdout.split()[0] == "web2"
    assert site.kickline("disarm", check=False).returncode == 2
    # A host that left the inventory can still be disarmed.
    site.conf.write_text(site.conf.read_text().replace("web2:", "web4:"))
    assert "(not in the inventory)" in site.kickline("arm").stdout
    site.kickline("disarm", "web2")
    assert site.kickline("arm").stdout == ""
    assert site.kickline("disarm", "web2", check=False).returncode == 2
    assert "web4 is not armed" in site.kickline("disarm", "web4").stdout


def test_a_host_that_cannot_be_installed_is_not_armed(site):
    (site.dir / "base.ks").unlink()
    p = site.kickline("arm", "web1", check=False)
    assert p.returncode == 1 and "cannot read its kickstart" in p.stderr
    assert "nothing was armed" in p.stderr
    (site.dir / "base.ks").write_text("text\n")
    assert site.kickline("arm").stdout == ""


def test_a_state_file_that_is_none(site):
    (site.dir / "state").mkdir()
    (site.dir / "state/state.db").write_text("this is no database at all, but text\n" * 100)
    for command in (["arm", "web1"], ["serve", "--no-dhcp6"]):
        p = site.kickline(*command, check=False)
        assert p.returncode == 2 and "move it away" in p.stderr
    target = site.dir / "elsewhere"
    (site.dir / "state/state.db").unlink()
    (site.dir / "state/state.db").symlink_to(target)
    assert site.kickline("arm", "web1", check=False).returncode == 2
    assert not target.exists()


def test_what_was_armed_survives_kill_9(site):
    """Servers are killed while hosts are armed and disarmed under them: what a command said is so
    when the next server starts."""
    site.write("".join(host(f"more{n}", n) for n in range(12)))
    told = {}
    for round_ in range(3):
        p = site.start("--no-dhcp6")
        for n in range(round_ * 4, round_ * 4 + 4):
            name = f"more{n}"
            site.kickline("arm", name)
            told[name] = 200
            if n == round_ * 4 + 1:
                p.send(signal.SIGKILL)
                p.wait(5)
                p = site.start("--no-dhcp6")
            if n % 3 == 2:
                site.kickline("disarm", name)
                told[name] = 404
        # A writer that is killed in the middle, too.
        writer = site.server.start([PROGRAM, "arm", "-f", site.conf, "web2"], outside=True,
                                   name="arm")
        time.sleep(0.02 * round_)
        writer.send(signal.SIGKILL)
        writer.wait(5)
        p.send(signal.SIGKILL)
        p.wait(5)
    site.start("--no-dhcp6")
    for name, status in told.items():
        assert site.status(f"/host/{name}/ks.cfg") == status, name
    site.stop()


def test_two_servers_on_one_state_file(site):
    other = site.lab.node("other")
    site.lab.veth(other, "eth0", site.client, "eth1")
    other.addr("eth0", "2001:db8:12::20/64")
    site.client.addr("eth1", "2001:db8:12::1/64")
    site.start("--no-dhcp6")
    second = site.start("--no-dhcp6", node=other)
    bases = [f"http://[{SERVER6}]", "http://[2001:db8:12::20]"]
    for _ in range(3):
        site.kickline("arm", "web1")
        assert [site.status("/host/web1/ks.cfg", base=b) for b in bases] == [200, 200]
        site.kickline("disarm", "web1")
        assert [site.status("/host/web1/ks.cfg", base=b) for b in bases] == [404, 404]
    # A download can go on at the other one: both say the same of a file.
    tags = {re.search("(?i)^etag: (.*)", site.curl("-I", b + INITRD).stdout, re.M).group(1)
            for b in bases}
    assert len(tags) == 1
    site.stop()
    site.kickline("arm", "web1")
    assert site.status("/host/web1/ks.cfg", base=bases[1]) == 200
    site.stop(second)


def test_check(site):
    p = site.kickline("serve", "--check")
    assert "2 hosts: 2 can be installed, 0 of them with a warning; 0 cannot" in p.stdout
    assert json.loads(site.kickline("serve", "--check", "--json").stdout) == []
    (site.dir / "base.ks").unlink()
    p = site.kickline("serve", "--check", check=False)
    assert p.returncode == 1
    assert "0 can be installed" in p.stdout and "cannot read its kickstart" in p.stderr
    p = site.kickline("serve", "--check", "--json", check=False)
    found = json.loads(p.stdout)
    assert [e["host"] for e in found] == ["web1", "web2"]
    assert found[0]["diagnostics"][0]["code"] == "kickstart-unreadable"
    site.conf.write_text("nonsense: [")
    assert site.kickline("serve", "--check", check=False).returncode == 2
    assert site.kickline("serve", "web1", check=False).returncode == 2


def test_another_user_by_name(site):
    """server.user is honoured, and one that does not exist is said."""
    site.conf.write_text(site.conf.read_text().replace("server:", "server:\n  user: daemon"))
    p = site.start("--no-dhcp6")
    assert {t["Uid"].split()[0] for t in process_status(p)} == {"1"}
    site.stop()
    site.conf.write_text(site.conf.read_text().replace("user: daemon", "user: nosuch"))
    p = site.kickline("serve", check=False)
    assert p.returncode == 2 and "there is no user 'nosuch'" in p.stderr
