"""Files on the boot medium and on labeled volumes: USB sticks, virtual media."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from answerfiles.reader import decode_text
from dom0kit.errors import UserError
from dom0kit.linux.udev import settle
from dom0kit.polling import poll
from dom0kit.process import run
from dom0kit.units import MIB
from installer.command_log import Commands
from installer.hardware.used_volumes import remember
from installer.model.hardware import MEDIUM

BY_LABEL = Path("/dev/disk/by-label")
SECONDS_FOR_LABEL = 60.0
"""Wait for a volume with a label or a UUID, such as a USB stick or virtual media.

Kind: protocol. Reason: management controllers attach virtual media up to a minute after power-on; the time counts from the
moment at which udev has processed all events. Expiry: an error that names the label and the time.
"""
LOOK_SECONDS = 0.5
"""Pause between two checks for a volume.

Kind: pace. Reason: a check starts blkid, which reads each device. Expiry: the next check.
"""
LARGEST = MIB
UNIQUE = ("naa.", "eui.", "nvme.")
"""Beginnings of the WWIDs that name one disk in the world."""

Tell = Callable[[float, str], None]
"""Callback with the elapsed fraction of the waiting time and a text."""


@dataclass(frozen=True)
class OnMedium:
    """A file on the boot medium; ``path`` is relative to it."""

    path: str

    def __str__(self) -> str:
        return f"/{self.path} on the boot medium"


@dataclass(frozen=True)
class OnLabel:
    """A file on the file system with a label; ``path`` is relative to it."""

    label: str
    path: str

    def __str__(self) -> str:
        return f"/{self.path} on the volume {self.label}"


def read_file(source: OnMedium | OnLabel, purpose: str, commands: Commands, tell: Tell = lambda fraction, text: None) -> str:
    """Return the text of a file; a volume is mounted read-only meanwhile, and its disk cannot become a target.

    :param purpose: what the file is, as ``the answers``.

    :raises UserError: when it is missing, too large or not text.
    """
    if isinstance(source, OnMedium):
        return _read(Path(MEDIUM), source.path, str(source))
    device = wait_for_label(source.label, tell)
    remember(device, purpose, commands)
    with tempfile.TemporaryDirectory(prefix="dom0kit-volume-") as name:
        commands(["mount", "-o", "ro", device, name])
        try:
            return _read(Path(name), source.path, str(source))
        finally:
            commands(["umount", name])


def decode(data: bytes, source: str) -> str:
    """Decode the bytes of an answer file.

    :raises UserError: when they are no text.
    """
    try:
        return decode_text(data)
    except UnicodeDecodeError as error:
        raise UserError(f"{source} is not text in UTF-8: byte {error.start}") from error


def _read(root: Path, path: str, source: str) -> str:
    try:
        with (root / path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        there = ", ".join(sorted(entry.name for entry in root.iterdir())[:20]) if root.is_dir() else "nothing"
        raise UserError(
            f"cannot read {source}: {error.strerror}", f"choose one of the files at its top level: {there}"
        ) from error
    if len(data) > LARGEST:
        raise UserError(f"{source} is larger than {LARGEST // 1024} KiB")
    return decode(data, source)


def find_label(label: str) -> Path | None:
    """Return the device of the file system with a label, from udev or blkid.

    :raises UserError: when several volumes have the label: which of them is meant cannot be known.
    """
    # -c: no cache. Every device is probed; blkid exits with 2 if there is none.
    devices = run(["blkid", "-c", "/dev/null", "-t", f"LABEL={label}", "-o", "device"], check=False).output.split()
    volumes = separate_volumes([(device, name := Path(device).resolve().name, parents(name)) for device in devices])
    if len(volumes) > 1:
        raise UserError(
            f"{len(volumes)} volumes are labelled {label}: {', '.join(volumes)}", "remove all but one, or give them other labels"
        )
    # udev escapes characters that a path cannot contain as \x2f.
    escaped = "".join(c if c.isalnum() or c in "#+-.:=@_" else "".join(f"\\x{b:02x}" for b in c.encode()) for c in label)
    link = BY_LABEL / escaped
    if link.exists():
        return link.resolve()
    # blkid probes every device itself when given a name; it exits with 2 if there is none.
    found = run(["blkid", "--label", label], check=False)
    return Path(found.output.strip()) if found.returncode == 0 and found.output.strip() else None


def parents(name: str, root: Path = Path("/sys/class/block")) -> frozenset[str]:
    """Return the devices below a block device: the disk of a partition, the paths of a map, and their identities.

    A path's WWID stands for the disk: the same volume on two paths is one volume, also before multipath combines them.
    """
    folder = (root / name).resolve()
    below = [folder.parent.name] if (folder / "partition").exists() else []
    below += [entry.name for entry in (folder / "slaves").iterdir()] if (folder / "slaves").is_dir() else []
    found = set(below).union(*(parents(inner, root) for inner in below))
    for place in ("device/wwid", "wwid"):
        try:
            wwid = (folder / place).read_text().strip()
        except OSError:
            continue
        # Cheap sticks share names of other kinds, such as t10.
        found |= {wwid} if wwid.startswith(UNIQUE) else set()
    return frozenset(found)


def separate_volumes(devices: list[tuple[str, str, frozenset[str]]]) -> list[str]:
    """Return one device for each volume (pure).

    A whole disk and its only partition with the same label are one volume (a hybrid ISO), as are a map and its paths. Two
    partitions of one disk are two volumes, also if both are there once for each path.

    :param devices: each device with its name in the kernel and :func:`parents`.
    """
    names = {name for _, name, _ in devices}
    kept: dict[tuple[str, str], str] = {}
    for device, _, below in devices:
        if below & names:
            continue
        wwid = next((name for name in sorted(below) if name.startswith(UNIQUE)), "")
        number = re.search(r"\d+$", device) if below - {wwid} else None
        kept.setdefault((wwid, number[0] if number else "") if wwid else ("", device), device)
    return list(kept.values())


def find_uuid(uuid: str) -> Path | None:
    """Return the device of the file system with a UUID, from blkid."""
    found = run(["blkid", "--uuid", uuid], check=False)
    return Path(found.output.strip()) if found.returncode == 0 and found.output.strip() else None


def wait_for_label(
    label: str,
    tell: Tell = lambda fraction, text: None,
    *,
    find: Callable[[str], Path | None] = find_label,
    seconds: float = SECONDS_FOR_LABEL,
    kind: str = "label",
    settled: Callable[[], object] = lambda: settle(run),
) -> Path:
    """Wait for a volume: USB sticks and virtual media may appear long after boot.

    :param kind: what ``label`` is, in one word; ``find`` searches for it.
    :param settled: waits for udev, so that ``seconds`` count from when all present devices are known.
    :raises TimedOut: when it does not appear within ``seconds``.
    """
    if (device := find(label)) is not None:
        return device
    settled()
    return poll(
        lambda: find(label),
        seconds,
        LOOK_SECONDS,
        f"a volume with the {kind} {label} to appear",
        hint="'lsblk -f' shows those that are there",
        progress=lambda spent, limit: tell(spent / limit, f"waiting for the volume {label}, {limit - spent:.0f} s left"),
    )
