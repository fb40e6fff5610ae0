"""Dracut's own legacy parsers, and what they understood of kernel command lines."""
import ipaddress
import subprocess
import tempfile
from pathlib import Path

from oracle.hosts import TESTBED, as_the_install_sees, stack, version


def understand_all(lines):
    """For each line, a list of facts: tuples that begin with their kind (tests/oracle/legacy.sh)."""
    with tempfile.TemporaryDirectory() as empty:
        got = subprocess.run(
            ["unshare", "-m", Path(__file__).with_name("legacy.sh"), TESTBED, empty],
            input="".join(line + "\n" for line in lines), capture_output=True, text=True,
            check=False)
    assert got.returncode == 0, got.stderr
    answers, facts = [], []
    for text in got.stdout.splitlines():
        if text == ".":
            answers.append(facts)
            facts = []
        else:
            facts.append(tuple(field.strip() for field in text.split("\t")))
    assert len(answers) == len(lines)
    return answers


def of_kind(facts, kind):
    return [f[1:] for f in facts if f[0] == kind]


def netmask(length, family):
    return str(ipaddress.ip_network(f"0.0.0.0/{length}").netmask) if family == 4 else str(length)


def expected_ip(host, text, top):
    """The variables of ip_to_var: dev, autoconf, ip, srv, gw, mask, hostname, mtu, mac, dns1, dns2.
    A bond's MTU may stand in bond= instead, and the host name is only said where it is safe."""
    link = text["network"][top]
    own = link.get("addresses", [])
    address, _, length = (own or ["/"])[0].partition("/")
    six = ":" in address
    methods = ["none"] if own else []
    if link.get("dhcp4"):
        methods.append("dhcp")
    if link.get("slaac"):
        methods.append("auto6")
    if link.get("dhcp6"):
        methods.append("dhcp6")
    gateway = link.get("gateway6" if six else "gateway4", "")
    return {
        "dev": top, "autoconf": ",".join(methods), "ip": address, "srv": "",
        "gw": "" if gateway == "ra" else gateway,
        "mask": netmask(length, 6 if six else 4) if own else "",
        "hostname": "" if six else host, "mtu": str(link.get("mtu", "")),
        "macaddr": link.get("mac", ""), "dns1": "", "dns2": "",
    }


def applied(options):
    """ifup.sh writes what stands before the first '=' and after the last into sysfs."""
    return {o.partition("=")[0]: o.rpartition("=")[2] for o in options.split()}


def check_devices(text, names, facts, mtus, wrong):
    want = set()
    for name in names:
        link = text["network"].get(name, {})
        if "bond" in link:
            bond = link["bond"]
            options = {k: ",".join(v) if isinstance(v, list) else str(v)
                       for k, v in bond.items() if k != "ports"}
            found = [f for f in of_kind(facts, "bond") if f[0] == name]
            if len(found) != 1:
                wrong.append(f"{len(found)} bonds {name}")
                continue
            if found[0][1].split() != sorted(bond["ports"]):
                wrong.append(f"{name}: ports {found[0][1]}")
            if applied(found[0][2]) != options:
                wrong.append(f"{name}: options: meant {options}, understood {found[0][2]}")
            check_order(name, found[0][2], wrong)
            mtus[name] = found[0][3]
        elif "bridge" in link:
            want.add(("bridge", name, " ".join(link["bridge"]["ports"])))
        elif "vlan" in link:
            want.add(("vlan", name, link["vlan"]["parent"], str(link["vlan"]["id"])))
    bonds = {f[0] for f in of_kind(facts, "bond")}
    have = {f for f in facts if f[0] in ("bridge", "vlan")}
    if have != want or bonds != {n for n in names if "bond" in text["network"].get(n, {})}:
        wrong.append(f"devices: meant {want}, understood {have}, bonds {bonds}")


def check_order(name, options, wrong):
    """The kernel refuses options on a bond whose mode, or whose monitor, is not set yet."""
    keys = [o.partition("=")[0] for o in options.split()]
    before = keys[:keys.index("updelay")] if "updelay" in keys else ["miimon"]
    if keys[0] != "mode" or "miimon" not in before:
        wrong.append(f"{name}: options in the order {keys}")


def check_ip(host, text, top, facts, mtus, wrong):
    want = expected_ip(host, text, top)
    found = [dict(zip(want, f)) for f in of_kind(facts, "ip")]
    if len(found) != 1:
        wrong.append(f"{len(found)} ip=")
        return
    if top in mtus and mtus[top]:
        want["mtu"] = ""
    for field, value in want.items():
        if found[0][field] != value:
            wrong.append(f"{field}: meant '{value}', understood '{found[0][field]}'")
    for name, mtu in mtus.items():
        link = text["network"][name]
        if mtu != str(link.get("mtu", "")) and not (name == top and not mtu):
            wrong.append(f"{name}: MTU {mtu}")


def disagreements(host, text, top, facts):
    """What dracut understood otherwise than it was meant; [] when nothing."""
    wrong = ["\t".join(f) for f in facts if f[0] in ("die", "warn", "stderr")]
    if ("done",) not in facts:
        wrong.append("the parsers did not come to their end")
        return wrong
    text = as_the_install_sees(text, top)
    names = stack(text["network"], text["nics"], top)
    mtus = {}
    check_devices(text, names, facts, mtus, wrong)
    check_ip(host, text, top, facts, mtus, wrong)
    if [f[0] for f in of_kind(facts, "nameserver")] != text.get("dns", []):
        wrong.append(f"name servers {of_kind(facts, 'nameserver')}")
    routes = {(r["to"], r.get("via", ""), top) for r in text["network"][top].get("routes", [])}
    if set(of_kind(facts, "route")) != routes:
        wrong.append(f"routes {of_kind(facts, 'route')}")
    named = {(n, m) for n, m in text["nics"].items() if n.startswith("lan")}
    if set(of_kind(facts, "ifname")) != named:
        wrong.append(f"names {of_kind(facts, 'ifname')}")
    if of_kind(facts, "ifaces") != [(top,)] or of_kind(facts, "bootdev"):
        wrong.append(f"waits for {of_kind(facts, 'ifaces')}, {of_kind(facts, 'bootdev')}")
    if ("neednet",) not in facts:
        wrong.append("does not wait for the network")
    timeouts = dict(of_kind(facts, "timeout"))
    if timeouts["carrier"] != ("30" if version(text["release"]) >= (7, 2) else ""):
        wrong.append(f"waits {timeouts['carrier']} s for a carrier")
    return wrong
