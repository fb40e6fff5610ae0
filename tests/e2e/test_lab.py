"""The lab itself: what stands on it needs it to be right."""
import os
import subprocess
import sys

import pytest

import guest
import lab as labs


def test_nodes_have_their_own_network_and_files(lab):
    """Two nodes on a bridge reach each other; what one writes, no other sees; a veth joins two."""
    a, b = lab.node("a"), lab.node("b")
    lab.bridge("lan")
    lab.attach("lan", a, "eth0")
    lab.attach("lan", b, "eth0", mac="52:54:00:00:00:0b")
    a.addr("eth0", "2001:db8:1::a/64", "192.0.2.1/24")
    b.addr("eth0", "2001:db8:1::b/64")
    a.run(["ping", "-6", "-c", "1", "-W", "3", "2001:db8:1::b"])
    assert b.link_local("eth0") == "fe80::5054:ff:fe00:b"

    a.write("/etc/kickline-test", "only here\n")
    assert a.run(["cat", "/etc/kickline-test"]).stdout == "only here\n"
    assert not b.path("/etc/kickline-test").exists()
    assert not (labs.TESTBED / "etc/kickline-test").exists()
    assert sorted(os.listdir(a.path("/sys/class/net"))) == ["eth0", "lo"]

    lab.veth(a, "x0", b, "x0")
    a.addr("x0", "198.51.100.1/24")
    b.addr("x0", "198.51.100.2/24")
    a.run(["ping", "-c", "1", "-W", "3", "198.51.100.2"])


def test_a_router_advertises(lab):
    """radvd in one node gives another its default route."""
    router, host = lab.node("router"), lab.node("host")
    lab.veth(router, "eth0", host, "eth0")
    router.addr("eth0", "2001:db8:1::1/64")
    capture = host.capture("eth0", "icmp6")
    router.radvd("eth0", "2001:db8:1::/64", autonomous=True)
    lab.wait("a default route", lambda: "default" in host.run(["ip", "-6", "route"]).stdout)
    assert f"via {router.link_local('eth0')}" in host.run(["ip", "-6", "route"]).stdout
    capture.stop()
    assert capture.pcap.stat().st_size > 100


def test_what_fails_says_why(lab):
    node = lab.node("n")
    with pytest.raises(labs.LabError, match="n: ip link show nosuch: exit 1:\n.*nosuch"):
        node.run(["ip", "link", "show", "nosuch"])
    with pytest.raises(labs.LabError, match="not done in 0.2 s"):
        node.run(["sleep", "5"], timeout=0.2)
    with pytest.raises(labs.LabError, match="waited 0.1 s in vain for rain; logs: "):
        lab.wait("rain", lambda: False, timeout=0.1)
    p = node.start(["sh", "-c", "echo its last words; exit 3"], name="brief")
    with pytest.raises(labs.LabError, match=r"(?s)ended \(exit 3\) before.*its last words"):
        p.wait_log("hello", 5)


def test_nothing_outlives_the_lab(tmp_path):
    """kill -9 of the lab's first process ends what it started and forgets the namespaces."""
    script = tmp_path / "victim.py"
    script.write_text(
        "import sys; sys.path.insert(0, %r)\n"
        "import lab; lab.enter()\n"
        "l = lab.Lab('victim'); n = l.node('n')\n"
        "n.start(['sleep', '4242'], name='sleep')\n"
        "print('up', flush=True)\n"
        "import time; time.sleep(60)\n" % str(labs.TOP / "tests/lab"))
    env = {k: v for k, v in os.environ.items() if k != labs.MARK}
    outer = subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE,
                             text=True)
    assert outer.stdout.readline() == "up\n"

    def sleepers():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if f.read().startswith(b"sleep\x004242"):
                        found.append(pid)
            except OSError:
                continue
        return found
    labs.wait("the sleeper", sleepers, 5)
    outer.kill()
    outer.wait()
    labs.wait("the sleeper's end", lambda: not sleepers(), 5)
    assert not any("kickline-lab/victim" in line for line in open("/proc/mounts"))


def test_an_access_port_tags(lab):
    """What a node sends on an access port is tagged on the switch, and only that VLAN's frames
    come back, without their tags."""
    a, b, other = lab.node("a"), lab.node("b"), lab.node("other")
    lab.bridge("lan")
    lab.attach("lan", a, "eth0", vlan=42)
    lab.attach("lan", b, "eth0", vlan=42)
    lab.attach("lan", other, "eth0", vlan=43)
    a.addr("eth0", "192.0.2.1/24")
    b.addr("eth0", "192.0.2.2/24")
    other.addr("eth0", "192.0.2.3/24")
    a.run(["ping", "-c", "1", "-W", "3", "192.0.2.2"])
    assert a.run(["ping", "-c", "1", "-W", "1", "192.0.2.3"], check=False).returncode == 1


def test_an_accelerator_is_believed_when_a_guest_runs_under_it():
    """What starts and never gets anywhere, as KVM does on some machines, does not count."""
    assert guest.probe("tcg", 60)
    assert not guest.probe("tcg", 5, "panic=0"), "a kernel that never ends"
    assert guest.accelerator() in ("kvm", "tcg")
