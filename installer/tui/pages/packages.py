"""Screens for additional drivers and packages. Pure except for :func:`find_volumes`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from dom0kit.process import QUERY_SECONDS
from dom0kit.units import human_bytes
from installer.command_log import Commands
from installer.model.deb_package import Package
from installer.model.hardware import MEDIUM, Facts
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, WIDTH, Form, Gap, Row, Scroll, Table, Text
from installer.tui.toolkit.layout import wrap

LSBLK = ["lsblk", "--json", "--bytes", "--output", "PATH,TYPE,SIZE,FSTYPE,LABEL,UUID,MODEL,RM,HOTPLUG,TRAN,MOUNTPOINTS"]
READABLE = ("vfat", "exfat", "iso9660", "udf", "ext2", "ext3", "ext4")
"""File systems that packages can be read from."""
NAME = re.compile(r"[!-.0-~]+")
"""Labels that answers can refer to."""

PACKAGES_HELP = """Usually nothing is needed here: the medium has the drivers of current servers.

If a disk or a network card is missing on the next screens, its vendor may offer a driver for Debian 13 as a .deb file. It must \
be built for this exact kernel: 'uname -r' in the shell (Ctrl-T) shows its release. Any other Debian package can be added too.

Copy the .deb files to a USB stick (FAT or ext4) or a CD, at the top level or in a folder, with all dependencies that \
are not on the medium. They are checked first, then installed in this installer so that the device can be used, \
and on the host, which has them from its first boot; its drivers are also in the initramfs.

Added packages stay until the installer is restarted."""

VOLUMES_HELP = """Choose 'Rescan' after plugging in a stick or CD. It can be removed once it \
has been read."""


@dataclass(frozen=True)
class Volume:
    """File system on a USB stick or CD; ``size`` in bytes."""

    device: str
    label: str
    uuid: str
    kind: str
    size: int
    model: str

    def row(self) -> Row:
        """Return the volume as a row of the list."""
        name = self.device.removeprefix("/dev/")
        return Row(self.device, (name, self.label or "(no name)", self.kind, human_bytes(self.size), self.model))

    def source(self, folder: str) -> str:
        """Return how answers refer to a folder on this volume."""
        name = f"label:{self.label}" if NAME.fullmatch(self.label) else f"uuid:{self.uuid}"
        return f"{name}/{folder}"


def parse_volumes(text: str) -> tuple[Volume, ...]:
    """Return the volumes in the output of :data:`LSBLK` that packages can be read from.

    These are USB sticks, CDs and virtual media, without the installation medium itself.
    """
    found = []
    for disk in json.loads(text or "{}").get("blockdevices", []):
        if disk.get("type") not in ("disk", "rom") or not (disk.get("rm") or disk.get("hotplug") or disk.get("tran") == "usb"):
            continue
        for part in (disk, *(disk.get("children") or ())):
            named = part.get("label") or part.get("uuid")
            if part.get("fstype") in READABLE and named and MEDIUM not in (part.get("mountpoints") or ()):
                path, label, uuid, kind = (str(part.get(key) or "") for key in ("path", "label", "uuid", "fstype"))
                found.append(Volume(path, label, uuid, kind, int(part.get("size") or 0), str(disk.get("model") or "").strip()))
    return tuple(found)


def find_volumes(commands: Commands) -> tuple[Volume, ...]:
    """Return the USB sticks and CDs that are present."""
    return parse_volumes(commands(LSBLK, check=False, timeout=QUERY_SECONDS).output)


def packages(state: State) -> Form:
    """Build the screen that lists the added packages."""
    text = "\n".join(f"* {package.describe()}" for package in state.packages)
    lines = wrap(text, WIDTH - 3)
    return Form(
        title="Drivers and packages",
        items=(
            Text("Add drivers that this machine needs and this medium lacks, or other packages for the host."),
            Gap(),
            *(
                (Text("Added packages:"), Gap(), Scroll("\n".join(lines), height=min(len(lines), 9)))
                if state.packages
                else (Text("Usually none are needed: continue with Next."),)
            ),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("add", "Add from USB")),
        help=PACKAGES_HELP,
        default=NEXT,
    )


def volumes(found: tuple[Volume, ...], what: str = "the .deb files") -> Form:
    """Build the screen that selects the USB stick or CD to read."""
    rows = tuple(volume.row() for volume in found)
    text = f"Select the volume with {what}." if rows else "No USB stick or CD was found. Plug one in and choose Rescan."
    table = (Gap(), Table("volume.device", ("Device", "Name", "Files", "Size", "Model"), rows, height=8)) if rows else ()
    cancel, again = (BACK, "Cancel"), ("rescan", "Rescan")
    return Form(
        title="USB stick or CD",
        items=(Text(text), *table),
        buttons=((NEXT, "Read"), cancel, again) if rows else (again, cancel),
        help=VOLUMES_HELP,
    )


def folders(found: dict[str, int]) -> Form:
    """Build the screen that selects a folder, if there are several."""
    rows = tuple(Row(name, (f"/{name}", f"{count} packages" if count > 1 else "1 package")) for name, count in found.items())
    return Form(
        title="Folder with packages",
        items=(
            Text("Select the folder with the packages to install."),
            Gap(),
            Table("folder.name", ("Folder", ""), rows, height=10),
        ),
        buttons=((NEXT, "Read"), (BACK, "Cancel")),
        help="All .deb files directly in the folder are used, without its subfolders.",
    )


def review(found: tuple[Package, ...], kernel: str) -> Form:
    """Build the screen that shows the packages before they are installed."""
    lines = wrap("\n".join(f"* {package.describe(kernel)}" for package in found), WIDTH - 3)
    return Form(
        title="Packages found",
        items=(
            Text("These packages match this system and their dependencies are complete. Install them here and on the host?"),
            Gap(),
            Scroll("\n".join(lines), height=min(len(lines), 10)),
        ),
        buttons=(("install", "Install"), (BACK, "Cancel")),
        help="Packages run with full privileges here and on the host. Install only those from vendors that you trust.",
        default="install",
    )


def new_devices(before: Facts, after: Facts) -> str:
    """Return the text on disks and network cards that appeared."""
    disks = [disk.describe() for disk in after.disks if disk.path not in {old.path for old in before.disks}]
    nics = [nic.describe() for nic in after.nics if nic.mac not in {old.mac for old in before.nics}]
    if not disks and not nics:
        return "No new disk or network card has appeared."
    return "\n".join(["New devices:", *(f"* {text}" for text in (*disks, *nics))])
