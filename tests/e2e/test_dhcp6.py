"""The DHCPv6 server against real clients (OVMF, iPXE, ISC dhclient, dhcpcd), direct and through
ISC's relay. The server is the build with AddressSanitizer and UndefinedBehaviorSanitizer: a report
of theirs ends it with a status that fails the test."""
import re
import shutil
import signal
import socket
import struct

import pytest

import guest
import lab as labs

MAC = "52:54:00:12:34:56"
UUID = "12345678-9abc-def0-1122-334455667788"
ADDRESS = "2001:db8:11::31:0"

INVENTORY = """
server:
  address: [{server}]
  boot: {boot}
  trees: {dir}/trees
  state: {dir}/state.db
  {more}
hosts:
  newbox:
    release: centos-7.9
    tree: centos
    uuid: {uuid}
    dns: [2001:db8:20::53, 2001:db8:20::54]
    search: [example.net, lab.example.net]
    nics: {{enp3s0: "{mac}", enp7s0: "52:54:00:12:34:57"}}
    network:
      bond0:
        bond: {{ports: [enp3s0, enp7s0], mode: active-backup, miimon: 100}}
        addresses: [{address}/64]
        gateway6: ra
"""


class Server:
    """`kickline serve` on a node; stop() demands that it ends well."""

    def __init__(self, lab, node, address="2001:db8:11::20", more="", arm=True):
        self.lab, self.node = lab, node
        self.conf = lab.files / "kickline.yaml"
        boot = lab.files / "boot"
        boot.mkdir()
        (lab.files / "trees/centos").mkdir(parents=True)
        shutil.copy(labs.TESTBED / "boot/ipxe.efi", boot)  # where Debian's links lead
        self.conf.write_text(INVENTORY.format(
            server=address, boot=boot, dir=lab.files, uuid=UUID, mac=MAC,
            address=ADDRESS, more=more))
        program = labs.BUILD / "check/kickline"
        if arm:
            node.run([program, "arm", "-f", self.conf, "newbox"], outside=True)
        self.process = node.start([program, "serve", "-f", self.conf], name="kickline",
                                  outside=True)
        self.process.wait_log("info start ")

    def said(self, *words, after=0):
        """The log lines of DHCPv6 that hold all these words."""
        return [line for line in self.process.output()[after:].splitlines()
                if " dhcp6 " in line and all(w in line for w in words)]

    def wait(self, *words, timeout=20):
        return self.lab.wait(f"the server to say {' '.join(words)}",
                             lambda: self.said(*words), timeout)[-1]

    def stop(self):
        """Ends it; returns its last words, which hold the counters."""
        status = self.process.stop(signal.SIGTERM, timeout=10)
        assert status == 0, self.process.output()
        assert "Sanitizer" not in self.process.output()
        return self.process.output()


@pytest.fixture
def link(lab):
    """A server and a client on one link: (server's node, client)."""
    server, client = lab.node("server"), lab.node("client")
    lab.bridge("lan")
    lab.attach("lan", server, "eth0")
    lab.attach("lan", client, "eth0", mac=MAC)
    server.addr("eth0", "2001:db8:11::20/64")
    client.ip("link set eth0 up")
    client.link_local("eth0")
    return server, client


DHCLIENT_CONF = """
also request dhcp6.name-servers, dhcp6.domain-search;
timeout 20;
"""


def dhclient(node, *args, timeout=40):
    """Runs dhclient once for eth0; returns its lease file ("" when it keeps none)."""
    node.write("/etc/dhclient-test.conf", DHCLIENT_CONF)
    node.run(["dhclient", "-6", "-1", "-v", "-cf", "/etc/dhclient-test.conf", "-lf",
              "/run/dhclient.leases", "-pf", "/run/dhclient.pid", *args, "eth0"], timeout=timeout)
    return node.read("/run/dhclient.leases") if "-S" not in args else ""


def end_dhclient(node, how="-x"):
    node.run(["dhclient", "-6", how, "-cf", "/etc/dhclient-test.conf", "-lf",
              "/run/dhclient.leases", "-pf", "/run/dhclient.pid", "eth0"])


def addresses(node):
    out = node.run(["ip", "-6", "addr", "show", "dev", "eth0", "scope", "global"]).stdout
    return re.findall(r"inet6 ([^/]+)/", out)


def test_dhclient_gets_and_keeps_the_reserved_address(link, lab):
    """Solicit, Request; after a restart Confirm; Release leaves the reservation."""
    node, client = link
    server = Server(lab, node)
    lease = dhclient(client)
    assert f"iaaddr {ADDRESS}" in lease
    assert "option dhcp6.name-servers 2001:db8:20::53,2001:db8:20::54;" in lease
    assert re.search(r'option dhcp6.domain-search "example.net.",\s*"lab.example.net.";', lease)
    assert "option dhcp6.bootfile-url" not in lease
    assert addresses(client) == [ADDRESS]
    assert server.said("host=newbox", "asked=solicit", "answered=advertise", "by=duid")
    assert server.said("host=newbox", "asked=request", "answered=reply", f"address={ADDRESS}")

    end_dhclient(client)
    dhclient(client)
    server.wait("asked=confirm", "answered=reply")
    assert addresses(client) == [ADDRESS]

    end_dhclient(client, "-r")
    server.wait("asked=release", "answered=reply")
    lab.wait("the address to go", lambda: not addresses(client))
    client.path("/run/dhclient.leases").unlink()
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    end_dhclient(client)
    server.stop()


def test_dhclient_stateless(link, lab):
    """Information-request: name servers, no address."""
    node, client = link
    server = Server(lab, node)
    dhclient(client, "-S")
    server.wait("asked=information-request", "answered=reply")
    assert addresses(client) == []
    assert "nameserver 2001:db8:20::53\nnameserver 2001:db8:20::54" in \
        client.read("/etc/resolv.conf")
    end_dhclient(client)
    server.stop()


def test_dhclient_takes_two_addresses_and_a_prefix(link, lab):
    """Several IA_NA get the same address; a temporary address and a prefix are refused and do not
    keep the rest from working."""
    node, client = link
    server = Server(lab, node)
    lease = dhclient(client, "-N", "-N", "-T", "-P")
    assert lease.count(f"iaaddr {ADDRESS}") >= 2
    assert "ia-pd" not in lease or "iaprefix" not in lease
    end_dhclient(client)
    server.stop()


def test_dhclient_known_by_the_neighbour_table(link, lab):
    """A DUID that says nothing and a source address that is no EUI-64 leave the neighbour table,
    which the server has the kernel fill."""
    node, client = link
    client.ip("link set eth0 down", "link set eth0 addrgenmode random", "link set eth0 up")
    assert "ff:fe" not in client.link_local("eth0")
    client.write("/run/dhclient.leases",
                 r'default-duid "\000\002\000\000\253\021kickline";' "\n")
    server = Server(lab, node)
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    assert server.said("asked=request", "by=neighbour", f"mac={MAC}")
    end_dhclient(client)
    server.stop()


def test_a_stranger_is_left_alone(lab):
    """A machine that is not in the inventory gets nothing, so that another server can have it."""
    node, client = lab.node("server"), lab.node("client")
    lab.veth(node, "eth0", client, "eth0", bmac="52:54:00:00:00:99")
    node.addr("eth0", "2001:db8:11::20/64")
    client.link_local("eth0")
    server = Server(lab, node)
    capture = client.capture("eth0", "udp port 547 or udp port 546")
    client.write("/etc/dhclient-test.conf", "timeout 4;\n")
    p = client.run(["dhclient", "-6", "-1", "-v", "-cf", "/etc/dhclient-test.conf", "-lf",
                    "/run/dhclient.leases", "-pf", "/run/dhclient.pid", "eth0"], check=False)
    assert p.returncode == 2
    capture.stop()
    text = capture_text(client, capture)
    assert "solicit" in text
    assert "advertise" not in text and "reply" not in text
    assert not server.said("host=newbox")
    assert "dhcp6-unknown-host" in server.stop()


def capture_text(node, capture):
    """What tcpdump makes of a capture."""
    node.write("/tmp/capture.pcap", capture.pcap.read_bytes())
    return node.run(["tcpdump", "-n", "-r", "/tmp/capture.pcap"]).stdout


DHCPCD_CONF = """
ipv6only
noipv6rs
allowinterfaces eth0
duid
iaid 7
ia_na 7
option dhcp6_name_servers,dhcp6_domain_search,rapid_commit
"""


def dhcpcd(node, conf=DHCPCD_CONF):
    node.write("/etc/dhcpcd-test.conf", conf)
    return node.start(["dhcpcd", "-6", "-B", "-d", "-f", "/etc/dhcpcd-test.conf", "eth0"])


def test_dhcpcd_with_rapid_commit(link, lab):
    """Solicit with rapid commit is answered by a Reply at once."""
    node, client = link
    server = Server(lab, node)
    p = dhcpcd(client)
    lab.wait("the address", lambda: addresses(client) == [ADDRESS], 30)
    server.wait("asked=solicit", "answered=reply", f"address={ADDRESS}")
    assert not server.said("asked=request")
    p.wait_log("adding address " + re.escape(ADDRESS))
    lease = client.run(["dhcpcd", "-6", "-U", "eth0"]).stdout
    assert "dhcp6_name_servers=2001:db8:20::53 2001:db8:20::54" in lease
    assert "dhcp6_domain_search=example.net lab.example.net" in lease
    p.stop(signal.SIGALRM)  # releases
    server.wait("asked=release", "answered=reply")
    server.stop()


def relays(lab, hops):
    """A client behind so many relays: (server's node, client, relays from the client on)."""
    node, client = lab.node("server"), lab.node("client")
    chain = [lab.node(f"relay{i}") for i in range(hops)]
    chain[0].sysctl("net.ipv6.conf.all.forwarding", 1)
    lab.veth(client, "eth0", chain[0], "lan0", amac=MAC)
    chain[0].addr("lan0", "2001:db8:11::1/64")
    for i, relay in enumerate(chain):
        upper = chain[i + 1] if i + 1 < hops else node
        name = "lan0" if i + 1 < hops else "eth0"
        lab.veth(relay, "wan0", upper, name)
        relay.addr("wan0", f"2001:db8:{20 + i}::1/64")
        upper.addr(name, f"2001:db8:{20 + i}::20/64")
        upper.ip(f"route add 2001:db8:11::/64 via 2001:db8:{20 + i}::1")
    client.link_local("eth0")
    return node, client, chain


@pytest.mark.parametrize("options", [[], ["-I"]], ids=["plain", "interface-id"])
def test_dhclient_through_a_relay(lab, options):
    """ISC's relay, with and without an interface-id to be echoed."""
    node, client, (relay,) = relays(lab, 1)
    server = Server(lab, node, "2001:db8:20::20")
    relay.start(["dhcrelay", "-6", "-d", *options, "-l", "lan0", "-u", "2001:db8:20::20%wan0"])
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    line = server.wait("asked=request", "answered=reply", f"address={ADDRESS}")
    assert "relays=1" in line and "from=2001:db8:20::1%eth0" in line
    assert not server.said("warning")
    end_dhclient(client, "-r")
    server.wait("asked=release")
    server.stop()


def test_dhclient_through_two_relays(lab):
    """A relay of a relay: nested both ways."""
    node, client, (first, second) = relays(lab, 2)
    server = Server(lab, node, "2001:db8:21::20")
    second.start(["dhcrelay", "-6", "-d", "-I", "-l", "lan0", "-u", "2001:db8:21::20%wan0"])
    first.start(["dhcrelay", "-6", "-d", "-I", "-l", "lan0", "-u", "2001:db8:20::20%wan0"])
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    assert "relays=2" in server.wait("asked=request", "answered=reply", f"address={ADDRESS}")
    end_dhclient(client)
    server.stop()


def test_only_on_the_listed_interfaces(lab):
    """server.interfaces: asked on another interface, the server keeps quiet; where no such
    interface is, it does not start and says so."""
    node, client = lab.node("server"), lab.node("client")
    lab.veth(node, "eth0", client, "eth0", bmac=MAC)
    lab.veth(node, "eth1", client, "eth1", bmac="52:54:00:12:34:57")
    node.addr("eth0", "2001:db8:11::20/64")
    node.addr("eth1", "2001:db8:12::20/64")
    for name in ("eth0", "eth1"):
        client.link_local(name)
    server = Server(lab, node, more="interfaces: [eth1]")
    client.write("/etc/dhclient-test.conf", "timeout 4;\n")
    args = ["-6", "-cf", "/etc/dhclient-test.conf", "-lf", "/run/dhclient.leases", "-pf",
            "/run/dhclient.pid"]
    assert client.run(["dhclient", "-1", *args, "eth0"], check=False).returncode == 2
    client.run(["dhclient", "-1", *args, "eth1"])
    assert all("%eth1" in line for line in server.said("asked="))
    client.run(["dhclient", "-x", *args, "eth1"])
    server.stop()
    conf = server.conf.read_text().replace("[eth1]", "[eth9]")
    server.conf.write_text(conf)
    p = node.run([labs.BUILD / "check/kickline", "serve", "-f", server.conf], check=False,
                 outside=True)
    assert p.returncode != 0
    assert "there is no interface 'eth9'" in p.stderr


def test_an_interface_that_appears_later(lab):
    """Without server.interfaces, a link that comes after the start is served too."""
    node, client = lab.node("server"), lab.node("client")
    node.addr("lo", "2001:db8:11::20/128")
    server = Server(lab, node)
    lab.veth(node, "late0", client, "eth0", bmac=MAC)
    client.link_local("eth0")
    node.link_local("late0")
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    assert server.said("%late0")
    end_dhclient(client)
    server.stop()


HOSTILE = r"""
import random, socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
index = socket.if_nametoindex("eth0")
group = ("ff02::1:2", 547, 0, index)
def option(code, body):
    return struct.pack("!HH", code, len(body)) + body
duid = option(1, bytes.fromhex("00030001525400123456"))
solicit = b"\x01abc" + duid + option(3, bytes(12)) + option(6, bytes.fromhex("003b0017"))
relay = lambda m, n: b"\x0c" + bytes([n]) + bytes(32) + option(9, m)
random.seed(4711)
packets = [b"", b"\x01", solicit[:-1], solicit + b"\0", solicit + bytes(5000),
           b"\x01abc" + option(3, bytes(12)), b"\x02abc" + duid, b"\xffabc" + duid,
           b"\x01abc" + duid + duid, b"\x01abc" + duid + option(3, bytes(11)),
           b"\x0bxyz" + option(3, bytes(12))]
deep = solicit
for n in range(9):
    deep = relay(deep, n)
packets.append(deep)
for m in packets:
    s.sendto(m, group)
for n in range(2000):
    m = bytearray(random.choice((solicit, relay(solicit, 0), relay(relay(solicit, 0), 1))))
    for _ in range(random.randint(1, 8)):
        m[random.randrange(len(m))] = random.choice((0, 1, 0xff, random.randrange(256)))
    s.sendto(bytes(m[:random.randint(1, len(m))]), group)
"""


def test_hostile_packets_are_dropped_and_counted(link, lab):
    """Malformed, truncated, oversized and mangled packets; afterwards it serves as before."""
    node, client = link
    server = Server(lab, node)
    client.write("/tmp/hostile.py", HOSTILE)
    client.run(["python3", "/tmp/hostile.py"])
    assert f"iaaddr {ADDRESS}" in dhclient(client)
    end_dhclient(client)
    last = server.stop()
    for reason in ("dhcp6-truncated", "dhcp6-malformed", "dhcp6-oversized", "dhcp6-nested",
                   "dhcp6-no-client-id", "dhcp6-type", "dhcp6-has-ia"):
        assert reason in last, reason


@pytest.fixture
def boot(lab):
    """A link with a router, and a place for the server: the server's node."""
    node, router = lab.node("server"), lab.node("router")
    lab.bridge("lan")
    lab.attach("lan", node, "eth0")
    lab.attach("lan", router, "eth0")
    node.addr("eth0", "2001:db8:11::20/64")
    router.addr("eth0", "2001:db8:11::1/64")
    router.radvd("eth0", "2001:db8:11::/64")
    return node


def test_firmware_and_ipxe_are_one_host(boot, lab):
    """OVMF by PXE over IPv6, then the iPXE that it loads: other DUIDs, other IAIDs, one host, one
    address; and the loader gets the script that the firmware does not."""
    node = boot
    server = Server(lab, node)
    capture = node.capture("eth0", "udp port 546 or udp port 547")
    machine = guest.Guest(lab, "newbox", [("lan", MAC)], uuid=UUID, memory=256)
    server.wait("asked=request", "stage=loader", timeout=100)
    machine.process.stop()
    capture.stop()

    lines = server.said("host=newbox", "answered=advertise") + \
        server.said("asked=request", "answered=reply")
    assert all(f"address={ADDRESS}" in line and "by=eui64" in line for line in lines)
    assert server.said("stage=firmware", "asked=solicit", "arch=7",
                       "boot=tftp://[2001:db8:11::20]/boot/ipxe.efi")
    assert server.said("stage=loader", "asked=request",
                       "boot=http://[2001:db8:11::20]/host/newbox/boot.ipxe")
    ids = client_ids(capture.pcap.read_bytes())
    assert len({duid for duid, _ in ids}) == 2  # UUIDs in both byte orders
    assert len({iaid for _, iaid in ids}) >= 2
    assert not server.said("warning")
    server.stop()


def test_firmware_of_a_host_that_is_not_armed_goes_on(boot, lab):
    """It gets its address and no boot file, and so gives PXE up at once: silence would have cost a
    minute of every start from disk."""
    server = Server(lab, boot, arm=False)
    machine = guest.Guest(lab, "newbox", [("lan", MAC)], uuid=UUID, memory=256)
    server.wait("asked=solicit", "stage=firmware", f"address={ADDRESS}",
                'why="no boot file: not armed, boots its own disk"', timeout=60)
    lab.wait("the firmware to go on", lambda: machine.said("failed to load Boot0001"), 20)
    machine.process.stop()
    assert not server.said("boot=") and not server.said("stage=loader")
    server.stop()


def client_ids(pcap):
    """(DUID, IAID) of each message to a server in a capture of Ethernet frames."""
    out, at = set(), 24
    while at < len(pcap):
        size = struct.unpack_from("<I", pcap, at + 8)[0]
        frame, at = pcap[at + 16:at + 16 + size], at + 16 + size
        if frame[12:14] != b"\x86\xdd" or frame[20] != socket.IPPROTO_UDP:
            continue
        if frame[56:58] != struct.pack("!H", 547):
            continue
        options, found, i = frame[66:], {}, 0
        while i + 4 <= len(options):
            code, n = struct.unpack_from("!HH", options, i)
            found[code] = options[i + 4:i + 4 + n]
            i += 4 + n
        if 1 in found and 3 in found:
            out.add((found[1], found[3][:4]))
    return out
