"""A small image folder and boot images that have GRUB's marks in the right places."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

IMAGE_ID = "0123456789abcdef"
EPOCH = 1760000000
NETWORK = ("boot/pxe-bios.0", "boot/netx64.efi")


def fake_bios_image(size: int = 10_001) -> bytes:
    """Content like an unpatched El Torito image of GRUB."""
    image = bytearray(bytes(range(1, 256)) * (size // 255 + 1))[:size]
    image[8:64] = bytes(56)
    image[2548:2556] = struct.pack("<Q", 2)
    return bytes(image)


def fake_boot_hybrid() -> bytes:
    """Content like GRUB's boot_hybrid.img."""
    return b"\x90" * 0x1B0 + struct.pack("<Q", 1) + bytes(510 - 0x1B8) + b"\x55\xaa"


def fake_uefi_image(bootx64: bytes, image_id: str, epoch: int) -> bytes:
    """Stands in for the FAT image; no program is started."""
    return b"FAT" + bootx64 + f"{image_id} {epoch}".encode() + bytes(3000)


def write_manifest(folder: Path, **changes: object) -> None:
    """Write the manifest of the files that lie there."""
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "manifest.json":
            raw = path.read_bytes()
            files[str(path.relative_to(folder))] = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    manifest = {"format": 1, "product": "dom0kit", "version": "0.1.0", "id": IMAGE_ID, "epoch": EPOCH, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))


def fake_image_folder(folder: Path) -> Path:
    """Create an image folder of small files."""
    (folder / "boot").mkdir(parents=True)
    for name in ("xen.gz", "vmlinuz", "initrd.img", "boot/bootx64.efi", "boot/memtest.bin", "boot/memtest.efi", *NETWORK):
        (folder / name).write_bytes(name.encode() * 500)
    (folder / "boot/unicode.pf2").write_bytes(b"PFF2")
    (folder / "sbom.cdx.json").write_bytes(b"{}")
    (folder / "dom0.squashfs").write_bytes(b"hsqs" * 200_000)
    (folder / "boot/bios-eltorito.img").write_bytes(fake_bios_image())
    (folder / "boot/boot_hybrid.img").write_bytes(fake_boot_hybrid())
    write_manifest(folder)
    return folder
