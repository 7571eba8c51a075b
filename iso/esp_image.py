"""The UEFI image: a small FAT file system in a file, made by mtools without a loop device."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dom0kit.process import run
from dom0kit.units import SECTOR
from iso.grub_menu import ESP_MARKER

SLACK = 256 * 1024
"""FATs, root directory and cluster ends."""
HINT = "apt-get install mtools"


def image_size(content: int) -> int:
    """Return the size in bytes of a FAT image for ``content`` bytes of files: a whole number of 64 KiB."""
    return -(-(content + SLACK) // 65536) * 65536


def make_uefi_image(bootx64: bytes, image_id: str, epoch: int) -> bytes:
    """Make a FAT image with ``EFI/BOOT/BOOTX64.EFI`` and this medium's marker file.

    The volume's serial number comes from ``image_id`` and all times from ``epoch``: the same input gives the same bytes.

    :raises CommandFailed: when mtools fail. :raises UserError: when they are not installed.
    """
    env = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null"}
    with tempfile.TemporaryDirectory(prefix="dom0kit-efi-") as name:
        folder = Path(name)
        image, loader, marker = folder / "efi.img", folder / "BOOTX64.EFI", folder / Path(ESP_MARKER).name
        loader.write_bytes(bootx64)
        marker.write_text(f"{image_id}\n", encoding="ascii")
        for file in (loader, marker):
            os.utime(file, (epoch, epoch))
        sectors = image_size(len(bootx64)) // SECTOR
        geometry = ["-T", str(sectors), "-h", "16", "-s", "32", "-c", "4", "-r", "8"]
        run(["mformat", "-i", image, "-C", *geometry, "-N", image_id[:8], "-v", "DOM0KIT", "::"], env=env, hint=HINT)
        run(["mmd", "-i", image, "::/EFI", "::/EFI/BOOT"], env=env, hint=HINT)
        run(["mcopy", "-i", image, "-m", loader, marker, "::/EFI/BOOT/"], env=env, hint=HINT)
        return image.read_bytes()
