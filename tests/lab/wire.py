"""What a machine put on the wire, read from a capture: enough of pcap, IPv6, UDP, DHCPv6 and TFTP
to learn from the firmware, which has no other way to report."""
import ipaddress
import struct
from dataclasses import dataclass

REQUEST, OPTION_IA_NA, OPTION_USER_CLASS, OPTION_IAADDR = 3, 3, 15, 5  # RFC 8415
TFTP_RRQ = 1  # RFC 1350


@dataclass
class Datagram:
    time: float
    source_mac: str
    target_mac: str
    source: str
    target: str
    port: int
    payload: bytes


def datagrams(pcap):
    """The UDP datagrams over IPv6 in a pcap file (Ethernet, not fragmented)."""
    data = pcap.read_bytes()
    if len(data) < 24:
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, length, _ = struct.unpack(order + "IIII", data[at:at + 16])
        frame, at = data[at + 16:at + 16 + length], at + 16 + length
        # Ethernet, type IPv6; IPv6, next header UDP.
        if len(frame) < 62 or frame[12:14] != b"\x86\xdd" or frame[20] != 17:
            continue
        yield Datagram(seconds + fraction / 1e6, frame[6:12].hex(":"), frame[:6].hex(":"),
                       str(ipaddress.IPv6Address(frame[22:38])),
                       str(ipaddress.IPv6Address(frame[38:54])),
                       struct.unpack("!H", frame[56:58])[0], frame[62:])


def options(data):
    """The DHCPv6 options in `data`: [(code, bytes)]."""
    out, at = [], 0
    while at + 4 <= len(data):
        code, length = struct.unpack("!HH", data[at:at + 4])
        out.append((code, data[at + 4:at + 4 + length]))
        at += 4 + length
    return out


def requested(payload):
    """The addresses that a client's DHCPv6 Request asks for."""
    if payload[:1] != bytes([REQUEST]):
        return []
    return [str(ipaddress.IPv6Address(inner[:16]))
            for code, body in options(payload[4:]) if code == OPTION_IA_NA
            for kind, inner in options(body[12:]) if kind == OPTION_IAADDR]


def firmware(pcap, mac):
    """What the firmware with this MAC did up to its first TFTP request: the address that it
    requested by DHCPv6, the address that it sent from, and the MAC that it handed the packet
    to on its way to the server. {} when there was no such request."""
    asked = None
    for d in datagrams(pcap):
        if d.source_mac != mac:
            continue
        if d.port == 547:
            asked = (requested(d.payload) or [asked])[0]
        if d.port == 69 and d.payload[:2] == struct.pack("!H", TFTP_RRQ):
            return {"requested": asked, "source": d.source, "handed_to": d.target_mac,
                    "file": d.payload[2:].split(b"\0")[0].decode(errors="replace"),
                    "time": d.time}
    return {}
