"""A DHCP client of four messages (RFC 2131), for tests of real DHCP servers: run as ``python dhcp_exchange.py CARD``.

It prints the address that the server leases to the card, and sets nothing.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from pathlib import Path

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
MAGIC = b"\x63\x82\x53\x63"


def message(mac: bytes, number: bytes, kind: int, options: bytes = b"") -> bytes:
    """Return a client's message that asks for a broadcast answer."""
    head = struct.pack("!BBBB4sHH16s16s192x", 1, 1, 6, 0, number, 0, 0x8000, b"", mac)
    return head + MAGIC + bytes([53, 1, kind]) + options + b"\xff"


def option(data: bytes, code: int) -> bytes:
    """Return an option's content; empty without it."""
    place = 240
    while place < len(data) and data[place] != 255:
        if data[place] == 0:
            place += 1
            continue
        length = data[place + 1]
        if data[place] == code:
            return data[place + 2 : place + 2 + length]
        place += 2 + length
    return b""


def lease(card: str, seconds: float = 20.0) -> str:
    """Return the address that a server leases to a card."""
    mac = bytes.fromhex(Path(f"/sys/class/net/{card}/address").read_text().strip().replace(":", ""))
    number = os.urandom(4)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
        line.bind(("0.0.0.0", 68))
        line.settimeout(seconds)

        def talk(text: bytes, wanted: int) -> bytes:
            line.sendto(text, ("255.255.255.255", 67))
            while True:
                data = line.recv(2048)
                if data[4:8] == number and option(data, 53) == bytes([wanted]):
                    return data

        offer = talk(message(mac, number, DISCOVER), OFFER)
        chosen = bytes([50, 4]) + offer[16:20] + bytes([54, 4]) + option(offer, 54)
        return socket.inet_ntoa(talk(message(mac, number, REQUEST, chosen), ACK)[16:20])


if __name__ == "__main__":
    print(lease(sys.argv[1]))
