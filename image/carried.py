"""What the initramfs carries about its image: checksums and sizes, in a small cpio archive behind the cached initramfs.

The initramfs is made before the squashfs and is kept for many images, so that it cannot hold their checksums; the kernel unpacks
any number of archives one behind the other (its Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dom0kit.files import sha256_file

NAME = "etc/dom0kit/image.sha256"
FILES = ("dom0.squashfs", "vmlinuz", "xen.gz")
FOLDER_MODE, FILE_MODE = 0o040755, 0o100644


def sums(folder: Path) -> str:
    """The text of ``image.sha256``: lines of sha256sum(1), and each file's size in bytes as a comment, for the live-root script.

    The size of initrd.img is that before the archive is added: it only says how much RAM will be needed.
    """
    lines = [f"{sha256_file(folder / name)}  {name}" for name in FILES]
    lines += [f"# {name} {(folder / name).stat().st_size}" for name in (*FILES, "initrd.img")]
    return "\n".join(lines) + "\n"


def entry(name: str, mode: int, content: bytes, number: int, epoch: int) -> bytes:
    """One entry in the "newc" format (cpio(5)), owned by root."""
    raw = name.encode() + b"\0"
    links = 2 if mode & FOLDER_MODE == FOLDER_MODE else 1
    fields = (number, mode, 0, 0, links, epoch, len(content), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(f"{field:08X}".encode() for field in fields) + raw
    return padded(padded(head) + content)


def padded(data: bytes, unit: int = 4) -> bytes:
    """The data with zeroes up to the next multiple of ``unit`` bytes."""
    return data + b"\0" * (-len(data) % unit)


def archive(files: Mapping[str, str], epoch: int) -> bytes:
    """A cpio archive of text files and the last folder above each; the same input gives the same bytes.

    :param epoch: every time stamp, in seconds since 1970.
    """
    parts: list[bytes] = []
    folders = sorted({name.rpartition("/")[0] for name in files} - {""})
    for folder in folders:
        parts.append(entry(folder, FOLDER_MODE, b"", len(parts) + 1, epoch))
    for name in sorted(files):
        parts.append(entry(name, FILE_MODE, files[name].encode(), len(parts) + 1, epoch))
    parts.append(entry("TRAILER!!!", 0, b"", 0, 0))
    return padded(b"".join(parts), 512)


def append(initramfs: Path, data: bytes) -> None:
    """Put an archive behind an initramfs, on a multiple of four bytes, where the kernel looks for it."""
    with initramfs.open("ab") as file:
        file.write(b"\0" * (-file.tell() % 4) + data)
