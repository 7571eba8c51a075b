"""Reservation of TCP ports for this process: QEMU binds them long after they were chosen.

A port that is only probed can be taken by another run in the meantime. Here a listener on an abstract UNIX socket of the port's
number is the reservation: it ends with the process whatever happens, and it is as wide as the port itself, for both belong to
the network namespace (unix(7)). The range is below the kernel's ephemeral ports (ip_local_port_range in ip(7)), so that no
outgoing connection takes one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence

FIRST, COUNT = 20000, 10000
_reserved: list[socket.socket] = []


def candidates(process: int) -> Iterator[int]:
    """Yield all ports of the range, beginning at a different place for each process."""
    start = process * 97 % COUNT
    return (FIRST + (start + i) % COUNT for i in range(COUNT))


def reserve(addresses: Sequence[str] = ("127.0.0.1",)) -> int:
    """Return a TCP port that is free on all addresses and that no other process reserves while this one lives.

    :raises OSError: when no port is free.
    """
    for port in candidates(os.getpid()):
        reservation = socket.socket(socket.AF_UNIX)
        try:
            reservation.bind(f"\0dom0kit-qa-port-{port}")
            for address in addresses:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
        except OSError:
            reservation.close()
            continue
        _reserved.append(reservation)
        return port
    raise OSError("no TCP port is free")
