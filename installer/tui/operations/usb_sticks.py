"""USB sticks to save the answers or the log to."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.process import QUERY_SECONDS
from dom0kit.units import human_bytes
from installer.command_log import Commands
from installer.model.hardware import MEDIUM
from installer.tui.toolkit.forms import Row

LSBLK = ["lsblk", "--json", "--bytes", "--output", "PATH,TYPE,SIZE,FSTYPE,LABEL,MODEL,RM,HOTPLUG,TRAN,RO,MOUNTPOINTS"]


@dataclass(frozen=True)
class Stick:
    """Removable volume with a FAT file system; ``size`` in bytes."""

    device: str
    label: str
    size: int
    model: str

    def row(self) -> Row:
        """Return the stick as a row of the list."""
        return Row(
            self.device, (self.device.removeprefix("/dev/"), self.label or "(no name)", human_bytes(self.size), self.model)
        )


def parse_sticks(text: str) -> tuple[Stick, ...]:
    """Return the removable FAT volumes in the output of :data:`LSBLK`, without the installation medium."""
    found = []
    for disk in json.loads(text or "{}").get("blockdevices", []):
        parts = [disk, *(disk.get("children") or ())]
        mounts = {mount for part in parts for mount in part.get("mountpoints") or ()}
        removable = disk.get("rm") or disk.get("hotplug") or disk.get("tran") == "usb"
        if disk.get("type") != "disk" or not removable or disk.get("ro") or MEDIUM in mounts:
            continue
        for part in parts:
            if part.get("fstype") == "vfat" and part.get("type") in ("disk", "part"):
                label, model = str(part.get("label") or ""), str(disk.get("model") or "").strip()
                found.append(Stick(str(part["path"]), label, int(part.get("size") or 0), model))
    return tuple(found)


def find_sticks(commands: Commands) -> tuple[Stick, ...]:
    """Return the sticks that are present."""
    return parse_sticks(commands(LSBLK, check=False, timeout=QUERY_SECONDS).output)


def write_to_stick(device: str, name: str, data: bytes, commands: Commands) -> None:
    """Write a file to a stick, which can be removed when this returns.

    :raises UserError: when it cannot be written, with a hint.
    """
    with tempfile.TemporaryDirectory(prefix="dom0kit-stick-") as folder:
        # quiet: FAT has no modes; ignore attempts to set them.
        commands(["mount", "-t", "vfat", "-o", "rw,quiet,umask=077,noexec", device, folder])
        try:
            write_atomic(Path(folder) / name, data, mode=0o600)
        except OSError as error:
            raise UserError(
                f"cannot write {name} to {device}: {error.strerror}", "check free space and write protection"
            ) from error
        finally:
            commands(["umount", folder])
