"""Bring up the host's management network in the running installer while the pool is contacted over it."""

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
from installer.network import trial
from network.model import HostPort, Layout, Switch
from network.networkd import BOOT_PREFIX, PREFIX, trial_files

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


def is_default(layout: Layout) -> bool:
    """Return whether the installer configures every card like this anyway: DHCP, untagged, and nothing else on a single card."""
    switch, port = layout.management, layout.port
    return (
        len(switch.cards) == 1
        and switch == Switch(switch.name, switch.cards)
        and port == HostPort(port.name, port.mac, bridge=port.bridge)
    )


def in_place(folder: Path, files: dict[str, str]) -> bool:
    """Return whether just these files are active already, as after the screens' network test."""
    names = {path.name for path in folder.glob(f"{PREFIX}-*")}
    return names == set(files) and all((folder / name).read_text() == text for name, text in files.items())


@contextmanager
def network(
    management: Management,
    nics: tuple[Nic, ...],
    commands: Commands,
    tell: Tell,
    *,
    folder: Path = trial.FOLDER,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[str, ...]]:
    """Bring up the network of the answers; the installer's own settings, over which reports may go, come back at the end.

    :returns: the addresses that the host has in it.
    :raises UserError: when no address comes.
    """
    layout = trial.layout(management, nics)
    interface, files = trial_files(layout)
    # Kernel arguments for a VLAN, a bond or a fixed address take the cards' own addresses away.
    default = is_default(layout) and not any(folder.glob(f"{BOOT_PREFIX}-*"))
    ours = not default and not in_place(folder, files)
    if default:
        interface = nics[0].name
    try:
        if ours:
            trial.set_up(folder, files, nics, commands)
        yield _wait(interface, management, commands, tell, clock=clock, sleep=sleep)
    finally:
        if ours:
            trial.set_up(folder, {}, nics, commands)


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
        found = trial.find_addresses(text)
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
