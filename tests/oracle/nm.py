"""NetworkManager's own reader of the kernel command line, and what it understood.

nm-initrd-generator prints profiles and exits 0 whatever it was given: a warning and a profile too
many or too few are its only complaints (docs/boot-stages.md, section 7).
"""
import re
import subprocess
import tempfile
from pathlib import Path

from oracle.hosts import BOND_MODES, TESTBED, as_the_install_sees, stack, version


def understand_all(lines):
    """For each line, ({profile: {section: {key: value}}}, host name or None, carrier timeout,
    complaints)."""
    with tempfile.TemporaryDirectory() as scratch:
        got = subprocess.run([Path(__file__).with_name("nm.sh"), TESTBED, scratch],
                             input="".join(line + "\n" for line in lines), capture_output=True,
                             text=True, check=False)
    assert got.returncode == 0, got.stderr
    answers = got.stdout.split("<out\n")[1:]
    assert len(answers) == len(lines)
    return [read(*answer[:-2].split("<err\n")) for answer in answers]


def understand(line):
    return understand_all([line])[0]


def read(out, err):
    profiles, hostname, carrier = {}, None, None
    complaints = [l for l in err.splitlines() if l.strip()]
    block = section = None
    for text in out.splitlines():
        title = re.fullmatch(r"\*\*\* (\w+) '(.*)' \*\*\*", text)
        if title:
            block = section = None
            if title[1] == "Connection":
                block = profiles.setdefault(title[2], {})
            elif title[1] == "Hostname":
                hostname = title[2]
            elif title[1] != "Configuration":
                complaints.append(text)
        elif re.fullmatch(r"\[.*\]", text):
            section = block.setdefault(text[1:-1], {}) if block is not None else None
        elif "=" in text and section is not None:
            key, _, value = text.partition("=")
            section[key] = value
        elif text.startswith("carrier-wait-timeout="):
            carrier = int(text.partition("=")[2]) // 1000
        elif "=" not in text and text.strip():
            complaints.append(text)
    return profiles, hostname, carrier, complaints


def addresses_of(section):
    """[(address/length, gateway or None)] in order."""
    found = []
    for n in range(1, 10):
        value = section.get(f"address{n}")
        if value is None:
            break
        address, _, gateway = value.partition(",")
        found.append((address, gateway or None))
    return found, section.get("gateway")


def routes_of(section):
    return sorted(tuple(section[k].split(",")) for k in section if re.fullmatch(r"route\d+", k))


def expected_family(link, family, dns):
    """What the keyfile's section says for one family of a link."""
    colon = family == 6
    own = [a for a in link.get("addresses", []) if (":" in a) == colon]
    gateway = link.get(f"gateway{family}")
    routed = link.get("slaac") or gateway == "ra"
    if family == 4:
        method = "auto" if link.get("dhcp4") else "manual" if own else "disabled"
    else:
        auto = routed or link.get("dhcp6")
        method = "auto" if auto else "manual" if own else "disabled"
    if gateway == "ra":
        gateway = None
    routes = sorted((r["to"],) + ((r["via"],) if "via" in r else ())
                    for r in link.get("routes", []) if (":" in r["to"]) == colon)
    servers = [a for a in dns if (":" in a) == colon] if method != "disabled" else []
    return {"method": method, "addresses": own, "gateway": gateway, "routes": routes,
            "dns": servers}


def found_family(section):
    found, gateway = addresses_of(section)
    return {
        "method": section.get("method"),
        "addresses": [a for a, _ in found],
        "gateway": gateway or next((g for _, g in found if g), None),
        "routes": routes_of(section),
        "dns": [a for a in section.get("dns", "").split(";") if a],
    }


def check_family(name, link, family, section, dns, wrong):
    want, have = expected_family(link, family, dns), found_family(section)
    # IPv6 beside DHCPv4 is tried, and may fail: src/stage/cmdline_nm.c says why that is "off".
    if family == 6 and want["method"] == "disabled" and link.get("dhcp4"):
        if have["method"] == "auto" and section.get("may-fail") != "false":
            have["method"] = "disabled"
    elif want["method"] != "disabled" and section.get("may-fail") != "false":
        wrong.append(f"{name}: IPv{family} may fail")
    for field, value in want.items():
        if have[field] != value:
            wrong.append(f"{name}: IPv{family} {field}: meant {value}, understood {have[field]}")


def check_device(name, text, profiles, wrong):
    link, p = text["network"].get(name, {}), profiles[name]
    kind = next((k for k in ("bond", "vlan", "bridge") if k in link), "ethernet")
    if p["connection"].get("type") != kind:
        wrong.append(f"{name}: a {p['connection'].get('type')} instead of a {kind}")
    if p["connection"].get("interface-name") != name:
        wrong.append(f"{name}: bound to {p['connection'].get('interface-name')}")
    if kind == "bond":
        options = {k: ",".join(v) if isinstance(v, list) else str(v)
                   for k, v in link["bond"].items() if k != "ports"}
        assert options["mode"] in BOND_MODES
        if p.get("bond", {}) != options:
            wrong.append(f"{name}: options: meant {options}, understood {p.get('bond')}")
    if kind == "vlan":
        vlan = p.get("vlan", {})
        if vlan.get("id") != str(link["vlan"]["id"]):
            wrong.append(f"{name}: VLAN {vlan.get('id')}")
        if vlan.get("parent") != link["vlan"]["parent"]:
            wrong.append(f"{name}: on {vlan.get('parent')}")
    if kind == "bridge" and p.get("bridge", {}).get("stp") != "false":
        wrong.append(f"{name}: a bridge with STP")
    ethernet = p.get("ethernet", {})
    if ethernet.get("mtu") != (str(link["mtu"]) if "mtu" in link else None):
        wrong.append(f"{name}: MTU {ethernet.get('mtu')}")
    if (ethernet.get("cloned-mac-address") or "").lower() != link.get("mac", ""):
        wrong.append(f"{name}: MAC {ethernet.get('cloned-mac-address')}")


def controller_of(name, network, names):
    for other in names:
        for kind in ("bond", "bridge"):
            if name in network.get(other, {}).get(kind, {}).get("ports", []):
                return other, kind
    return None, None


def check_place(name, text, names, profiles, wrong):
    """Ports belong to their controller, and nobody else belongs to one."""
    controller, kind = controller_of(name, text["network"], names)
    c = profiles[name]["connection"]
    uuid = profiles.get(controller, {}).get("connection", {}).get("uuid") if controller else None
    if (c.get("master"), c.get("slave-type")) != (uuid, kind):
        wrong.append(f"{name}: port of {c.get('master')} ({c.get('slave-type')}), not of {controller}")
    return controller


def disagreements(host, text, top, line):
    """What NetworkManager understood otherwise than it was meant; [] when nothing."""
    text = as_the_install_sees(text, top)
    profiles, hostname, carrier, wrong = understand(line)
    names = set(stack(text["network"], text["nics"], top))
    if set(profiles) != names:
        return wrong + [f"profiles: meant {sorted(names)}, understood {sorted(profiles)}"]
    for name in sorted(names):
        check_device(name, text, profiles, wrong)
        link = text["network"].get(name, {}) if name == top else {}
        if check_place(name, text, names, profiles, wrong):
            continue
        for family in (4, 6):
            check_family(name, link, family, profiles[name].get(f"ipv{family}", {}),
                         text.get("dns", []), wrong)
    if hostname not in (host, None) or (hostname is None and version(text["release"]) >= (9, 0)):
        wrong.append(f"host name {hostname}")
    slow = version(text["release"]) < (8, 7) or text["release"] == "rhel-9.0"
    if carrier != (30 if slow else 10):
        wrong.append(f"waits {carrier} s for a carrier")
    return wrong
