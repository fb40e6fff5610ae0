"""The configurations of tests/fixtures/reserved/: the real servers take them, and Kickline reads of
them what those would give."""
import os
import pathlib
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/reserved"
TESTBED = pathlib.Path(os.environ.get("TESTBED", ROOT / "build/testbed"))
DUMP = ROOT / "build/check/tests/unit/reserved-dump"

# Which server reads it, how that is asked whether it would, and what Kickline reads.
CASES = {
    "dhcpd.conf": ("dhcpd", ["/usr/sbin/dhcpd", "-4", "-t", "-cf"], """\
web1 mac=52:54:00:00:00:01 ip4=192.0.2.21/25 hostname=web1 router=192.0.2.1 \
dns=192.0.2.53,198.51.100.53 mtu=9000 boot=web/pxelinux.0 next=192.0.2.10
db1.example.net mac=52:54:00:00:00:02 ip4=198.51.100.22/24 hostname=db1.example.net \
router=198.51.100.1 dns=198.51.100.54 mtu=1500 boot=group/shimx64.efi next=203.0.113.9
db2 client=01:52:54:00:00:00:03 ip4=198.51.100.23/24 hostname=from-the-group \
router=198.51.100.1 dns=192.0.2.53,198.51.100.53 mtu=9000 boot=group/shimx64.efi next=203.0.113.9
guest mac=52:54:00:00:00:04 refused
"""),
    "dhcpd6.conf": ("dhcpd", ["/usr/sbin/dhcpd", "-6", "-t", "-cf"], """\
web1 client=00:03:00:01:52:54:00:00:00:01 ip6=2001:db8:0:1::21/64 dns=2001:db8::53 \
boot=tftp://[2001:db8::10]/grubx64.efi
web2 mac=52:54:00:00:00:02 ip6=2001:db8:0:1::22/64 dns=2001:db8:0:1::53,2001:db8::53 \
boot=http://[2001:db8::10]/boot.efi
"""),
    "dnsmasq.conf": ("dnsmasq", ["/usr/sbin/dnsmasq", "--test", "-C"], """\
web1 mac=52:54:00:00:00:01 ip4=192.0.2.21/25 hostname=web1 router=192.0.2.1 \
dns=192.0.2.53,198.51.100.53 mtu=9000 boot=web/shimx64.efi next=192.0.2.10
db1.example.net mac=52:54:00:00:00:02 ip4=198.51.100.22/24 hostname=db1 router=198.51.100.1 \
dns=192.0.2.53,198.51.100.53 mtu=1500
db1.example.net mac=52:54:00:00:00:12 ip4=198.51.100.22/24 hostname=db1 router=198.51.100.1 \
dns=192.0.2.53,198.51.100.53 mtu=1500
- client=01:52:54:00:00:00:03 ip4=198.51.100.23/24 router=198.51.100.1 \
dns=192.0.2.53,198.51.100.53 mtu=1500
dual mac=52:54:00:00:00:04 ip4=192.0.2.24/25 ip6=2001:db8:0:1::24/64 hostname=dual \
router=192.0.2.1 dns=192.0.2.53,198.51.100.53,2001:db8::53 mtu=1500
- mac=52:54:00:00:00:05 refused
"""),
    "kea-dhcp4.json": ("kea", ["/usr/sbin/kea-dhcp4", "-t"], """\
- client=01:52:54:00:00:00:03 ip4=198.51.100.23/24 router=198.51.100.1 \
dns=192.0.2.53,198.51.100.53 mtu=1500 next=192.0.2.10
roaming mac=52:54:00:00:00:04 hostname=roaming.example.net dns=192.0.2.53,198.51.100.53 \
next=192.0.2.10
web1 mac=52:54:00:00:00:01 ip4=192.0.2.21/25 hostname=web1.example.net router=192.0.2.1 \
dns=192.0.2.53,198.51.100.53 mtu=9000 boot=web/shimx64.efi next=192.0.2.10
web2.example.net. client=01:02:03:04:0a ip4=192.0.2.110/25 hostname=web2.example.net \
router=192.0.2.2 dns=192.0.2.53,198.51.100.53 mtu=1400 next=203.0.113.9
"""),
    "kea-dhcp6.json": ("kea", ["/usr/sbin/kea-dhcp6", "-t"], """\
web1.example.net client=00:03:00:01:52:54:00:00:00:01 ip6=2001:db8:0:1::21/64 dns=2001:db8::53 \
boot=tftp://[2001:db8::10]/grubx64.efi
- mac=52:54:00:00:00:02 ip6=2001:db8:0:1::22/64 dns=2001:db8:0:1::53,2001:db8::53 \
boot=http://[2001:db8::10]/boot.efi
"""),
}


def server_takes(name, text):
    """Whether the real server takes this text. The testbed is never written: it is seen through an
    overlay, in a mount namespace of its own."""
    with tempfile.TemporaryDirectory() as work:
        for part in ("upper/etc", "over", "root"):
            (pathlib.Path(work) / part).mkdir(parents=True)
        (pathlib.Path(work) / "upper/etc/fixture").write_text(text)
        script = ('mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/over" '
                  '"$2/root" && root=$2/root && shift 2 && exec chroot "$root" "$@"')
        got = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", TESTBED, work,
                              *CASES[name][1], "/etc/fixture"],
                             capture_output=True, text=True, check=False)
    return got.returncode == 0 and " ERROR " not in got.stdout, got.stdout + got.stderr


def test_every_fixture_is_here():
    assert {p.name for p in FIXTURES.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_the_real_server_takes_it(name):
    took, why = server_takes(name, (FIXTURES / name).read_text())
    assert took, why


@pytest.mark.parametrize("name", CASES)
def test_the_real_server_would_object(name):
    took, _ = server_takes(name, (FIXTURES / name).read_text() + "\nno such thing }\n")
    assert not took


@pytest.mark.parametrize("name", CASES)
def test_kickline_reads_it(name):
    engine, _, want = CASES[name]
    got = subprocess.run([DUMP, engine, FIXTURES / name], capture_output=True, text=True,
                         check=True)
    assert got.stdout == want
    assert got.stderr == ""
