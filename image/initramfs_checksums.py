"""Checksums and sizes of the image's files, in a small cpio archive appended to the cached initramfs.

The initramfs is made before the squashfs and is kept for many images, so that it cannot hold their checksums; the kernel unpacks
any number of archives one behind the other (:mod:`dom0kit.linux.cpio`).
"""

from __future__ import annotations

from pathlib import Path

from dom0kit.fs import sha256_file

NAME = "etc/dom0kit/image.sha256"
FILES = ("dom0.squashfs", "vmlinuz", "xen.gz")


def sums(folder: Path) -> str:
    """Return the text of ``image.sha256``, which the live-root script reads.

    It has lines as of sha256sum(1), and each file's size in bytes as a comment.

    The size of initrd.img is that before the archive is added: it only says how much RAM will be needed.
    """
    lines = [f"{sha256_file(folder / name)}  {name}" for name in FILES]
    lines += [f"# {name} {(folder / name).stat().st_size}" for name in (*FILES, "initrd.img")]
    return "\n".join(lines) + "\n"
