"""The screens about drivers and packages from further media. Pure but for :func:`find_volumes`."""

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
"""File systems that packages are read from."""
NAME = re.compile(r"[!-.0-~]+")
"""A label that answers can name."""

PACKAGES_HELP = """Mostly nothing is needed here: the medium has the drivers of today's servers.

When a disk or a network card is missing on the next screens, its maker may offer a driver for Debian 13 as a .deb file. It must \
be made for this very kernel: 'uname -r' in the shell (Ctrl-T) shows its release. Any other Debian package may be added as well.

Copy the .deb files to a USB stick (FAT or ext4) or a CD, at the top or in a folder, with all packages that they need and that \
are not on the medium. They are checked before anything is done, installed into this installer so that the device can be used, \
and go with the host: it has them from its first start on, and its drivers also before its disk is found.

What was added once stays until the installer is started anew."""

VOLUMES_HELP = """Sticks and CDs that were plugged in later appear with 'Look again'. The stick may be taken out when it \
has been read."""


@dataclass(frozen=True)
class Volume:
    """A file system on a stick or a CD; ``size`` in bytes."""

    device: str
    label: str
    uuid: str
    kind: str
    size: int
    model: str

    def row(self) -> Row:
        """As a row of the list."""
        name = self.device.removeprefix("/dev/")
        return Row(self.device, (name, self.label or "(no name)", self.kind, human_bytes(self.size), self.model))

    def source(self, folder: str) -> str:
        """How answers name a folder on it."""
        name = f"label:{self.label}" if NAME.fullmatch(self.label) else f"uuid:{self.uuid}"
        return f"{name}/{folder}"


def parse_volumes(text: str) -> tuple[Volume, ...]:
    """What packages may be read from, in the output of :data:`LSBLK`: sticks, CDs, virtual media; not the medium itself."""
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
    """The sticks and CDs that are there now."""
    return parse_volumes(commands(LSBLK, check=False, timeout=QUERY_SECONDS).output)


def packages(state: State) -> Form:
    """What was added so far, and whether there is more."""
    told = "\n".join(f"* {package.describe()}" for package in state.packages)
    lines = wrap(told, WIDTH - 3)
    return Form(
        title="Drivers and packages",
        items=(
            Text(
                "Does this machine need a driver that is not on this medium, or shall the host have further packages? Add them."
            ),
            Gap(),
            *(
                (Text("Added so far:"), Gap(), Scroll("\n".join(lines), height=min(len(lines), 9)))
                if state.packages
                else (Text("Mostly nothing is needed: go on with Next."),)
            ),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("add", "Add from a stick")),
        help=PACKAGES_HELP,
        default=NEXT,
    )


def volumes(found: tuple[Volume, ...], what: str = "the .deb files") -> Form:
    """The stick or CD to read."""
    rows = tuple(volume.row() for volume in found)
    text = f"Where to read {what} from?" if rows else "No USB stick or CD was found. Plug one in, then look again."
    table = (Gap(), Table("volume.device", ("Device", "Name", "Files", "Size", "Model"), rows, height=8)) if rows else ()
    cancel, again = (BACK, "Cancel"), ("rescan", "Look again")
    return Form(
        title="Stick or CD",
        items=(Text(text), *table),
        buttons=((NEXT, "Read it"), cancel, again) if rows else (again, cancel),
        help=VOLUMES_HELP,
    )


def folders(found: dict[str, int]) -> Form:
    """The folder on it, when there are several."""
    rows = tuple(Row(name, (f"/{name}", f"{count} packages" if count > 1 else "1 package")) for name, count in found.items())
    return Form(
        title="Drivers: the folder",
        items=(Text("Which folder has what this machine needs?"), Gap(), Table("folder.name", ("Folder", ""), rows, height=10)),
        buttons=((NEXT, "Read it"), (BACK, "Cancel")),
        help="All .deb files of the folder are taken, and nothing below it.",
    )


def review(found: tuple[Package, ...], kernel: str) -> Form:
    """What was found, before it is installed."""
    lines = wrap("\n".join(f"* {package.describe(kernel)}" for package in found), WIDTH - 3)
    return Form(
        title="Drivers: what was found",
        items=(
            Text("These packages fit this system and have all that they need. Shall they be installed here, and on the host?"),
            Gap(),
            Scroll("\n".join(lines), height=min(len(lines), 10)),
        ),
        buttons=(("install", "Install"), (BACK, "Cancel")),
        help="A package can do everything on this machine and on the host. Take only those of makers that you trust.",
        default="install",
    )


def appeared(before: Facts, after: Facts) -> str:
    """What the drivers have brought, in sentences."""
    disks = [disk.describe() for disk in after.disks if disk.path not in {old.path for old in before.disks}]
    nics = [nic.describe() for nic in after.nics if nic.mac not in {old.mac for old in before.nics}]
    if not disks and not nics:
        return "No new disk and no new network card has appeared."
    return "\n".join(["Now there is as well:", *(f"* {text}" for text in (*disks, *nics))])
