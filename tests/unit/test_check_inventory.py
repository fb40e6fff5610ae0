"""`kickline check` on an inventory: what it renders is in lockstep, and checks clean, for every
release and every shape of network that it can say; and what a user's own kickstart adds is checked
with it."""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = ROOT / os.environ.get("CHECK", "build/check") / "kickline"

# N is the host's number: MACs and addresses are nobody else's.
SHAPES = {
    "static4": "enp3s0: {addresses: [192.0.2.2N/24], gateway4: 192.0.2.254}",
    "static6": 'enp3s0: {addresses: ["2001:db8:11::2N/64"], gateway6: "2001:db8:11::1"}',
    "leased": "enp3s0: {dhcp4: true}",
    "bond4": "bond0: {bond: {ports: [enp3s0, enp7s0], mode: 802.3ad, miimon: 100}, "
             "addresses: [192.0.2.2N/24], gateway4: 192.0.2.254}",
    "bond6": "bond0: {bond: {ports: [enp3s0, enp7s0], mode: balance-alb, miimon: 100}, "
             'addresses: ["2001:db8:11::2N/64"], gateway6: "fe80::1"}',
    "vlan": "bond0: {bond: {ports: [enp3s0, enp7s0], mode: active-backup, miimon: 100}}\n"
            "      bond0.100: {vlan: {id: 100, parent: bond0}, addresses: [192.0.2.2N/24], "
            "gateway4: 192.0.2.254}",
    "mtu": "enp3s0: {addresses: [192.0.2.2N/24], gateway4: 192.0.2.254, mtu: 9000}",
}
RELEASES = ["centos-7.2", "centos-7.9", "rhel-8.2", "rhel-8.4", "rhel-8.10", "rhel-9.2",
            "almalinux-9.6", "rocky-10.0", "fedora-42"]

# What a renderer says of its own accord: true of these releases, and not of the stages. (And 7.2 has
# faults that no spelling avoids.)
RENDERERS = {"ra-race", "kernel-name", "gateway", "two-families", "mtu", "addresses", "vlan-name",
             "bond-vlan", "loader-url", "loader-mac"}


def inventory(tmp_path, release, kickstart):
    hosts = "".join(
        f'  {name}:\n    nics: {{enp3s0: "52:54:00:00:0{n}:01", enp7s0: "52:54:00:00:0{n}:02"}}\n'
        f"    network:\n      {network.replace('2N', f'2{n}')}\n"
        f"    dns: [{'2001:db8:11::53' if '2001' in network else '192.0.2.53'}]\n"
        for n, (name, network) in enumerate(SHAPES.items()))
    (tmp_path / "user.ks").write_text(kickstart)
    (tmp_path / "kickline.yaml").write_text(f"""\
server: {{address: [192.0.2.1, "2001:db8:11::2"]}}
defaults:
  release: {release}
  kernel: http://192.0.2.1/vmlinuz
  initrd: http://192.0.2.1/initrd.img
  kickstart: user.ks
hosts:
{hosts}""")
    return tmp_path / "kickline.yaml"


def check(*args):
    got = subprocess.run([KICKLINE, "check", "--json", *map(str, args)], capture_output=True,
                         text=True, check=False)
    assert got.returncode in (0, 1), got.stderr
    return json.loads(got.stdout)


USER = "rootpw --lock\nclearpart --all --initlabel\nautopart\nreboot\n%packages\n@core\n%end\n"


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_rendered_checks_clean(tmp_path, release):
    found = check(inventory(tmp_path, release, USER))
    assert found["summary"]["installs"] >= len(SHAPES) - 3, found["summary"]
    of_check = [f for f in found["findings"]
                if f["severity"] != "note" and f["code"] not in RENDERERS
                and (f["code"] != "quirk" or release != "centos-7.2")]
    assert not of_check, "\n".join(f"{f['at']['file']}: {f['message']} [{f['code']}]"
                                   for f in of_check)


def test_what_a_user_adds_is_held_against_the_stages(tmp_path):
    post = ("%post\ncat > /etc/sysconfig/network-scripts/ifcfg-enp3s0 <<EOF\nDEVICE=enp3s0\n"
            "ONBOOT=yes\nBOOTPROTO=none\nIPADDR=192.0.2.99\nPREFIX=24\nEOF\n%end\n")
    path = inventory(tmp_path, "centos-7.9", USER + post)
    found = check("--host", "static4", path)
    assert "system-differs" in {f["code"] for f in found["findings"]}


def test_one_host_of_an_inventory(tmp_path):
    path = inventory(tmp_path, "rhel-9.2", USER)
    one, all_of_them = check("--host", "static4", path)["summary"], check(path)["summary"]
    assert 0 < one["installs"] < all_of_them["installs"]
    got = subprocess.run([KICKLINE, "check", "--host", "static5", str(path)], capture_output=True,
                         text=True, check=False)
    assert got.returncode == 2 and "did you mean 'static4'" in got.stderr
