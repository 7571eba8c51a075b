"""Finds disks with several paths and has multipathd make maps of them, before anybody looks for disks.

The image's multipath.conf says ``find_multipaths strict``: a disk is a multipath disk when its WWID is in
``/etc/multipath/wwids``, and not by chance of which path came first. Here, and nowhere else, WWIDs come into that file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.linux.udev import settle
from dom0kit.polling import poll
from installer.command_log import Commands
from installer.model.hardware import Facts
from installer.selection.disks import matching

SECONDS_FOR_MAPS = 600.0
"""Wait for multipathd to create the maps of disks that have several paths.

Kind: cap. Reason: the map is the condition; multipathd scans all paths first, a second on an idle machine with hundreds.
Expiry: an error that names the map, its paths and the time.
"""
LOOK_SECONDS = 0.5
"""Pause between two looks for a map.

Kind: pace. Reason: one stat(2). Expiry: the next look.
"""
MAPPER = Path("/dev/mapper")
CONTROL = Path("/run/udev/control")


@dataclass(frozen=True)
class RawDisk:
    """A disk as udev knows it: ``/dev/sda``, its WWID in multipath's words (``ID_SERIAL``), how it is attached.

    :param member: whether multipath has taken it already.
    """

    path: str
    wwid: str
    bus: str = ""
    member: bool = False


def parse_export(text: str) -> tuple[RawDisk, ...]:
    """The SCSI disks in the output of ``udevadm info --export-db``; sticks are left out: none has two plugs."""
    disks = []
    for block in text.split("\n\n"):
        values = dict(line[3:].split("=", 1) for line in block.splitlines() if line.startswith("E: ") and "=" in line)
        path = values.get("DEVNAME", "")
        if values.get("DEVTYPE") != "disk" or not path.startswith("/dev/sd") or values.get("ID_BUS") == "usb":
            continue
        if wwid := values.get("ID_SERIAL", ""):
            disks.append(RawDisk(path, wwid, values.get("ID_BUS", ""), values.get("DM_MULTIPATH_DEVICE_PATH") == "1"))
    return tuple(sorted(disks, key=lambda disk: (len(disk.path), disk.path)))


def several_paths(disks: Iterable[RawDisk]) -> dict[str, tuple[str, ...]]:
    """The paths of each disk that has more than one, by its WWID."""
    found: dict[str, list[str]] = {}
    for disk in disks:
        found.setdefault(disk.wwid, []).append(disk.path)
    return {wwid: tuple(paths) for wwid, paths in found.items() if len(paths) > 1}


def declared(disks: Iterable[RawDisk], facts: Facts, answers: Answers) -> dict[str, tuple[str, ...]]:
    """Disks with one path that the answers declare multipath all the same, by WWID: another path may come later.

    A rule for disks that says ``multipath: required``, or any for the system when ``san.multipath`` is required, declares
    what it matches in everything else.
    """
    rules = [(rule, answers.san.multipath == "required") for rule in answers.target.selectors()]
    rules += [(rule, False) for rule in (() if isinstance(answers.guests, str) else answers.guests.disks)]
    wwids = {disk.path: disk.wwid for disk in disks}
    found: dict[str, tuple[str, ...]] = {}
    for rule, required in rules:
        if not required and rule.multipath != "required":
            continue
        plain = rule.model_copy(update={"multipath": None})
        # A rule of nothing but 'multipath: required' means the maps that there are, and not every disk.
        if any(value is not None for value in plain.given().values()):
            paths = [disk.path for disk in matching(facts, plain) if disk.kind == "disk" and disk.path in wwids]
            found.update({wwids[path]: (path,) for path in paths})
    return found


def look(commands: Commands) -> tuple[RawDisk, ...]:
    """The SCSI disks of this machine; none where there is no udev or no multipath."""
    if not CONTROL.exists() or commands(["multipathd", "show", "daemon"], check=False).returncode:
        return ()
    settle(commands, note=commands.note)
    return parse_export(commands(["udevadm", "info", "--export-db"], quiet=True).output)


def make_maps(wanted: dict[str, tuple[str, ...]], commands: Commands, tell: Callable[[float, str], None]) -> None:
    """Declare these WWIDs multipath and wait for their maps.

    Volume groups on a path are let go of first: udev activates them before anybody can know that there is a second path.

    :raises TimedOut: when a map does not appear.
    """
    new = {wwid: paths for wwid, paths in wanted.items() if not (MAPPER / wwid).exists()}
    if not new:
        return
    let_go([path for paths in new.values() for path in paths], commands)
    for paths in new.values():
        commands(["multipath", "-a", paths[0]])
    commands(["multipathd", "reconfigure"])
    for wwid, paths in new.items():
        _wait_for_map(wwid, paths, tell)
    settle(commands, note=commands.note)
    commands(["multipath", "-ll"], check=False)


def _wait_for_map(wwid: str, paths: tuple[str, ...], tell: Callable[[float, str], None]) -> None:
    poll(
        (MAPPER / wwid).exists,
        SECONDS_FOR_MAPS,
        LOOK_SECONDS,
        f"the multipath map {wwid} of {', '.join(paths)} to appear",
        hint="something may use one of these disks: 'lsblk', 'multipath -v3' and 'journalctl -u multipathd' say more",
        progress=lambda spent, limit: tell(spent / limit, f"waiting for the multipath map {wwid}"),
    )


def declare(path: str, commands: Commands) -> None:
    """Make a map of a disk that has one path: a person knows of others.

    :raises UserError: when multipath knows no such disk, or no map appears.
    """
    wwid = {disk.path: disk.wwid for disk in look(commands)}.get(path)
    if wwid is None:
        raise UserError(f"multipath does not know the disk {path}", "only disks of a storage network have several paths")
    make_maps({wwid: (path,)}, commands, lambda fraction, text: None)


def let_go(paths: list[str], commands: Commands) -> None:
    """Deactivate the volume groups that lie on these disks or on partitions of them."""
    listing = commands(["lsblk", "--noheadings", "--raw", "--output", "TYPE,NAME", *paths], check=False).output
    volumes = [line.split()[1] for line in listing.splitlines() if line.startswith("lvm ")]
    for volume in dict.fromkeys(volumes):
        commands(["lvchange", "--activate", "n", f"/dev/mapper/{volume}"], check=False)


def find_paths(commands: Commands, tell: Callable[[float, str], None] = lambda fraction, text: None) -> tuple[RawDisk, ...]:
    """Make a map of every disk that has more than one path; the disks that were seen.

    :raises UserError: when a map cannot be made.
    """
    disks = look(commands)
    make_maps(several_paths(disks), commands, tell)
    return disks
