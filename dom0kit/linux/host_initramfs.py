"""Host-specific initramfs overlay: a cpio archive appended to the image's initrd.

The image's initramfs is the same for every host. The overlay holds what multipath and iSCSI need of one host before its root
is mounted: the WWIDs of its multipath disks, the bindings with their header, the initiator's name. After a change of these
files on a host, ``dom0ctl initramfs`` recreates the overlay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import BLOCK, replacing
from dom0kit.linux import cpio

MULTIPATH_CONF = "etc/multipath.conf"
POLICY = "etc/multipath/conf.d/dom0kit.conf"
BINDINGS = "etc/multipath/bindings"
WWIDS = "etc/multipath/wwids"
INITIATOR = "etc/iscsi/initiatorname.iscsi"
IQN_PREFIX = "iqn.1993-08.org.debian:01"
"""The prefix of generated initiator names, the same as that of Debian's open-iscsi."""
ISCSI = "etc/dom0kit/iscsi"
LVM_LOCAL = "etc/lvm/lvmlocal.conf"
LVM_DEVICES = "etc/lvm/devices/system.devices"
PATTERNS = (
    MULTIPATH_CONF,
    "etc/multipath/conf.d/*.conf",
    BINDINGS,
    WWIDS,
    INITIATOR,
    ISCSI,
    LVM_LOCAL,
    LVM_DEVICES,
)
"""The files of the overlay, relative to the root, as patterns of ``Path.glob``."""
FILES = "etc/dom0kit/initramfs.files"
"""Lists additional files, one path per line: drivers of packages, module indexes, firmware, modprobe settings."""
LOAD = "etc/dom0kit/initramfs.modules"
"""Modules that the live-root script loads by name, before it looks for the root."""
SECRET = 0o600
HEADER_LINES = 7
"""``multipathd -B`` ends when the bindings lack a line of their header, and with it the host's root."""
RECORD = "initramfs.json"
"""File next to the host's state with sizes and checksums of the initramfs, see :meth:`Written.record`."""


def collect(*roots: Path) -> dict[str, bytes]:
    """Return the overlay's files by path without a leading slash.

    A file in an earlier root hides the file of the same name in a later one.

    The initiator's name is included only where the initramfs logs in to targets.
    """
    found: dict[str, bytes] = {}
    named = tuple(dict.fromkeys(name for root in roots for name in listed(root)))
    for root in reversed(roots):
        for pattern in (*PATTERNS, *named):
            for path in sorted(root.glob(pattern)):
                if path.is_file():
                    found[str(path.relative_to(root))] = path.read_bytes()
    if ISCSI not in found:
        found.pop(INITIATOR, None)
    return found


def listed(root: Path) -> list[str]:
    """Return the additional files that a root lists in :data:`FILES`."""
    path = root / FILES
    return [name for name in path.read_text().splitlines() if name and not name.startswith("/")] if path.is_file() else []


def make(files: Mapping[str, bytes], epoch: int) -> bytes:
    """Return the archive of ``files``, readable by root alone; the same files give the same bytes."""
    return cpio.archive(files, epoch, dict.fromkeys(files, SECRET))


def wwids_text(wwids: Iterable[str], header: str) -> str:
    """Return the file ``wwids`` with the new WWIDs appended, each once.

    :param header: the file as the image has it, its comment lines and perhaps entries.
    """
    lines = header.rstrip("\n").splitlines()
    lines += [f"/{wwid}/" for wwid in dict.fromkeys(wwids) if f"/{wwid}/" not in lines]
    return "\n".join(lines) + "\n"


def problems(files: Mapping[str, bytes], wwids: Iterable[str]) -> list[str]:
    """Return why the initramfs would not find the host's root on multipath disks; empty if it would.

    :param wwids: those of the disks that it must find.
    """
    wrong = []
    if not files.get(MULTIPATH_CONF, b"").strip():
        wrong.append(f"/{MULTIPATH_CONF} is missing or empty")
    header = [line for line in files.get(BINDINGS, b"").splitlines() if line.startswith(b"#")]
    if len(header) != HEADER_LINES or not header[0].startswith(b"# Multipath bindings"):
        wrong.append(f"/{BINDINGS} has {len(header)} lines of its header, not {HEADER_LINES}")
    known = files.get(WWIDS, b"").decode(errors="replace").split()
    wrong += [f"/{WWIDS} does not name {wwid}" for wwid in wwids if f"/{wwid}/" not in known]
    return wrong


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Return the names of the files that differ.

    LVM rewrites its list of devices when the host's name changes, so only the entries of that file are compared.
    """

    def content(files: Mapping[str, bytes], name: str) -> object:
        text = files.get(name)
        if name != LVM_DEVICES or text is None:
            return text
        return sorted(line for line in text.splitlines() if line.startswith(b"IDTYPE="))

    return sorted(name for name in one.keys() | other.keys() if content(one, name) != content(other, name))


@dataclass(frozen=True)
class Written:
    """An initramfs with its overlay, as written to the disk; sizes in bytes."""

    image_size: int
    image_sha256: str
    size: int
    sha256: str

    def record(self, files: Iterable[str]) -> dict[str, object]:
        """Return the record that is kept next to the host's state, see :data:`RECORD`."""
        return {
            "image_size": self.image_size,
            "image_sha256": self.image_sha256,
            "size": self.size,
            "sha256": self.sha256,
            "files": sorted(files),
        }


Replace = Callable[[Path, int], AbstractContextManager[Path]]
"""Yield a new file that takes the place of another one, with this mode."""


def replace_unsettled(path: Path, mode: int) -> AbstractContextManager[Path]:
    """Replace the initramfs of an image that does not start before the file system is settled or unmounted."""
    return replacing(path, mode, reuse=True)


def write(initrd: Path, image_size: int, image_sha256: str, data: bytes, replace: Replace = replace_unsettled) -> Written:
    """Append the host-specific overlay to the image's initramfs, in place of an older overlay; atomic.

    :param image_size: bytes of the image's initramfs, from the manifest.
    :param image_sha256: its checksum, from the manifest.
    :param data: the overlay, see :func:`make`.
    :param replace: :func:`dom0kit.linux.grub_files.replacing_settled` for an image that a power cut at this moment starts.
    :raises UserError: when the image's initramfs is not what the manifest says; nothing is changed then.
    """
    image, whole = hashlib.sha256(), hashlib.sha256()
    left = image_size
    with replace(initrd, SECRET) as new, initrd.open("rb") as source, new.open("wb") as target:
        while left and (block := source.read(min(BLOCK, left))):
            image.update(block)
            whole.update(block)
            target.write(block)
            left -= len(block)
        if left or image.hexdigest() != image_sha256:
            raise UserError(
                f"{initrd} does not begin with the image's initramfs: the checksum of its first {image_size} bytes is wrong",
                "install this host again, or copy the image's initrd.img to this place",
            )
        tail = bytes(-image_size % cpio.UNIT) + data
        whole.update(tail)
        target.write(tail)
    return Written(image_size, image_sha256, image_size + len(tail), whole.hexdigest())


def read(initrd: Path, image_size: int) -> dict[str, bytes]:
    """Return the files of an initramfs's host-specific overlay; empty when there is none.

    :raises UserError: when what follows the image's initramfs is not a cpio archive.
    """
    with initrd.open("rb") as file:
        file.seek(image_size)
        data = file.read()
    try:
        return cpio.read(data[-image_size % cpio.UNIT :])
    except ValueError as error:
        raise UserError(f"the host-specific overlay of {initrd} is damaged: {error}", "recreate it: dom0ctl initramfs") from error
