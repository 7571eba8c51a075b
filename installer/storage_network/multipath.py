"""Find disks with several paths and have multipathd create their maps, before disks are probed.

The image's multipath.conf sets ``find_multipaths strict``: a disk is a multipath disk only if its WWID is in
``/etc/multipath/wwids``, whichever path appears first. WWIDs are added to that file only here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.linux.udev import settle
from dom0kit.polling import poll
from installer.command_log import Commands
from installer.model.hardware import Facts
from installer.selection.disks import matching
from installer.storage_network.path_proof import examine, locate

SECONDS_FOR_MAPS = 600.0
"""Wait for multipathd to create the maps of disks that have several paths.

Kind: cap. Reason: the map is the condition; multipathd scans all paths first, a second on an idle machine with hundreds.
Expiry: an error that names the map, its paths and the time.
"""
LOOK_SECONDS = 0.5
"""Pause between two checks for a map.

Kind: pace. Reason: one stat(2). Expiry: the next check.
"""
MAPPER = Path("/dev/mapper")
CONTROL = Path("/run/udev/control")


@dataclass(frozen=True)
class RawDisk:
    """A disk as udev describes it: ``/dev/sda``, its WWID (``ID_SERIAL``), its transport.

    :param member: whether multipath already uses it.
    :param wwn: its world wide name, of 128 bits if it has one; ``devpath`` is its place below ``/sys``.
    """

    path: str
    wwid: str
    bus: str = ""
    member: bool = False
    wwn: str = ""
    model: str = ""
    devpath: str = ""

    @property
    def name(self) -> str:
        """Return the WWN, also from the WWID: scsi_id writes the identifier's type before it, 3 is NAA, 2 is EUI-64."""
        return self.wwn or (self.wwid[1:] if self.wwid[:1] in ("2", "3") else "")


def parse_export(text: str) -> tuple[RawDisk, ...]:
    """Return the SCSI disks in ``udevadm info --export-db``, without USB sticks, which have one path."""
    disks = []
    for block in text.split("\n\n"):
        values = dict(line[3:].split("=", 1) for line in block.splitlines() if line.startswith("E: ") and "=" in line)
        path = values.get("DEVNAME", "")
        if values.get("DEVTYPE") != "disk" or not path.startswith("/dev/sd") or values.get("ID_BUS") == "usb":
            continue
        if wwid := values.get("ID_SERIAL", ""):
            wwn = values.get("ID_WWN_WITH_EXTENSION") or values.get("ID_WWN", "")
            model = " ".join(filter(None, (values.get("ID_VENDOR", ""), values.get("ID_MODEL", ""))))
            place = next((line[3:] for line in block.splitlines() if line.startswith("P: ")), "")
            member = values.get("DM_MULTIPATH_DEVICE_PATH") == "1"
            disks.append(RawDisk(path, wwid, values.get("ID_BUS", ""), member, wwn, model, place))
    return tuple(sorted(disks, key=lambda disk: (len(disk.path), disk.path)))


def several_paths(disks: Iterable[RawDisk]) -> dict[str, tuple[str, ...]]:
    """Return the paths of each disk that has more than one, by WWID."""
    found: dict[str, list[str]] = {}
    for disk in disks:
        found.setdefault(disk.wwid, []).append(disk.path)
    return {wwid: tuple(paths) for wwid, paths in found.items() if len(paths) > 1}


def proven_paths(disks: Iterable[RawDisk], note: Callable[[str], None]) -> dict[str, tuple[str, ...]]:
    """Return the paths of each disk that is proven to have more than one, by WWID.

    :param note: logs why devices with one WWID stay disks of their own.
    """
    disks = tuple(disks)
    found = {}
    for wwid, paths in several_paths(disks).items():
        group = [disk for disk in disks if disk.wwid == wwid]
        # multipathd combined them before, such as on an installed host: a part of a map can no longer be read alone.
        combined = all(disk.member for disk in group)
        evidence = tuple(replace(locate(d.path, d.devpath), wwn=d.name, model=d.model) for d in group)
        if not combined and (reason := examine(evidence)):
            note(f"{', '.join(paths)} have the identifier {wwid} and stay disks of their own: {reason}")
            continue
        found[wwid] = paths
    return found


def declared(disks: Iterable[RawDisk], facts: Facts, answers: Answers) -> dict[str, tuple[str, ...]]:
    """Return single-path disks that the answers declare multipath, by WWID: other paths may come later.

    A disk selector with ``multipath: required``, or any for the system if ``san.multipath`` is required,
    declares the disks that match its other fields.
    """
    rules = [(rule, answers.san.multipath == "required") for rule in answers.target.selectors()]
    rules += [(rule, False) for rule in (() if isinstance(answers.guests, str) else answers.guests.disks)]
    disks = tuple(disks)
    # A map of this WWID would combine disks that are not proven to be one.
    unproven = {wwid for wwid in several_paths(disks) if not (MAPPER / wwid).exists()}
    wwids = {disk.path: disk.wwid for disk in disks if disk.wwid not in unproven}
    found: dict[str, tuple[str, ...]] = {}
    for rule, required in rules:
        if not required and rule.multipath != "required":
            continue
        plain = rule.model_copy(update={"multipath": None})
        # A selector with only 'multipath: required' means existing maps, not every disk.
        if any(value is not None for value in plain.given().values()):
            paths = [disk.path for disk in matching(facts, plain) if disk.kind == "disk" and disk.path in wwids]
            found.update({wwids[path]: (path,) for path in paths})
    return found


def list_disks(commands: Commands) -> tuple[RawDisk, ...]:
    """Return the SCSI disks of this machine; none without udev or multipath."""
    if not CONTROL.exists() or commands(["multipathd", "show", "daemon"], check=False).returncode:
        return ()
    settle(commands, note=commands.note)
    return parse_export(commands(["udevadm", "info", "--export-db"], quiet=True).output)


def make_maps(wanted: dict[str, tuple[str, ...]], commands: Commands, report: Callable[[float, str], None]) -> None:
    """Declare WWIDs multipath and wait for their maps.

    Volume groups on a path are deactivated first: udev activates them before a second path is known.

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
        _wait_for_map(wwid, paths, report)
    settle(commands, note=commands.note)
    commands(["multipath", "-ll"], check=False)


def _wait_for_map(wwid: str, paths: tuple[str, ...], report: Callable[[float, str], None]) -> None:
    poll(
        (MAPPER / wwid).exists,
        SECONDS_FOR_MAPS,
        LOOK_SECONDS,
        f"the multipath map {wwid} of {', '.join(paths)} to appear",
        hint="check 'lsblk', 'multipath -v3' and 'journalctl -u multipathd': one of the disks may be in use",
        progress=lambda spent, limit: report(spent / limit, f"waiting for the multipath map {wwid}"),
    )


def declare(path: str, commands: Commands) -> None:
    """Create a map of a disk with a single path, at the user's request.

    :raises UserError: when multipath does not know the disk, or no map appears.
    """
    disks = list_disks(commands)
    wwid = {disk.path: disk.wwid for disk in disks}.get(path)
    if wwid is None:
        raise UserError(f"multipath does not know the disk {path}", "select a disk of a storage network")
    if (others := several_paths(disks).get(wwid)) and wwid not in proven_paths(disks, commands.note):
        raise UserError(
            f"{', '.join(others)} have the identifier {wwid} and are not proven to be one disk",
            "see the log for the reason; a map would write to all of them",
        )
    make_maps({wwid: (path,)}, commands, lambda fraction, text: None)


def let_go(paths: list[str], commands: Commands) -> None:
    """Deactivate the volume groups on these disks or their partitions."""
    listing = commands(["lsblk", "--noheadings", "--raw", "--output", "TYPE,NAME", *paths], check=False).output
    volumes = [line.split()[1] for line in listing.splitlines() if line.startswith("lvm ")]
    for volume in dict.fromkeys(volumes):
        commands(["lvchange", "--activate", "n", f"/dev/mapper/{volume}"], check=False)


def find_paths(commands: Commands, report: Callable[[float, str], None] = lambda fraction, text: None) -> tuple[RawDisk, ...]:
    """Create a map of every disk that is proven to have several paths; return all disks found.

    :raises UserError: when a map cannot be created.
    """
    disks = list_disks(commands)
    make_maps(proven_paths(disks, commands.note), commands, report)
    return disks
