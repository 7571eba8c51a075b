"""Read and change the choice of the image on a running host: every copy in place, and read back.

The file is neither renamed nor truncated: FAT has no journal, and GRUB reads at any moment what is there. Its first sector is
written to the device itself: the ESP is not mounted, which would mark it as in use until it is unmounted.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import PAGE, naming, open_direct
from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import HEADER, Choice
from dom0kit.process import run
from upgrade.choice import fat
from upgrade.choice.partitions import esps_of

MEDIUM = Path("/run/dom0kit/medium")
"""Where a host's system partition is mounted."""
IMAGE = Path("/run/dom0kit/image")
"""Link to the running image's folder."""
MTOOLS = {"MTOOLS_SKIP_CHECK": "1"}
"""mtools would ask questions about an unusual FAT; no user could answer."""
HINT = "repair the ESP (fsck.vfat), then set the choice again: dom0ctl image confirm"


@dataclass(frozen=True)
class Copy:
    """The choice on one ESP.

    :param choice: None when it cannot be read; ``problem`` says why.
    """

    device: str
    choice: Choice | None
    problem: str = ""


def running_image(link: Path = IMAGE) -> str:
    """Return the name of the running image.

    :raises UserError: when this system is no installed host.
    """
    try:
        target = Path(os.readlink(link))
    except OSError as error:
        raise UserError(f"{link} is missing", "run this command on an installed host") from error
    if target.parent.name != "images":
        raise UserError("this system runs from a medium and not from a host's disk", "run this command on an installed host")
    return target.name


def read_copies(medium: Path = MEDIUM) -> tuple[Copy, ...]:
    """Read the choice on each ESP of the host.

    :raises UserError: when the host has no ESP.
    """
    return tuple(_read(device) for device in esps_of(medium.stat().st_dev))


def _read(device: str) -> Copy:
    try:
        # What is in memory may not be what is on the disk.
        run(["blockdev", "--flushbufs", device])
        with tempfile.TemporaryDirectory(prefix="dom0kit-choice-") as folder:
            back = Path(folder) / "env"
            run(["mcopy", "-n", "-i", device, f"::/{boot_choice.PATH}", back], env=MTOOLS)
            return Copy(device, boot_choice.parse(back.read_bytes()))
    except (OSError, UserError) as error:
        return Copy(device, None, str(error))


def newest(copies: tuple[Copy, ...]) -> Choice | None:
    """Return the choice that GRUB takes: the highest sequence, then the fewest tries left (pure)."""
    return boot_choice.newest(copy.choice for copy in copies)


def read_choice(medium: Path = MEDIUM) -> Choice:
    """Return the choice that GRUB takes.

    :raises UserError: when no ESP has one.
    """
    copies = read_copies(medium)
    choice = newest(copies)
    if choice is None:
        raise UserError(f"no ESP says which image starts: {'; '.join(copy.problem for copy in copies)}", HINT)
    return choice


def change_choice(change: Callable[[Choice], Choice], medium: Path = MEDIUM) -> tuple[Choice, list[str]]:
    """Change the choice on each ESP, one after the other; a power cut leaves each old or new, and GRUB takes the newest.

    :param change: returns the new choice; the sequence is counted here.
    :returns: the new choice, and a sentence about each ESP that could not be written while another one could.
    :raises UserError: when none could be written.
    """
    copies = read_copies(medium)
    before = newest(copies)
    if before is None:
        raise UserError(f"no ESP says which image starts: {'; '.join(copy.problem for copy in copies)}", HINT)
    after = replace(change(before), system=before.system, sequence=before.sequence + 1)
    problems = []
    for copy in copies:
        try:
            write_copy(copy.device, after)
        except (OSError, UserError) as error:
            problems.append(f"the choice on {copy.device} could not be written: {error}")
    if len(problems) == len(copies):
        raise UserError("; ".join(problems), HINT)
    return after, problems


def write_copy(device: str, choice: Choice) -> None:
    """Overwrite the block on one ESP and read it back from the disk; a block that was lost is made again.

    :raises UserError: when the data read back differs.
    """
    data = boot_choice.to_bytes(choice)
    file = f"::/{boot_choice.PATH}"
    listing = run(["mshowfat", "-i", device, file], env=MTOOLS, check=False).output
    if fat.RANGE.search(listing):
        _overwrite(device, listing, data)
    else:
        run(["mcopy", "-o", "-i", device, "-", file], env=MTOOLS, stdin=data)
    back = _read(device)
    if back.choice != choice:
        raise UserError(f"{boot_choice.PATH} on {device} differs from what was written", "replace the disk, which loses data")


def _overwrite(device: str, listing: str, data: bytes) -> None:
    """Overwrite the sector that a file begins with; what the choice says is within it."""
    descriptor = open_direct(device, os.O_RDWR | os.O_SYNC)
    # Past the page cache, place and length are whole sectors, and so is the memory.
    buffer = memoryview(mmap.mmap(-1, PAGE))
    try:
        with naming(device):
            os.preadv(descriptor, [buffer], 0)
            geometry = fat.geometry(bytes(buffer[: fat.BOOT_SECTOR]))
            place = fat.first_sector(geometry, listing)
            sector = buffer[: geometry.sector]
            os.preadv(descriptor, [sector], place)
            if bytes(sector[: len(HEADER)]) != HEADER:
                raise UserError(f"the sector of {boot_choice.PATH} on {device} is no environment block", HINT)
            part = data[: geometry.sector]
            sector[: len(part)] = part
            os.pwritev(descriptor, [sector], place)
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
