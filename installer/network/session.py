"""The host's own network in the running installer, for as long as something is asked over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from answerfiles.model import Management
from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS
from installer.command_log import Commands
from installer.model.hardware import Nic
from installer.network.networkd import FOLDER, PREFIX, find_addresses, network_files, set_up

SECONDS = 130.0
"""Wait for an address in the network of the host while the installer asks the pool.

Kind: protocol. Reason: a switch's port may learn for 30 s (802.1D) before DHCP gets through, whose sixth try comes after 124 s
(RFC 2131). Expiry: an error that names the interface and the time; no disk was changed.
"""
TICK = 0.5
"""Pause between two looks for an address.

Kind: pace. Reason: one call of ip(8). Expiry: the next look.
"""
Tell = Callable[[float, str], None]


def suits(management: Management, nics: tuple[Nic, ...]) -> bool:
    """Is it what the installer does with every card anyway: DHCP, untagged, on a single one?"""
    return (
        len(nics) == 1
        and management.bond is None
        and management.vlan is None
        and (management.ipv4 == "dhcp" and management.ipv6 == "none")
    )


def in_place(folder: Path, files: dict[str, str]) -> bool:
    """Has somebody set up just this already, as the screens' test of the network does?"""
    names = {path.name for path in folder.glob(f"{PREFIX}-*")}
    return names == set(files) and all((folder / name).read_text() == text for name, text in files.items())


@contextmanager
def network(
    management: Management,
    nics: tuple[Nic, ...],
    commands: Commands,
    tell: Tell,
    *,
    folder: Path = FOLDER,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, ...]]:
    """Have the network of the answers; the installer's own one comes back at the end, over which reports may go.

    :returns: the addresses that the host has in it.
    :raises UserError: when no address comes.
    """
    interface, files = network_files(management, nics)
    ours = not suits(management, nics) and not in_place(folder, files)
    if suits(management, nics):
        interface = nics[0].name
    try:
        if ours:
            set_up(folder, files, nics, commands)
        yield _wait(interface, management, commands, tell, clock=clock, sleep=sleep)
    finally:
        if ours:
            set_up(folder, {}, nics, commands)


def _wait(
    interface: str,
    management: Management,
    commands: Commands,
    tell: Tell,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> tuple[str, ...]:
    wanted = {version for version, how in ((4, management.ipv4), (6, management.ipv6)) if how != "none"}
    start = clock()
    while True:
        # Not by the log's runner: half a minute of waiting is a hundred looks.
        text = commands.runner(["ip", "-json", "address", "show", "dev", interface], check=False, timeout=QUERY_SECONDS).output
        found = find_addresses(text)
        spent = clock() - start
        # One of two families is enough to ask over; the other one gets its time.
        if wanted <= found.keys() or (found.keys() & wanted and spent >= SECONDS):
            commands.note(f"{interface} has {', '.join(found.values())}")
            return tuple(address.partition("/")[0] for _, address in sorted(found.items()))
        if spent >= SECONDS:
            raise UserError(
                f"the management network gives no address within {SECONDS:.0f} s on {interface}, so the pool cannot be asked",
                "look at cable, VLAN and DHCP server, or at the address in the answers. Nothing was changed on any disk.",
            )
        tell(0.0, f"waiting for an address on {interface}")
        sleep(TICK)
