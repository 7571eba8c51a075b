"""Volumes that this run reads from: a record of them, so that their disks cannot become targets.

They are unmounted most of the time, and several programs of one installation read them: the record is a file in memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from installer.command_log import Commands

ROOT = Path("/")
RECORD = Path("run/dom0kit/used-volumes")
"""File below the root, with one JSON object in a line."""


@dataclass(frozen=True)
class UsedVolume:
    """A volume that was read.

    :param device: its device at that time.
    :param purpose: what was read from it, such as ``the answers``.
    :param uuid: its file system's UUID: after the stick was moved, the device's name is another one; "" if it has none.
    """

    device: str
    purpose: str
    uuid: str = ""


def remember(device: Path, purpose: str, commands: Commands, root: Path | None = None) -> None:
    """Record a volume that is about to be read; where the record cannot be kept, as for a plain user, nothing happens."""
    found = commands(["blkid", "--probe", "--match-tag", "UUID", "--output", "value", device], check=False)
    record = (root or ROOT) / RECORD
    line = json.dumps({"device": str(device.resolve()), "purpose": purpose, "uuid": found.output.strip()})
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        with record.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError:
        return


def read_used(root: Path = ROOT) -> tuple[UsedVolume, ...]:
    """Return the recorded volumes."""
    try:
        lines = (root / RECORD).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    return tuple(dict.fromkeys(UsedVolume(**json.loads(line)) for line in lines))
