"""A tree of block devices in a folder that looks like sysfs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dom0kit.units import MIB, SECTOR

VG = "AbCdEfGhIjKlMnOpQrStUvWxYz012345"
VG_UUID = "AbCdEf-GhIj-KlMn-OpQr-StUv-WxYz-012345"


@dataclass
class FakeBlocks:
    """Block devices below ``root``; ``root/proc`` is empty until a test writes to it."""

    root: Path

    @property
    def folder(self) -> Path:
        """Return the folder of all devices."""
        return self.root / "sys/class/block"

    def add(self, name: str, size: int = 100 * MIB, number: str = "8:0", *, on: tuple[str, ...] = ()) -> Path:
        """Add a device that stands on others; the kernel links both ways."""
        node = self.folder / name
        for part in ("holders", "slaves"):
            (node / part).mkdir(parents=True)
        (node / "dev").write_text(f"{number}\n")
        (node / "size").write_text(f"{size // SECTOR}\n")
        (node / "ro").write_text("0\n")
        for below in on:
            (node / "slaves" / below).touch()
            (self.folder / below / "holders" / name).touch()
        return node

    def partition(self, disk: str, number: int, start: int, size: int) -> str:
        """Add a partition; ``start`` and ``size`` in bytes."""
        name = f"{disk}{number}"
        node = self.add(name, size, f"8:{number}")
        (node / "partition").write_text(f"{number}\n")
        (node / "start").write_text(f"{start // SECTOR}\n")
        (self.folder / disk / name).symlink_to(node)
        return name

    def dm(self, name: str, title: str, uuid: str, *on: str, size: int = 10 * MIB) -> str:
        """Add a device of device-mapper."""
        node = self.add(name, size, f"253:{name.removeprefix('dm-')}", on=on)
        (node / "dm").mkdir()
        (node / "dm/name").write_text(f"{title}\n")
        (node / "dm/uuid").write_text(f"{uuid}\n")
        return name

    def md(self, name: str, *on: str, offset: int = MIB, version: str = "1.2") -> str:
        """Add an array with its data at ``offset`` bytes of each member."""
        node = self.add(name, number=f"9:{name.removeprefix('md')}", on=on)
        (node / "md").mkdir()
        (node / "md/metadata_version").write_text(f"{version}\n")
        for member in on:
            (node / "md" / f"dev-{member}").mkdir()
            (node / "md" / f"dev-{member}" / "offset").write_text(f"{offset // SECTOR}\n")
        return name

    def remove(self, name: str) -> None:
        """Remove a device and the links to it."""
        for node in self.folder.iterdir():
            for link in (node / "holders" / name, node / name):
                link.unlink(missing_ok=True)
        shutil.rmtree(self.folder / name)

    def by_title(self, title: str) -> str:
        """Return the kernel's name of a device of device-mapper."""
        return next(node.parent.parent.name for node in self.folder.glob("dm-*/dm/name") if node.read_text().strip() == title)
