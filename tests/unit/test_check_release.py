"""What ties a loader's entry to a tree and a machine: a .treeinfo at hand or behind --map says the
release, and PXELINUX's hexadecimal names say the address that a reservation has."""

import json
import subprocess
from pathlib import Path

import pytest

KICKLINE = Path(__file__).resolve().parents[2] / "build/check/kickline"
LINE = "inst.repo=http://192.0.2.1/tree ks=http://192.0.2.1/a.ks ip=dhcp"


def findings(*args, cwd):
    p = subprocess.run([KICKLINE, "check", "--json", *args], cwd=cwd, capture_output=True,
                       text=True)
    assert p.returncode in (0, 1), p.stderr
    return {f["code"]: f for f in json.loads(p.stdout)["findings"]}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "pxelinux.cfg").mkdir()
    (tmp_path / "srv/tree").mkdir(parents=True)
    (tmp_path / "srv/tree/.treeinfo").write_text(
        "[general]\nfamily = Red Hat Enterprise Linux\nversion = 9.4\narch = x86_64\n")
    (tmp_path / "pxelinux.cfg/default").write_text(
        f"label i\n kernel k\n append initrd=i {LINE}\n")
    return tmp_path


@pytest.mark.parametrize("args", [
    ("srv",), ("--map", "http://192.0.2.1/tree=srv/tree"),
    ("srv", "--map", "http://192.0.2.1/tree/=srv/tree")])
def test_the_tree_says_the_release(site, args):
    found = findings("pxelinux.cfg", *args, cwd=site)
    assert found["option-needs-prefix"]["message"].startswith("rhel-9.4 ignores 'ks'")
    assert "release-inferred" not in found


def test_without_a_tree_it_is_inferred(site):
    found = findings("pxelinux.cfg", "--map", "http://192.0.2.1/other=srv/tree", cwd=site)
    assert "release-inferred" in found and "option-needs-prefix" not in found


@pytest.mark.parametrize("name, differs", [("C0000215", True), ("C0000216", False)])
def test_a_hexadecimal_name_is_an_address(site, name, differs):
    """C0000215 is 192.0.2.21, whose reservation disagrees with the line; no other's does."""
    (site / "pxelinux.cfg/default").rename(site / "pxelinux.cfg" / name)
    (site / "pxelinux.cfg" / name).write_text(
        "label i\n kernel k\n append initrd=i inst.stage2=http://192.0.2.1/t "
        "ip=192.0.2.22::192.0.2.1:255.255.255.0::em1:none\n")
    (site / "dhcpd.conf").write_text(
        "host a { hardware ethernet 52:54:00:12:34:56; fixed-address 192.0.2.21; }\n")
    found = findings("pxelinux.cfg", "dhcpd.conf", cwd=site)
    assert ("address-differs" in found) == differs
