"""Hosts by dice, as an inventory describes them, and their kernel command lines.

What a test expects is derived from these descriptions, never from what Kickline thought of them.
"""
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTBED = Path(os.environ.get("TESTBED", ROOT / "build/testbed")).resolve()
KICKLINE = ROOT / "build/kickline"

LEGACY = ["rhel-7.0", "rhel-7.2", "rhel-7.3", "rhel-7.5", "rhel-7.9", "rhel-8.0", "rhel-8.2"]
NM = ["rhel-8.3", "rhel-8.4", "rhel-8.6", "rhel-8.10", "rhel-9.0", "rhel-9.4", "rhel-9.7",
      "rhel-10.0", "rhel-10.1", "fedora-38", "fedora-44"]


def version(release):
    """(7, 9) of rhel-7.9; Fedora counts as newer than any."""
    distro, _, number = release.partition("-")
    parts = [int(n) for n in number.split(".")]
    return (99, 0) if distro == "fedora" else tuple(parts)


def engine(release):
    v = version(release)
    return "033A" if v < (7, 3) else "033B" if v < (8, 0) else "049" if v < (8, 3) else "NM"


class Dice:
    """Random choices that never give two hosts the same MAC or address."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.count = 0

    def mac(self):
        self.count += 1
        return "52:54:%02x:%02x:%02x:%02x" % tuple(self.count.to_bytes(4, "big"))

    def ip4(self):
        self.count += 1
        return "10.%d.%d.%d" % (self.count >> 16 & 255, self.count >> 8 & 255, self.count & 255)

    def ip6(self):
        self.count += 1
        return "2001:db8:%x:%x::a" % (self.r.randrange(1, 0xffff), self.count)

    def chance(self, n):
        return self.r.randrange(n) == 0


BOND_MODES = ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
              "balance-alb"]


def bond_options(d, mode, release, ports):
    """Options that fit together (bonding.rst), and that the engine knows."""
    number = BOND_MODES.index(mode)
    options = {}
    if number < 4 and d.chance(3):
        options["arp_interval"] = d.r.choice([100, 250])
        options["arp_ip_target"] = "192.0.2.%d" % d.r.randrange(1, 250)
        if engine(release) != "NM" and d.chance(2):
            options["arp_ip_target"] = ["192.0.2.251", "192.0.2.252"]
        if number == 1 and d.chance(2):
            options["arp_validate"] = "all"
    else:
        options["miimon"] = 100
        if d.chance(3):
            options["updelay"], options["downdelay"] = 200, 300
        if d.chance(4):
            options["use_carrier"] = 1
    if number in (1, 5, 6) and d.chance(2) and engine(release) != "033A":
        if number == 1 or release != "rhel-8.3":
            options["primary"] = ports[-1]
            options["primary_reselect"] = d.r.choice(["always", "better", "failure"])
    if number == 1 and d.chance(3):
        options["fail_over_mac"] = "active"
    if number == 4:
        options["lacp_rate"] = d.r.choice(["slow", "fast"])
        if d.chance(3):
            options["ad_select"] = "bandwidth"
        if d.chance(3) and version(release) >= (7, 3):
            options["ad_user_port_key"] = 7
    if number in (2, 4, 5) and d.chance(2):
        options["xmit_hash_policy"] = d.r.choice(["layer2", "layer2+3", "layer3+4", "encap3+4"])
    if number == 0 and d.chance(3):
        options["packets_per_slave"] = 3
    if number == 5 and d.chance(3):
        options["tlb_dynamic_lb"] = 0
    for name, value in (("min_links", 1), ("resend_igmp", 4), ("all_slaves_active", 1),
                        ("lp_interval", 2), ("num_grat_arp", 3)):
        if d.chance(6):
            options[name] = value
    return options


# (IPv4, IPv6) that each engine can say of one link: see src/stage/cmdline_legacy.c, cmdline_nm.c.
PAIRS = {
    "legacy": [("static", None), ("dhcp", None), (None, "static"), (None, "ra"), (None, "slaac"),
               (None, "dhcp"), ("static", "slaac"), ("dhcp", "slaac")],
    "NM": [(a, b) for a in (None, "static", "dhcp")
           for b in (None, "static", "ra", "slaac", "dhcp", "lonely") if a or b],
    "1.26": [(a, b) for a in (None, "static", "dhcp")
             for b in (None, "static", "slaac", "dhcp", "lonely") if a or b],
}


def addressing(d, release):
    """What a link says of its addresses, in the inventory's words."""
    kind = "legacy" if engine(release) != "NM" else "1.26" if release == "rhel-8.3" else "NM"
    four, six = d.r.choice(PAIRS[kind])
    several = kind != "legacy" and d.chance(5)
    link = {}
    if four == "static":
        length = d.r.choice([8, 16, 24, 30])
        # A /30's middle addresses are the only ones that are not reserved.
        addresses = [d.ip4() for _ in range(2 if several else 1)]
        if length == 30 or any(a.endswith((".0", ".255")) for a in addresses):
            length = 8
        link["addresses"] = [f"{a}/{length}" for a in addresses]
        if not d.chance(5):
            link["gateway4"] = "10.255.255.254" if length == 8 else addresses[0].rsplit(".", 1)[0] + ".254"
            if length != 8 and link["gateway4"] in addresses:
                del link["gateway4"]
    elif four == "dhcp":
        link["dhcp4"] = True
    if six in ("static", "ra", "lonely"):
        length = d.r.choice([64, 64, 48, 56, 120])
        addresses = [d.ip6() for _ in range(2 if several else 1)]
        link.setdefault("addresses", []).extend(f"{a}/{length}" for a in addresses)
        if six == "static":
            link["gateway6"] = d.r.choice(["fe80::1", addresses[0][:-1] + "1"])
        elif six == "ra":
            link["gateway6"] = "ra"
    elif six == "slaac":
        link["slaac"] = True
    elif six == "dhcp":
        link["dhcp6"] = True
    if d.chance(4) and four:
        route = {"to": "198.51.100.0/24"}
        if four == "dhcp" or "gateway4" in link:
            route["via"] = link.get("gateway4", "10.0.0.9")
        link.setdefault("routes", []).append(route)
    if d.chance(4) and six in ("static", "ra", "slaac"):
        link.setdefault("routes", []).append({"to": "2001:db8:f00::/48", "via": "fe80::9"})
    return link, four, six


def other_family(d, link, four):
    """Gives the link a second family that the install does not use; which one it uses."""
    own = link.setdefault("addresses", [])
    kind = d.r.choice(["static", "learnt"])
    if four and kind == "static":
        own.insert(d.r.choice([0, len(own)]), d.ip6() + "/64")
        link["gateway6"] = d.r.choice(["fe80::1", "ra"])
        link.setdefault("routes", []).append({"to": "2001:db8:f01::/48", "via": "fe80::9"})
    elif four:
        link[d.r.choice(["slaac", "dhcp6"])] = True
    elif kind == "static":
        own.insert(d.r.choice([0, len(own)]), d.ip4() + "/8")
        link["gateway4"] = "10.255.255.254"
        link.setdefault("routes", []).append({"to": "203.0.113.0/24", "via": "10.0.0.9"})
    else:
        link["dhcp4"] = True
    if not own:
        del link["addresses"]
    return "ipv4" if four else "ipv6"


def can_set_mtu(release, four, six):
    return engine(release) == "NM" or four == "static" or six in ("static", "ra", "lonely") or \
        (engine(release) != "033A" and four == "dhcp") or engine(release) == "033B"


def can_set_mac(release, four, six, mtu):
    if engine(release) == "NM" or engine(release) == "033B":
        return True
    is_static = four == "static" or six in ("static", "ra", "lonely")
    return is_static and (engine(release) == "049" or not mtu)


def host(d, name, release):
    """One host: a stack of links of which the topmost carries the install, and a bystander."""
    nics = {n: d.mac() for n in ("enp1s0", "enp2s0", "eno9")}
    network = {}
    top = "enp1s0"
    if d.chance(8):
        nics["lan0"] = nics.pop("enp1s0")
        top = "lan0"
    if d.chance(2):
        ports = sorted([top, "enp2s0"])
        mode = d.r.choice(BOND_MODES)
        network["bond0"] = {"bond": {"ports": d.r.sample(ports, 2), "mode": mode,
                                     **bond_options(d, mode, release, ports)}}
        top = "bond0"
    if d.chance(2):
        tag = d.r.randrange(1, 4095)
        vlan = f"{top}.{tag}" if d.chance(2) and release != "rhel-8.3" else f"vlan{tag}"
        network[vlan] = {"vlan": {"id": tag, "parent": top}}
        if top == "bond0" and d.chance(3) and version(release) >= (7, 5):
            network["bond0"]["mtu"] = 9000
        top = vlan
    if d.chance(5):
        network["br0"] = {"bridge": {"ports": [top]}}
        top = "br0"
    link, four, six = addressing(d, release)
    if d.chance(4) and can_set_mtu(release, four, six):
        link["mtu"] = d.r.choice([1400, 9000] if top in ("bond0", "enp1s0", "lan0") else [1400])
    if top not in nics and d.chance(4) and can_set_mac(release, four, six, "mtu" in link):
        link["mac"] = d.mac()
    network.setdefault(top, {}).update(link)
    network[top]["install"] = True
    both = four and six
    if not both and d.chance(3):
        network[top]["install"] = other_family(d, network[top], four)
        both = True
    network["eno9"] = {"addresses": [d.ip4() + "/8"], "mtu": 1400}
    dns = [a for a, family in (("2001:db8:20::53", both or six), ("192.0.2.53", both or four),
                               ("2001:db8:20::54", both or six)) if family and not d.chance(3)]
    out = {"release": release, "nics": nics, "network": network}
    if dns:
        out["dns"] = dns
    return name, out, top


def many(seed, releases, count):
    """`count` hosts for each release: {name: (description, name of the install link)}."""
    d = Dice(seed)
    out = {}
    for release in releases:
        for k in range(count):
            name, text, top = host(d, f"h{k}-{release.replace('.', '-')}", release)
            out[name] = (text, top)
    return out


def as_the_install_sees(text, top):
    """The host without the family that `install: ipv4` or `install: ipv6` leaves out."""
    link = text["network"][top]
    if link["install"] is True:
        return text
    six = link["install"] == "ipv6"
    left_out = ("dhcp4", "gateway4") if six else ("dhcp6", "slaac", "gateway6")
    link = {key: value for key, value in link.items() if key not in left_out}
    link["addresses"] = [a for a in link.get("addresses", []) if (":" in a) == six]
    link["routes"] = [r for r in link.get("routes", []) if (":" in r["to"]) == six]
    return {**text, "network": {**text["network"], top: link},
            "dns": [a for a in text.get("dns", []) if (":" in a) == six]}


def stack(network, nics, top):
    """The install link and what it stands on, by name."""
    link = network.get(top, {})
    below = link.get("bond", link.get("bridge", {})).get("ports", [])
    below = below + ([link["vlan"]["parent"]] if "vlan" in link else [])
    names = [top]
    for name in below:
        names += stack(network, nics, name)
    return names


def render_all(hosts):
    """The command line of every host, by the program itself. JSON is YAML."""
    inventory = {
        "server": {"address": ["192.0.2.20", "2001:db8:20::20"]},
        "profiles": {"all": {"kernel": "http://192.0.2.20/vmlinuz",
                             "initrd": "http://192.0.2.20/initrd.img",
                             "repo": "http://192.0.2.20/tree"}},
        "hosts": {name: {"profile": "all", **text} for name, (text, _) in hosts.items()},
    }
    lines = {}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        json.dump(inventory, f, indent=1)
        f.flush()
        for name in hosts:
            got = subprocess.run([KICKLINE, "render", "-f", f.name, name, "cmdline"],
                                 capture_output=True, text=True, check=False)
            assert got.stdout.count("\n") == 1, f"{name}: {json.dumps(hosts[name][0])}\n" + "\n".join(
                line for line in got.stderr.splitlines() if "error" in line or name in line)
            lines[name] = got.stdout.strip()
    return lines
