"""An access port of a switch: tagger.py VLAN TRUNK-NETNS TRUNK-TAP ACCESS-NETNS ACCESS-TAP

Joins two taps: frames of that VLAN lose their 802.1Q tag on the way from trunk to access, get it on
the way back, and all others go nowhere. In user space, because not every kernel that runs the lab
has VLAN devices or a bridge that filters VLANs.
"""
import ctypes
import fcntl
import os
import select
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
TPID = b"\x81\x00"  # IEEE 802.1Q


def open_tap(netns, name):
    """A file of the tap `name`, which exists in the network namespace at path `netns`."""
    libc = ctypes.CDLL(None, use_errno=True)
    ns = os.open(netns, os.O_RDONLY)
    if libc.setns(ns, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns {netns}")
    os.close(ns)
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def main():
    vlan = int(sys.argv[1])
    trunk, access = open_tap(*sys.argv[2:4]), open_tap(*sys.argv[4:6])
    tag = TPID + struct.pack("!H", vlan)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([trunk, access], [], [])
        for tap in readable:
            frame = os.read(tap, 65536)
            if tap == access:
                os.write(trunk, frame[:12] + tag + frame[12:])
            elif frame[12:14] == TPID and struct.unpack("!H", frame[14:16])[0] & 0xFFF == vlan:
                os.write(access, frame[:12] + frame[16:])


if __name__ == "__main__":
    main()
