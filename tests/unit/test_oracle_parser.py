"""kl_cmdline_parse() against the engines themselves, on lines as people write them: well or badly.

Each line is made by dice out of pieces that are right, odd and wrong. What the parser says that
the release would do is held against NetworkManager 1.42's generator (as rhel-9.2, which has that
version) and dracut 059's parsers (as rhel-8.2, whose grammar is the same for these pieces).
"""
import os
import random
import re
import subprocess

from oracle import hosts, legacy, nm

CHECK = hosts.ROOT / os.environ.get("CHECK", "build/check")

LINKS = ["eno1", "eno2", "bond0", "vlan5", "br0"]
ADDRESSES = ["192.0.2.9", "[2001:db8::9]", "[2001:db8::9/48]", "[2001:db8::9]/48", "2001:db8::9",
             "10.1.2.3/16", "", "host"]
GATEWAYS = ["", "", "192.0.2.1", "[fe80::1]", "fe80::1", "gw"]
MASKS = ["", "24", "255.255.252.0", "64", "120", "200", "255.0.255.0"]
METHODS = ["none", "off", "dhcp", "on", "any", "dhcp6", "auto6", "auto", "dhcp,dhcp6", "either6",
           "none,auto6", "", "static"]
TAILS = ["", "", ":1400", "::02:00:00:00:00:07", ":1400:02:00:00:00:00:07", ":192.0.2.53",
         ":[2001:db8::53]:192.0.2.54", ":9000:"]
OPTIONS = ["mode=802.3ad,miimon=100", "mode=4", "mode=mode=6,miimon=100", "miimon=100,mode=1",
           "mode=1;miimon=100", "mode=balance-alb", "mode=9,miimon=50", "mode=1,foo=bar", "",
           "mode=active-backup,primary=eno1,miimon=100", "mode=1,miimon=100,updelay=200"]


def argument(r):
    kind = r.randrange(14)
    link = r.choice(LINKS)
    if kind < 3:
        return f"ip={link}:{r.choice(METHODS)}{r.choice(TAILS)}"
    if kind < 7:
        return (f"ip={r.choice(ADDRESSES)}::{r.choice(GATEWAYS)}:{r.choice(MASKS)}:"
                f"{r.choice(['', 'h1', 'h1.example.net', 'h_1', '-h'])}:{link}:"
                f"{r.choice(METHODS)}{r.choice(TAILS)}")
    if kind == 7:
        return "ip=" + r.choice(METHODS)
    if kind == 8:
        return f"nameserver={r.choice(['192.0.2.53', '2001:db8::53', '[2001:db8::54]', 'x'])}"
    if kind == 9:
        return "rd.route=" + r.choice(["10.0.0.0/8:192.0.2.7", "10.0.0.0/8:192.0.2.7:" + link,
                                       "[2001:db8:f::/48]:[fe80::7]:" + link,
                                       "[2001:db8:f::]/48:[fe80::7]:" + link, "10.0.0.0/8::" + link])
    if kind == 10:
        return r.choice(["vlan=vlan5:eno1", "vlan=vlan5:bond0", "vlan=vlan005:eno1",
                         "vlan=storage5:eno1"])
    if kind == 11:
        return "bond=bond0:" + r.choice(["eno1,eno2", "eno2,eno1", "eno1"]) + r.choice(
            [":" + o + r.choice(["", "", ":9000"]) for o in OPTIONS] + [""])
    if kind == 12:
        return "bridge=br0:" + r.choice(["eno1", "bond0", "eno1,eno2"])
    return r.choice(["bootdev=" + link, "rd.neednet=1", "rd.bootif=0", "quiet"])


def some_lines(seed, count):
    r = random.Random(seed)
    return [" ".join(argument(r) for _ in range(r.randrange(1, 6))) for _ in range(count)]


def parse_all(release, lines):
    """[({(link, field): value}, [codes of diagnostics])]"""
    got = subprocess.run([CHECK / "tests/unit/cmdline-facts"],
                         input="".join(f"{release}\t{line}\n" for line in lines),
                         capture_output=True, text=True, check=False)
    assert got.returncode == 0 and not got.stderr, got.stderr
    answers, facts, codes = [], {}, []
    for text in got.stdout.splitlines():
        if text == ".":
            answers.append((facts, codes))
            facts, codes = {}, []
        elif text.startswith("!"):
            codes.append(text.split("\t")[1])
        else:
            link, field, value = text.split("\t")
            facts[link, field] = value
    assert len(answers) == len(lines)
    return answers


# --- NetworkManager -------------------------------------------------------------------------------

def one_profile(name, p, facts, wrong):
    def differ(field, said, have):
        if said != have:
            wrong.append(f"{name} {field}: the parser says {said}, NetworkManager {have}")

    four, six = p.get("ipv4", {}), p.get("ipv6", {})
    a4, g4 = nm.addresses_of(four)
    a6, g6 = nm.addresses_of(six)
    differ("IPv4", facts.get((name, "ipv4")),
           {"auto": "dhcp", "manual": "static"}.get(four.get("method")))
    said6 = facts.get((name, "ipv6"))
    if six.get("method") == "auto" and six.get("may-fail") != "false":
        if said6 not in (None, "auto"):
            wrong.append(f"{name} IPv6: the parser says {said6}, NetworkManager only tries")
    elif six.get("method") == "auto":
        if said6 not in ("auto", "dhcp") and facts.get((name, "gateway6")) != "by RA":
            wrong.append(f"{name} IPv6: the parser says {said6}, NetworkManager auto")
    else:
        differ("IPv6", said6, {"manual": "static"}.get(six.get("method")))
    differ("addresses4", facts.get((name, "addresses4")), ", ".join(a for a, _ in a4) or None)
    if said6:
        differ("addresses6", facts.get((name, "addresses6")), ", ".join(a for a, _ in a6) or None)
    for family, found, section in ((4, a4, g4), (6, a6, g6)):
        gateway = section or next((g for _, g in found if g), None)
        said = facts.get((name, f"gateway{family}"))
        if found:
            differ(f"gateway{family}", None if said in ("by RA", "by DHCP") else said, gateway)
    differ("mtu", facts.get((name, "mtu")), p.get("ethernet", {}).get("mtu"))
    if "bond" in p:
        differ("mode", facts.get((name, "mode")), p["bond"].get("mode", "balance-rr").replace(
            "4", "802.3ad") if p["bond"].get("mode", "") in ("4", "") else
            hosts.BOND_MODES[int(p["bond"]["mode"])] if p["bond"]["mode"].isdigit()
            else p["bond"]["mode"])
        options = {k: v for k, v in p["bond"].items() if k != "mode"}
        differ("options", {f[7:]: v for (n, f), v in facts.items()
                           if n == name and f.startswith("option ")}, options)
    if "vlan" in p:
        differ("vlan", facts.get((name, "vlan")), p["vlan"].get("id"))
        differ("parent", facts.get((name, "parent")), p["vlan"].get("parent"))


def against_nm(line, facts):
    """None when NetworkManager itself finds a profile invalid, and prints no section of it."""
    profiles, hostname, _, complaints = nm.understand(line)
    if any("<warn>" not in c for c in complaints) or any("ipv4" not in p and "master" not in
                                                         p["connection"] for p in profiles.values()):
        return None
    wrong = []
    for name, p in profiles.items():
        if "master" in p["connection"]:
            controller = next((n for n, q in profiles.items()
                               if q["connection"]["uuid"] == p["connection"]["master"]), None)
            if controller is None:
                return None
            if name not in facts.get((controller, "ports"), ""):
                wrong.append(f"{name} is a port of {controller}")
            continue
        one_profile("*" if name == "default_connection" else name, p, facts, wrong)
    if facts.get(("", "hostname")) != hostname:
        wrong.append(f"host name {facts.get(('', 'hostname'))}, not {hostname}")
    return wrong


def test_the_parser_reads_as_networkmanager_does():
    lines = some_lines(2, 350)
    wrong, judged = [], 0
    for line, (facts, codes) in zip(lines, parse_all("rhel-9.2", lines)):
        found = against_nm(line, facts)
        judged += found is not None
        wrong += [f"{line}\n    {w}" for w in found or []]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
    assert judged > 150


# --- legacy dracut --------------------------------------------------------------------------------

def against_dracut(facts, codes, heard):
    dies = any(f[0] == "die" for f in heard)
    wrong = []
    if dies != ("stops" in codes or "duplicate-ip" in codes):
        wrong.append(f"dracut {'stops' if dies else 'goes on'}: {heard}; the parser says {codes}")
    if dies:
        return wrong
    for name, ports, _, mtu in legacy.of_kind(heard, "bond"):
        if facts.get((name, "ports"), "").split(", ") != sorted(ports.split()):
            wrong.append(f"{name}: ports {ports}")
        if (facts.get((name, "mtu")) or "") != mtu and not any(
                f[0] == name and f[7] for f in legacy.of_kind(heard, "ip")):
            wrong.append(f"{name}: MTU {mtu}")
    vlans = {v[0]: v for v in legacy.of_kind(heard, "vlan")}
    for name, parent, tag in vlans.values():
        if len(vlans) == len(legacy.of_kind(heard, "vlan")) and tag and (facts.get((name, "parent")), facts.get((name, "vlan"))) != \
                (parent, str(int(tag, 8 if re.match("0[0-7]*$", tag) else 10))):
            wrong.append(f"{name}: VLAN {tag} on {parent}")
    for dev, method, address, _, gateway, mask, host, *_ in legacy.of_kind(heard, "ip"):
        name = dev or "*"
        said = facts.get((name, "addresses6" if ":" in address else "addresses4"), "")
        if address and method in ("none", "off") and said.partition("/")[0] != address:
            if "address-invalid" not in codes and "netmask" not in codes:
                wrong.append(f"{name}: address {said}, dracut: {address}")
        if method in ("dhcp", "on", "any") and facts.get((name, "ipv4")) != "dhcp":
            wrong.append(f"{name}: not by DHCP")
    return wrong


def test_the_parser_reads_as_dracut_does():
    lines = some_lines(8, 150)
    answers = parse_all("rhel-8.2", lines)
    heard = legacy.understand_all(lines)
    wrong = [f"{line}\n    {w}" for line, (facts, codes), said in zip(lines, answers, heard)
             for w in against_dracut(facts, codes, said)]
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:40])
