"""One VLAN of a bridge, in a process: ``python -m qa.lab.vlan_bridge TRUNK INNER TAG``.

The kernel of a build machine may have no 802.1Q of its own. So two taps take its place: whatever the bridge sends to the
tap TRUNK with this tag goes to the tap INNER without it, and the other way round with the tag put in. Frames without the
tag, or with another one, are dropped.
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
    """An Ethernet frame with the tag put in after its two addresses (IEEE 802.1Q)."""
    return frame[:12] + ETHERTYPE + struct.pack(">H", tag) + frame[12:]


def untagged(frame: bytes, tag: int) -> bytes | None:
    """The frame without this tag; None when it has none or another one. The priority bits do not count."""
    if len(frame) < 18 or frame[12:14] != ETHERTYPE or struct.unpack(">H", frame[14:16])[0] & 0xFFF != tag:
        return None
    return frame[:12] + frame[16:]


def attach(device: str) -> int:
    """A file descriptor on a tap that is already there."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP_WITHOUT_HEADER))
    return fd


def main(arguments: list[str]) -> None:
    """Carry frames until the process is ended."""
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
