"""Every command line for dracut's legacy network module, as dracut's own parsers understand it.

They are those of Debian's dracut 059, whose grammar is 049's and that of 033 from EL7.3 on, as far
as these hosts go; where the 033 of 7.0 to 7.2 takes less, tests/golden/cmdline/ holds what is
refused (docs/boot-stages.md, section 1).
"""
import pytest

from oracle import hosts, legacy

HOSTS = hosts.many(20161121, hosts.LEGACY, 20)


@pytest.fixture(scope="module")
def answers():
    lines = hosts.render_all(HOSTS)
    # As if PXELINUX had added its own, which rd.bootif=0 has to undo.
    given = [line + " BOOTIF=01-52-54-00-99-99-99" for line in lines.values()]
    return dict(zip(lines, zip(given, legacy.understand_all(given))))


@pytest.mark.parametrize("release", hosts.LEGACY)
def test_it_understands_what_was_meant(answers, release):
    wrong = []
    for name, (text, top) in HOSTS.items():
        if text["release"] == release:
            line, facts = answers[name]
            wrong += [f"{line}\n    {w}" for w in legacy.disagreements(name, text, top, facts)]
    assert not wrong, "\n".join(wrong)


# --- could it object? -----------------------------------------------------------------------------

BOND = {"release": "rhel-7.9",
        "nics": {"enp1s0": "52:54:00:00:00:01", "enp2s0": "52:54:00:00:00:02"},
        "dns": ["2001:db8::53"],
        "network": {"bond0": {"bond": {"ports": ["enp1s0", "enp2s0"], "mode": "802.3ad",
                                       "miimon": 100, "updelay": 200}, "mtu": 9000},
                    "vlan7": {"vlan": {"id": 7, "parent": "bond0"}, "install": True,
                              "addresses": ["2001:db8:11::a/48"], "gateway6": "fe80::1",
                              "routes": [{"to": "2001:db8:f::/48", "via": "fe80::9"}]}}}
GOOD = ("bond=bond0:enp1s0,enp2s0:mode=802.3ad,miimon=100,updelay=200:9000 vlan=vlan7:bond0 "
        "ip=[2001:db8:11::a]::[fe80::1]:48::vlan7:none nameserver=2001:db8::53 "
        "rd.route=[2001:db8:f::/48]:[fe80::9]:vlan7 rd.neednet=1 rd.bootif=0 "
        "rd.net.timeout.carrier=30")
BAD = [
    ("802.3ad,miimon", "802.3ad;miimon", "options"),        # options parted by ';'
    ("mode=802.3ad,miimon=100,", "miimon=100,mode=802.3ad,", "order"),
    ("miimon=100,updelay=200", "updelay=200,miimon=100", "order"),
    ("enp1s0,enp2s0", "enp2s0,enp1s0", "ports"),            # the first port gives the MAC
    ("enp1s0,enp2s0", "enp1s0", "ports"),
    (":9000", "", "MTU"),
    (":9000", ":9000:1", "die"),
    ("vlan7:bond0", "vlan8:bond0", "devices"),
    ("vlan=vlan7:bond0 ", "", "devices"),
    ("[2001:db8:11::a]", "2001:db8:11::a", "die"),          # an address without brackets
    ("[2001:db8:11::a]", "[2001:db8:11::a/48]", "ip:"),
    (":48:", "::", "die"),                                  # no netmask
    ("[fe80::1]", "", "gw"),
    ("[fe80::1]", "fe80::1", "die"),
    (":none", ":auto6", "autoconf"),
    (":none", ":dhcp", "die"),
    (":none", ":none:1400", "mtu"),
    ("::vlan7", ":h1:vlan7", "hostname"),
    ("rd.neednet=1", "rd.neednet=1 ip=vlan7:dhcp", "die"),  # a second ip= for one interface
    ("rd.neednet=1", "rd.neednet=1 ip=enp9s0:dhcp", "2 ip="),
    (" rd.neednet=1", "", "does not wait"),
    ("nameserver=2001:db8::53", "nameserver=[2001:db8::53]", "name servers"),
    ("[2001:db8:f::/48]", "[2001:db8:f::]/48", "route"),
    ("rd.bootif=0", "BOOTIF=01-52-54-00-00-00-09", "waits for"),
    ("carrier=30", "carrier=30 rd.net.timeout.carrier=90", "carrier"),
]


def test_two_families_of_static_addresses_need_the_install_by_one():
    """Why there is `install: ipv6`: dracut stops at the second ip=."""
    vlan = {**BOND["network"]["vlan7"], "install": "ipv6",
            "addresses": ["192.0.2.9/24", *BOND["network"]["vlan7"]["addresses"]]}
    dual = {**BOND, "dns": ["192.0.2.53", *BOND["dns"]],
            "network": {**BOND["network"], "vlan7": vlan}}
    lines = [GOOD, f"{GOOD} ip=192.0.2.9:::255.255.255.0::vlan7:none"]
    one, two = [legacy.disagreements("h1", dual, "vlan7", facts)
                for facts in legacy.understand_all(lines)]
    assert one == []
    assert any("die" in w for w in two)


def test_a_bad_line_is_found_out():
    assert all(old in GOOD for old, _, _ in BAD)
    lines = [GOOD] + [GOOD.replace(old, new) for old, new, _ in BAD]
    found = [legacy.disagreements("h1", BOND, "vlan7", facts)
             for facts in legacy.understand_all(lines)]
    assert found[0] == []
    missed = [(line, wrong) for line, wrong, (_, _, about) in zip(lines[1:], found[1:], BAD)
              if not any(about in w for w in wrong)]
    assert not missed
