"""Connect to TCP ports and say which are open: ``port_scan.py ADDRESS FIRST LAST``, in the lab's namespace and on hosts alike.

It prints JSON: ``open`` ports, and ``silent`` ones, which neither opened nor refused. It uses the standard library alone.
"""

from __future__ import annotations

import asyncio
import json
import sys

AT_ONCE = 64
SILENCE_SECONDS = 120.0
"""Wait for the answer to a connection.

Kind: protocol. Reason: TCP repeats a lost SYN after 1, 3, 7, 15, 31 and 63 s; an emulated host may be late. Expiry: the port
is reported as silent.
"""


async def state(address: str, port: int, places: asyncio.Semaphore) -> str:
    """Return ``open``, ``refused`` or ``silent``."""
    async with places:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), SILENCE_SECONDS)
        except ConnectionRefusedError:
            return "refused"
        except OSError:  # also TimeoutError
            return "silent"
        writer.transport.abort()
        return "open"


async def scan(address: str, first: int, last: int) -> dict[str, list[int]]:
    """Return the ports that do not refuse connections."""
    places = asyncio.Semaphore(AT_ONCE)
    ports = range(first, last + 1)
    states = await asyncio.gather(*(state(address, port, places) for port in ports))
    return {word: [port for port, found in zip(ports, states, strict=True) if found == word] for word in ("open", "silent")}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(scan(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))))
