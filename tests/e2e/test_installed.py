"""What the installed system gets, given to the programs that read it: the files of tests/golden/ to
NetworkManager, and Kickline's scripts in a kickstart to a shell."""
import configparser
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

import lab as labs

GOLDEN = labs.TOP / "tests/golden/network"
KEYFILE = "/etc/NetworkManager/system-connections"


def files(name):
    """{path: text} of a golden .system file."""
    text = (GOLDEN / f"{name}.system").read_text()
    parts = re.split(r"^==> (\S+) \d+ <==\n", text, flags=re.M)[1:]
    return {path: body[:-1] for path, body in zip(parts[::2], parts[1::2])}


def keyfiles(release):
    """(host, path, text) of each golden keyfile of a release."""
    return [(g.name.split(".")[0], path, text)
            for g in sorted(GOLDEN.glob(f"*.{release}.system"))
            for path, text in files(g.name.removesuffix(".system")).items()
            if path.startswith(KEYFILE)]


def parse(text):
    c = configparser.ConfigParser(delimiters="=", interpolation=None, comment_prefixes="#")
    c.optionxform = str
    c.read_string(text)
    return {s: dict(c[s]) for s in c.sections()}


def understood(node, text):
    """The profile as NetworkManager has it after reading, verifying and normalising it."""
    p = node.run(["nmcli", "--offline", "connection", "modify", "connection.autoconnect-priority",
                  "7"], input=text)
    assert not p.stderr, p.stderr
    return parse(p.stdout)


def test_networkmanager_understands_every_keyfile(lab):
    """Every key of every file is there again, with the same value; EL10's names of a port's
    controller are newer than the testbed's 1.42, so they are put into the older words first."""
    node = lab.node("n")
    newer = {"controller": "master", "port-type": "slave-type"}
    count = 0
    for release in "rhel-9.6", "almalinux-10.0":
        for host, path, text in keyfiles(release):
            for new, old in newer.items():
                assert release != "rhel-9.6" or f"\n{new}=" not in text
                text = text.replace(f"\n{new}=", f"\n{old}=")
            got = understood(node, text)
            for section, keys in parse(text).items():
                for key, value in keys.items():
                    if (section, key, value) == ("connection", "autoconnect", "true"):
                        continue  # the default, which is not written
                    assert got.get(section, {}).get(key) == value, (release, path, section, key)
            count += 1
    assert count >= 30


def test_a_shell_reads_every_ifcfg_file(lab):
    """initscripts reads ifcfg files by sourcing them: each variable has the value that stands
    there, and nothing else happens."""
    node = lab.node("n")
    count = 0
    for golden in [*GOLDEN.glob("*.ol-7.2.system"), *GOLDEN.glob("*.rhel-8.10.system")]:
        for path, text in files(golden.name.removesuffix(".system")).items():
            if "/ifcfg-" not in path:
                continue
            node.write("/tmp/ifcfg", text)
            p = node.run(["env", "-i", "bash", "-eu", "-c",
                          "set -a; . /tmp/ifcfg; /usr/bin/env -u PWD -u SHLVL -u _"])
            assert not p.stderr
            got = dict(line.split("=", 1) for line in p.stdout.splitlines())
            want = dict(shlex.split(line)[0].split("=", 1) for line in text.splitlines())
            assert got == want, path
            count += 1
    assert count >= 30


# One value of every option in bonding.rst, and a mode that takes it.
BOND_OPTIONS = """
    1 active_slave=eth0       4 ad_actor_sys_prio=9   4 ad_actor_system=02:00:00:00:00:01
    4 ad_select=bandwidth     4 ad_user_port_key=5    1 all_slaves_active=1
    1 arp_all_targets=all     1 arp_interval=1000     1 arp_ip_target=192.0.2.1,192.0.2.2
    1 arp_missed_max=3        1 arp_validate=all      4 broadcast_neighbor=on
    4 coupled_control=off     1 downdelay=200         1 fail_over_mac=active
    4 lacp_active=off         4 lacp_rate=fast        1 lp_interval=2
    4 miimon=50               4 min_links=1           1 ns_ip6_target=2001:db8::1
    1 num_grat_arp=3          1 num_unsol_na=3        0 packets_per_slave=5
    1 peer_notif_delay=200    1 primary=eth0          1 primary_reselect=better
    1 resend_igmp=2           6 tlb_dynamic_lb=1      1 updelay=200
    1 use_carrier=0           4 xmit_hash_policy=layer3+4""".split()


def test_bond_options_that_networkmanager_knows(lab, tmp_path):
    """NetworkManager drops a bond option that it does not know, without a word. What is rendered
    for the release that has the testbed's 1.42 is there again; what is refused would be lost."""
    node = lab.node("n")
    cases = list(zip(BOND_OPTIONS[::2], (o.split("=", 1) for o in BOND_OPTIONS[1::2])))
    assert len(cases) == 32
    text = "server: {address: [2001:db8:20::20]}\nhosts:\n"
    for n, (mode, (name, value)) in enumerate(cases):
        others = {"miimon": "100"}
        if name in ("arp_interval", "arp_validate", "arp_missed_max", "ns_ip6_target",
                    "arp_ip_target", "arp_all_targets"):
            others = {"arp_interval": "1000", "arp_ip_target": "192.0.2.1"}
        others[name] = value
        options = ", ".join(f'{k}: "{v}"' for k, v in others.items())
        text += (f"  h{n}:\n    release: rhel-9.2\n    nics: {{eth0: 52:54:00:00:{n:02x}:01}}\n"
                 f"    network:\n      bond0:\n        slaac: true\n"
                 f"        bond: {{ports: [eth0], mode: {mode}, {options}}}\n")
    inventory = tmp_path / "kickline.yaml"
    inventory.write_text(text)
    refused = []
    for n, (mode, (name, value)) in enumerate(cases):
        p = node.run([labs.BUILD / "kickline", "render", "-f", inventory, f"h{n}", "system"],
                     outside=True, check=False)
        rendered = f"\n{name}={value}\n" in p.stdout
        if not rendered:
            assert f"does not know the bond option '{name}'" in p.stderr, p.stderr
            refused.append(name)
        keyfile = (f"[connection]\nid=b\ntype=bond\ninterface-name=bond0\n[bond]\nmode={mode}\n"
                   f"miimon=100\n{name}={value}\n[ipv4]\nmethod=auto\n[ipv6]\nmethod=auto\n")
        if name.startswith(("arp_", "ns_")):
            keyfile = keyfile.replace("miimon=100\n", "arp_interval=500\n"
                                      "arp_ip_target=192.0.2.9\n" if "arp_i" not in name else
                                      "arp_interval=500\n" * (name != "arp_interval") +
                                      "arp_ip_target=192.0.2.9\n" * (name != "arp_ip_target"))
        kept = understood(node, keyfile).get("bond", {}).get(name)
        assert (kept == value) == rendered, (name, kept)
    assert refused == ["arp_missed_max", "broadcast_neighbor", "coupled_control", "lacp_active",
                       "ns_ip6_target"]


@pytest.fixture
def manager(lab):
    """A machine with NetworkManager on eth0, behind a router whose advertisements give a default
    route but no addresses."""
    router, host = lab.node("router"), lab.node("host")
    lab.veth(router, "eth0", host, "eth0")
    router.addr("eth0", "2001:db8:11::1/64")
    router.radvd("eth0", "2001:db8:11::/64", managed=False, other=False)
    # No udev here: a read-only sysfs tells NetworkManager so.
    subprocess.run([*host.enter, "mount", "-o", "remount,ro", host.path("/sys")], check=True)
    host.run(["mkdir", "-p", "/run/dbus", KEYFILE])
    host.write("/etc/NetworkManager/conf.d/lab.conf",
               "[main]\nplugins=keyfile\nno-auto-default=*\ndns=none\n[device]\n"
               "match-device=*\nmanaged=1\n")
    return lab, host


def start(host):
    host.start(["dbus-daemon", "--system", "--nofork", "--nopidfile"])
    labs.wait("the bus", lambda: host.path("/run/dbus/system_bus_socket").exists(), 10)
    host.start(["NetworkManager", "--no-daemon", "--log-level=INFO"])


def default_route(host):
    return host.run(["ip", "-6", "route", "show", "default"]).stdout


def the_static_profile(method_of_golden=True):
    """The golden bond's IPv6 settings on a plain NIC: a namespace has no bonding driver."""
    text = files("bond-ra.rhel-9.6")[f"{KEYFILE}/bond0.nmconnection"]
    text = re.sub(r"\n\[bond\]\n(.+\n)+", "", text)
    text = text.replace("type=bond", "type=ethernet").replace("bond0", "eth0")
    return text if method_of_golden else text.replace("method=auto", "method=manual")


@pytest.mark.parametrize("reference", [True, False], ids=["as-written", "as-anaconda"])
def test_a_static_address_with_the_route_by_advertisement(manager, reference):
    """The reference file keeps the route that the router advertises; method=manual, which is what a
    kickstart's --ipv6=ADDRESS becomes, does not (quirk 6)."""
    lab, host = manager
    host.write(f"{KEYFILE}/eth0.nmconnection", the_static_profile(reference), 0o600)
    start(host)
    lab.wait("the address", lambda: "2001:db8:11::31:0/64" in
             host.run(["ip", "-6", "addr", "show", "dev", "eth0"]).stdout, 20)
    if reference:
        lab.wait("the default route", lambda: "default via fe80::" in default_route(host), 20)
        assert "dynamic" not in host.run(["ip", "-6", "addr", "show", "scope", "global"]).stdout
    else:
        time.sleep(5)  # more than radvd's shortest interval
        assert default_route(host) == ""


def script(kickstart, name):
    """The body of %NAME in Kickline's own section of a golden kickstart."""
    text = (GOLDEN / f"{kickstart}.ks").read_text()
    own = re.search(rf"^# kickline: begin {name}\n%{name}\n(.*?)^%end\n# kickline: end {name}\n",
                    text, flags=re.M | re.S)
    return own.group(1)


LEFT_BY_ANACONDA = {
    "rhel-9.6": {
        "bond0.nmconnection": "[connection]\nid=bond0\ninterface-name=bond0\ntype=bond\n",
        "bond0_slave_1.nmconnection":
            "[connection]\nid=bond0_slave_1\ntype=ethernet\ninterface-name=enp3s0\nmaster=u-1\n",
        "Wired Connection.nmconnection":
            "[connection]\nid=Wired Connection\ntype=ethernet\n\n[ethernet]\n"
            "mac-address=52:54:00:00:01:02\n",
    },
    "ol-7.2": {
        "ifcfg-bond0": 'DEVICE="bond0"\nTYPE=Bond\n',
        "ifcfg-bond0_slave_1": 'NAME="bond0 slave 1"\nHWADDR=""\nMASTER=u-1\n',
        "ifcfg-Wired": 'NAME=Wired\nHWADDR=52:54:00:00:01:02\nBOOTPROTO=dhcp\n',
        "ifcfg-x": 'DEVICE="enp7s0"\nONBOOT=no\n',
    },
}


@pytest.mark.parametrize("release", sorted(LEFT_BY_ANACONDA))
def test_post_leaves_the_reference_files_and_no_others(lab, release):
    """%post run by a shell: the files are those of `kickline render HOST system`, to the byte and
    with their modes; what the installer had left for the same interfaces is gone, what is another
    interface's is still there."""
    node = lab.node("target")
    directory = KEYFILE if release.startswith("rhel") else "/etc/sysconfig/network-scripts"
    node.run(["mkdir", "-p", directory])
    for name, text in LEFT_BY_ANACONDA[release].items():
        node.write(f"{directory}/{name}", text)
    other = "other.nmconnection" if directory == KEYFILE else "ifcfg-other"
    node.write(f"{directory}/{other}", "[connection]\nid=other\ninterface-name=enp9s0\n")
    node.run(["sh", "-eu", "-c", script(f"bond-ra.{release}", "post")])
    want = files(f"bond-ra.{release}")
    for path, text in want.items():
        assert node.read(path) == text, path
        mode = node.path(path).stat().st_mode & 0o777
        assert mode == (0o600 if path.startswith(KEYFILE) else 0o644), path
    left = {p.name for p in node.path(directory).iterdir()}
    assert left == {Path(p).name for p in want if p.startswith(directory)} | {other}


def test_pre_keeps_a_learnt_default_route(lab):
    """%pre run by a shell: the route that was learnt comes back soon after somebody took it away,
    and whoever reads what the script says does not wait for the loop that sees to it."""
    router, host = lab.node("router"), lab.node("host")
    lab.veth(router, "eth0", host, "bond0")
    router.addr("eth0", "2001:db8:11::1/64")
    host.addr("bond0", "2001:db8:11::31:0/64")
    # One advertisement, and then none for ten minutes: nothing else can bring the route back.
    router.radvd("eth0", "2001:db8:11::/64", every=(400, 600))
    lab.wait("the route", lambda: "default via" in default_route(host))
    via = re.search(r"via (\S+)", default_route(host)).group(1)
    began = time.monotonic()
    host.run(["sh", "-eu", "-c", script("bond-ra.rhel-9.6", "pre")], timeout=5)
    assert time.monotonic() - began < 3
    time.sleep(1.5)  # it has seen the route
    # As NetworkManager does it: no more advertisements, and no route.
    host.sysctl("net.ipv6.conf.bond0.accept_ra", 0)
    host.run(["ip", "-6", "route", "del", "default", "via", via, "dev", "bond0"])
    lab.wait("the route again", lambda: "put back" in host.read("/tmp/kickline-keep-route.log"), 5)
    assert f"default via {via}" in default_route(host)
    assert host.run(["cat", "/proc/sys/net/ipv6/conf/bond0/accept_ra"]).stdout == "1\n"
