"""What the parser says of a line, against what an engine does: [(link, field, text)]."""
import ipaddress
import re

from oracle import hosts, legacy, nm

NAMES = {
    "lacp_rate": ["slow", "fast"],
    "xmit_hash_policy": ["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"],
    "fail_over_mac": ["none", "active", "follow"],
    "arp_validate": ["none", "active", "backup", "all", "filter", "filter_active",
                     "filter_backup"],
    "arp_all_targets": ["any", "all"],
    "primary_reselect": ["always", "better", "failure"],
    "ad_select": ["stable", "bandwidth", "count"],
    "mode": hosts.BOND_MODES,
}


def by_name(option, value):
    """The kernel's name of a bond option's value."""
    names = NAMES.get(option, [])
    number = int(value) if re.fullmatch(r"\d{1,3}", value) else -1
    return names[number] if 0 <= number < len(names) else value


def options_of(facts, name):
    return {f[7:]: v for (n, f), v in facts.items() if n == name and f.startswith("option ")}


class Differences:
    """Collects them."""

    def __init__(self, facts, codes, engine):
        self.facts, self.codes, self.engine = facts, codes, engine
        self.found = []

    def add(self, link, field, text):
        self.found.append((link, field, text))

    def hold(self, link, field, have):
        said = self.facts.get((link, field))
        if said != have:
            self.add(link, field, f"the parser says {said}, {self.engine} {have}")


# --- NetworkManager -------------------------------------------------------------------------------

def nm_name(title, p, facts):
    """The link of a profile: NICs that are known by MAC alone go by it, or by ifname='s name."""
    mac = p.get("ethernet", {}).get("mac-address", "").lower()
    if title in ("default_connection", "(null)") and (not mac or ("*", "kind") in facts):
        return "*"
    if not mac or p["connection"].get("interface-name"):
        return title
    return next((n for (n, f), v in facts.items() if f == "mac" and v == mac and
                 facts.get((n, "kind")) == "ethernet"), mac)


def only_tried(section, family):
    """IPv6 beside IPv4, which may fail: src/stage/cmdline_nm.c says why that is "off"."""
    return family == 6 and section.get("method") == "auto" and section.get("may-fail") != "false"


def nm_family(d, name, p, family):
    section = p[f"ipv{family}"]
    said = d.facts.get((name, f"ipv{family}"))
    method = section.get("method")
    if only_tried(section, family):
        if said not in (None, "auto"):
            d.add(name, "ipv6", f"the parser says {said}, NetworkManager only tries")
        return
    if family == 6 and method == "auto":
        if said not in ("auto", "dhcp") and d.facts.get((name, "gateway6")) != "by RA":
            d.add(name, "ipv6", f"the parser says {said}, NetworkManager auto")
    else:
        d.hold(name, f"ipv{family}", {"auto": "dhcp", "manual": "static"}.get(
            method, None if method == "disabled" else method))
    if method == "disabled":
        return
    found, gateway = nm.addresses_of(section)
    d.hold(name, f"addresses{family}", ", ".join(a for a, _ in found) or None)
    gateway = gateway or next((g for _, g in found if g), None)
    said = d.facts.get((name, f"gateway{family}"))
    if (None if said in ("by RA", "by DHCP") else said) != gateway:
        d.add(name, f"gateway{family}", f"the parser says {said}, NetworkManager {gateway}")


def nm_routes(p):
    found = [r for f in (4, 6) for r in nm.routes_of(p.get(f"ipv{f}", {}))]
    return sorted(" via ".join(r[:2]) for r in found)


def nm_profile(d, name, p):
    kind = p["connection"].get("type")
    d.hold(name, "kind", kind)
    d.hold(name, "mtu", p.get("ethernet", {}).get("mtu"))
    cloned = p.get("ethernet", {}).get("cloned-mac-address", "").lower() or None
    if kind == "ethernet" and cloned:
        d.add(name, "nic-mac", f"the parser says nothing, NetworkManager sets {cloned}")
    elif kind != "ethernet":
        d.hold(name, "mac", cloned)
    if kind == "bond":
        bond = p.get("bond", {})
        d.hold(name, "mode", by_name("mode", bond.get("mode", "balance-rr")))
        have = {k: by_name(k, v) for k, v in bond.items() if k != "mode"}
        said = options_of(d.facts, name)
        if said != have:
            d.add(name, "options", f"the parser says {said}, NetworkManager {have}")
    if kind == "vlan":
        d.hold(name, "vlan", p["vlan"].get("id"))
        d.hold(name, "parent", p["vlan"].get("parent"))
    for family in (4, 6):
        if f"ipv{family}" in p:
            nm_family(d, name, p, family)
    said = sorted(filter(None, d.facts.get((name, "routes"), "").split(", ")))
    if said != nm_routes(p):
        d.add(name, "routes", f"the parser says {said}, NetworkManager {nm_routes(p)}")


def nm_dns(d, profiles):
    """Each profile has those of its families, in the line's order."""
    said = list(filter(None, d.facts.get(("", "dns"), "").split(", ")))
    used = set()
    for title, p in profiles.items():
        for family in (4, 6):
            section = p.get(f"ipv{family}", {})
            have = [a for a in section.get("dns", "").split(";") if a]
            if only_tried(section, family):
                have = [a for a in have if a in said]
            used.update(have)
            if have != [a for a in said if a in have]:
                d.add(title, "dns", f"the parser says {said}, NetworkManager {have}")
    if set(said) - used:
        d.add("", "dns", f"the parser says {said}, NetworkManager {sorted(used)}")


def broken(p):
    """A profile that NetworkManager itself finds invalid: it prints no section of addresses."""
    return "ipv4" not in p and "master" not in p["connection"]


def against_nm(answer, facts, codes):
    """None when NetworkManager itself went wrong: a failed assertion, an invalid profile."""
    profiles, hostname, _, complaints = answer
    if any("<warn>" not in c for c in complaints) or any(map(broken, profiles.values())):
        return None
    d = Differences(facts, [c for _, c in codes], "NetworkManager")
    names = {title: nm_name(title, p, facts) for title, p in profiles.items()}
    by_uuid = {p["connection"]["uuid"]: names[t] for t, p in profiles.items()}
    ports = {}
    for title, p in profiles.items():
        master = p["connection"].get("master")
        if master is None:
            nm_profile(d, names[title], p)
        elif master in by_uuid:
            ports.setdefault(by_uuid[master], []).append(names[title])
    for name in names.values():
        d.hold(name, "ports", ", ".join(sorted(ports.get(name, []))) or None)
    lost = "profile-lost" in d.codes
    for link, field in facts:
        if link and link not in names.values() and field not in ("kind", "mac") and not lost:
            d.add(link, "profile", f"the parser says {field}, NetworkManager has no profile")
    nm_dns(d, profiles)
    d.hold("", "hostname", hostname)
    return d.found


# --- legacy dracut --------------------------------------------------------------------------------

def as_address(text):
    # The kernel's and ip(8)'s, not Python's: no zone, no leading zeros.
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def length_of(address, mask):
    if re.fullmatch(r"\d+", mask) and int(mask) <= address.max_prefixlen:
        return int(mask)
    dotted = as_address(mask)
    if address.version == 6 or not dotted or dotted.version == 6:
        return None
    zeros = 0xffffffff ^ int(dotted)
    return None if zeros & zeros + 1 else 32 - zeros.bit_length()


def legacy_bonds(d, heard, mtus):
    for name, ports, options, mtu in {b[0]: b for b in legacy.of_kind(heard, "bond")}.values():
        d.hold(name, "kind", "bond")
        d.hold(name, "ports", ", ".join(sorted(ports.split())) or None)
        applied = legacy.applied(options)
        mode = by_name("mode", applied.pop("mode", "balance-rr"))
        d.hold(name, "mode", mode if mode in hosts.BOND_MODES else "balance-rr")
        have = {k: by_name(k, v) for k, v in applied.items()}
        said = options_of(d.facts, name)
        # What the kernel would refuse the parser leaves out, and says so.
        left = {k: v for k, v in have.items() if said.get(k) != v}
        if set(said) - set(have) or (left and "bond-option" not in d.codes):
            d.add(name, "options", f"the parser says {said}, dracut {have}")
        mtus[name] = str(int(mtu)) if re.fullmatch(r"\d{1,5}", mtu) and 0 < int(mtu) < 65536 else ""


def legacy_devices(d, heard, mtus):
    legacy_bonds(d, heard, mtus)
    for name, ports in {b[0]: b for b in legacy.of_kind(heard, "bridge")}.values():
        d.hold(name, "kind", "bridge")
        d.hold(name, "ports", ", ".join(sorted(ports.split())) or None)
    vlans = legacy.of_kind(heard, "vlan")
    for name, parent, tag in vlans:
        octal = re.fullmatch("0[0-7]*", tag)
        number = int(tag, 8 if octal else 10) if tag.isdigit() and (octal or tag[0] != "0") else 0
        several = [v for v in vlans if v[0] == name]
        if not 0 < number < 4095:
            if "vlan-name" not in d.codes:
                d.add(name, "vlan", f"the parser says {d.facts.get((name, 'vlan'))}, dracut none")
        elif d.facts.get((name, "parent")) not in [v[1] for v in several]:
            d.hold(name, "parent", parent)
        else:
            d.hold(name, "vlan", str(number))
    for name, mac in legacy.of_kind(heard, "ifname"):
        if re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", mac):
            d.hold(name, "mac", mac)


def legacy_methods(fact):
    """{family: method} of one ip= (ifup.sh)."""
    out = {}
    for word in (fact["autoconf"] or "dhcp").split(","):
        address = as_address(fact["ip"])
        if word in ("none", "off") and address and length_of(address, fact["mask"]) is not None:
            out[address.version] = "static"
        elif word in ("dhcp", "on", "any", "single-dhcp"):
            out[4] = "dhcp"
        elif word == "dhcp6" and out.get(4) != "dhcp":
            out[6] = "dhcp"
        elif word in ("auto6", "either6"):
            out.setdefault(6, "auto")
    return out


def legacy_ip(d, name, fact, mtus):
    methods, address = legacy_methods(fact), as_address(fact["ip"])
    for family in (4, 6):
        said = d.facts.get((name, f"ipv{family}"))
        if said != methods.get(family):
            d.add(name, f"ipv{family}", f"the parser says {said}, dracut {methods.get(family)}")
    if address and methods.get(address.version) == "static":
        d.hold(name, f"addresses{address.version}",
               f"{address}/{length_of(address, fact['mask'])}")
    gateway = as_address(fact["gw"])
    if gateway and gateway.version in methods:
        d.hold(name, f"gateway{gateway.version}", str(gateway))
    elif fact["gw"] and not gateway and "gateway" not in d.codes:
        d.add(name, "gateway", f"the parser says nothing of {fact['gw']}")
    static = "static" in methods.values()
    wanted = int(fact["mtu"]) if re.fullmatch(r"\d{1,9}", fact["mtu"]) else 0
    sets = static or methods.get(4) == "dhcp"
    mtu = str(wanted) if 0 < wanted < 65536 and sets else mtus.get(name) or None
    d.hold(name, "mtu", mtu)
    mac = fact["macaddr"].lower()
    if not re.fullmatch("([0-9a-f]{2}:){5}[0-9a-f]{2}", mac) or not static:
        mac = None
    if d.facts.get((name, "kind")) != "ethernet":
        d.hold(name, "mac", mac)
    elif mac:
        d.add(name, "nic-mac", f"the parser says nothing, dracut sets {mac}")


FIELDS = ["dev", "autoconf", "ip", "srv", "gw", "mask", "hostname", "mtu", "macaddr", "dns1",
          "dns2"]


def legacy_ips(d, heard, mtus):
    ips = [dict(zip(FIELDS, f)) for f in legacy.of_kind(heard, "ip")]
    names = [f["dev"] or "*" for f in ips]
    for name, fact in zip(names, ips):
        if fact["autoconf"] == "ibft":
            continue
        if names.count(name) == 1:
            legacy_ip(d, name, fact, mtus)
    for name, mtu in mtus.items():
        if name not in names:
            d.hold(name, "mtu", mtu or None)
    d.hold("", "hostname", next((f["hostname"] for f in reversed(ips) if f["hostname"]), None))
    return ips


def legacy_dns(d, heard, ips):
    have = []
    for text in [f[k] for f in ips for k in ("dns1", "dns2")] + \
            [f[0] for f in legacy.of_kind(heard, "nameserver")]:
        address = as_address(text)
        if address and str(address) not in have:
            have.append(str(address))
        elif text and not address and "nameserver" not in d.codes:
            d.add("", "dns", f"the parser says nothing of {text}")
    d.hold("", "dns", ", ".join(have) or None)


def legacy_routes(d, heard, ips):
    said = sorted(r for (_, f), v in d.facts.items() if f == "routes" for r in v.split(", "))
    have = []
    for to, via, dev in legacy.of_kind(heard, "route"):
        if not dev and not ips and not legacy.of_kind(heard, "bootdev"):
            continue  # nothing is brought up that could have it
        net, _, length = to.partition("/")
        net, gateway = as_address(net), as_address(via)
        if net and (not via or gateway and gateway.version == net.version) and re.fullmatch(r"\d{1,3}", length) and \
                int(length) <= net.max_prefixlen:
            have.append(f"{net}/{int(length)}" + (f" via {gateway}" if gateway else ""))
    if said != sorted(have):
        d.add("", "routes", f"the parser says {said}, dracut {sorted(have)}")


def against_dracut(heard, facts, codes):
    d = Differences(facts, [c for _, c in codes], "dracut")
    dies = any(f[0] == "die" for f in heard)
    stops = any(severity == "error" and code != "line-too-long" for severity, code in codes)
    if dies != stops:
        said = [f for f in heard if f[0] == "die"]
        d.add("", "stops", f"the parser says {codes}, dracut {said}")
    if dies or stops:
        return d.found
    if ("done",) not in heard:
        return None
    mtus = {}
    legacy_devices(d, heard, mtus)
    ips = legacy_ips(d, heard, mtus)
    legacy_dns(d, heard, ips)
    legacy_routes(d, heard, ips)
    return d.found
