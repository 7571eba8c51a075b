"""One VLAN of a bridge, in a process: ``python -m qa.lab.vlan_bridge TRUNK INNER TAG``.

The kernel of a build machine may lack 802.1Q. Two taps replace it: frames with this tag that the bridge sends to the tap
TRUNK go to the tap INNER without the tag, and frames from INNER go to TRUNK with it. Other frames are dropped.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import struct
import sys

READY = r"(?m)^joins "
TUNSETIFF = 0x400454CA
IFF_TAP_WITHOUT_HEADER = 0x0002 | 0x1000
ETHERTYPE = b"\x81\x00"
LARGEST = 65536


def tagged(frame: bytes, tag: int) -> bytes:
    """Return an Ethernet frame with the tag inserted after its two addresses (IEEE 802.1Q)."""
    return frame[:12] + ETHERTYPE + struct.pack(">H", tag) + frame[12:]


def untagged(frame: bytes, tag: int) -> bytes | None:
    """Return the frame without this tag, None when it has none or another one. The priority bits do not count."""
    if len(frame) < 18 or frame[12:14] != ETHERTYPE or struct.unpack(">H", frame[14:16])[0] & 0xFFF != tag:
        return None
    return frame[:12] + frame[16:]


def attach(device: str) -> int:
    """Return a file descriptor on an existing tap."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_WITHOUT_HEADER))
    return fd


def main(arguments: list[str]) -> None:
    """Forward frames until the process is ended."""
    trunk, inner, tag = arguments[0], arguments[1], int(arguments[2])
    outside, inside = attach(trunk), attach(inner)
    with selectors.DefaultSelector() as selector:
        selector.register(outside, selectors.EVENT_READ)
        selector.register(inside, selectors.EVENT_READ)
        print(f"joins {trunk} and {inner} by the tag {tag}", flush=True)
        while True:
            for key, _ in selector.select():
                frame = os.read(key.fd, LARGEST)
                if key.fd == inside:
                    os.write(outside, tagged(frame, tag))
                elif plain := untagged(frame, tag):
                    os.write(inside, plain)


if __name__ == "__main__":
    main(sys.argv[1:])
