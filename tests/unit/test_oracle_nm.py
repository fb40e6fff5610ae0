"""Every command line for NetworkManager, as NetworkManager's own generator understands it.

The generator is Debian's 1.42.4. What older and newer ones read otherwise is not among these hosts
(several values of one bond option, options newer than 1.42), or is spelt so that both read it
alike (lines for 8.3's 1.26); tests/golden/cmdline/ holds the exact lines for every release.
"""
import pytest

from oracle import hosts, nm

HOSTS = hosts.many(20261121, hosts.NM, 28)


@pytest.fixture(scope="module")
def lines():
    return hosts.render_all(HOSTS)


@pytest.mark.parametrize("release", hosts.NM)
def test_it_understands_what_was_meant(lines, release):
    wrong = []
    for name, (text, top) in HOSTS.items():
        if text["release"] == release:
            wrong += [f"{lines[name]}\n    {w}"
                      for w in nm.disagreements(name, text, top, lines[name])]
    assert not wrong, "\n".join(wrong)


def test_a_bootif_that_a_loader_adds_changes_nothing(lines):
    """PXELINUX's IPAPPEND 2; without rd.bootif=0 there would be one more profile."""
    with_it = without = 0
    for name, (text, top) in list(HOSTS.items())[::7]:
        line = lines[name] + " BOOTIF=01-" + next(iter(text["nics"].values())).replace(":", "-")
        with_it += bool(nm.disagreements(name, text, top, line))
        without += bool(nm.disagreements(name, text, top, line.replace("rd.bootif=0", "")))
    assert (with_it, without > 0) == (0, True)


# --- could it object? -----------------------------------------------------------------------------

BOND = {"release": "rhel-9.4",
        "nics": {"enp1s0": "52:54:00:00:00:01", "enp2s0": "52:54:00:00:00:02"},
        "dns": ["2001:db8::53"],
        "network": {"bond0": {"bond": {"ports": ["enp1s0", "enp2s0"], "mode": "802.3ad",
                                       "miimon": 100, "lacp_rate": "fast"}},
                    "vlan7": {"vlan": {"id": 7, "parent": "bond0"}, "install": True,
                              "addresses": ["2001:db8:11::a/48"], "gateway6": "fe80::1"}}}
GOOD = ("bond=bond0:enp1s0,enp2s0:mode=802.3ad,miimon=100,lacp_rate=fast vlan=vlan7:bond0 "
        "ip=[2001:db8:11::a]::[fe80::1]:48:h1:vlan7:none nameserver=2001:db8::53 rd.neednet=1 "
        "rd.bootif=0")


def test_the_good_line_is_good():
    assert nm.disagreements("h1", BOND, "vlan7", GOOD) == []


@pytest.mark.parametrize("old, new, about", [
    ("802.3ad,miimon", "802.3ad;miimon", "options"),            # options parted by ';'
    ("mode=802.3ad", "mode=mode=4", "options"),                 # a doubled mode
    ("lacp_rate=fast", "lacp_rate=quick", "options"),
    ("enp1s0,enp2s0:", "enp1s0:", "profiles"),
    ("enp1s0,enp2s0", "enp1s0,enp3s0", "profiles"),
    ("[2001:db8:11::a]", "2001:db8:11::a", "IPv6 method"),      # an address without brackets
    (":48:", "::", "addresses"),                                # no netmask
    (":48:", ":129:", "Invalid IP mask"),
    (":none", ":auto6", "method"),
    (":none", ":dhcp", "method"),
    ("[fe80::1]", "fe80::1", "vlan7"),
    ("[fe80::1]", "", "gateway"),
    (":h1:", ":h2:", "host name"),
    ("vlan=vlan7:bond0", "vlan=vlan8:bond0", "profiles"),
    ("vlan=vlan7:bond0", "vlan=vlan7:enp1s0", "vlan7: on"),
    ("vlan=vlan7:bond0 ", "", "instead of a vlan"),
    ("nameserver=2001:db8::53", "nameserver=192.0.2.53", "dns"),
    (" nameserver=2001:db8::53", "", "dns"),
    ("nameserver=2001:db8::53", "nameserver=2001:db8::53,2001:db8::54", "dns"),
    ("rd.bootif=0", "BOOTIF=01-52-54-00-00-00-09", "profiles"),
    ("rd.neednet=1", "rd.neednet=1 ip=enp9s0:dhcp", "profiles"),
    ("rd.neednet=1", "rd.neednet=1 ip=bond0:dhcp", "bond0"),
    ("ip=[", "ip=192.0.2.9:::::vlan7:none:[2001:db8::53] ip=[", "IPv4"),
])
def test_a_bad_line_is_found_out(old, new, about):
    assert old in GOOD
    wrong = nm.disagreements("h1", BOND, "vlan7", GOOD.replace(old, new))
    assert wrong and any(about in w for w in wrong), wrong


def test_a_second_family_is_found_out():
    """One that the host has, and that its install does not use."""
    vlan = {**BOND["network"]["vlan7"], "install": "ipv6", "gateway4": "192.0.2.1",
            "addresses": ["192.0.2.9/24", *BOND["network"]["vlan7"]["addresses"]]}
    dual = {**BOND, "dns": ["192.0.2.53", *BOND["dns"]],
            "network": {**BOND["network"], "vlan7": vlan}}
    four = "ip=192.0.2.9::192.0.2.1:255.255.255.0::vlan7:none"
    assert nm.disagreements("h1", dual, "vlan7", GOOD) == []
    assert nm.disagreements("h1", dual, "vlan7", f"{GOOD} {four}")
    vlan["install"] = True
    assert nm.disagreements("h1", dual, "vlan7", f"{GOOD} {four} nameserver=192.0.2.53") == []
    assert nm.disagreements("h1", dual, "vlan7", GOOD)


def test_it_refuses_bond_options_that_are_newer():
    """What src/stage/cmdline_bond.c says of NetworkManager 1.42."""
    for option in ("arp_missed_max=3", "lacp_active=on", "coupled_control=on",
                   "broadcast_neighbor=on"):
        complaints = nm.understand(f"bond=bond0:a,b:mode=802.3ad,{option} ip=bond0:dhcp")[3]
        assert any("invalid option" in c for c in complaints), option
