"""Write the host-specific part of the new image's initramfs: multipath, iSCSI, LVM, drivers of added packages."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.linux import host_initramfs
from installer.apply.image_copy import drop_cache
from installer.model.image_manifest import Manifest

INITRD = "initrd.img"
RECORD = host_initramfs.RECORD


def has_part(state: Path) -> bool:
    """Return whether the host's initramfs of an image has a part of its own.

    :param state: ``state/NAME`` of the image.
    """
    return (state / host_initramfs.RECORD).is_file()


def append(system: Path, manifest: Manifest, root: Path, old_state: Path) -> tuple[str, ...]:
    """Append the host's files to ``images/NAME/initrd.img``, read them back, and record sizes and checksums.

    It does nothing on a host whose old image has no such part, and may be repeated.

    :param system: mount point of the system partition; ``state/NAME/upper`` is complete.
    :param manifest: of the new image, and ``root`` its root.
    :param old_state: ``state/NAME`` of the old image.
    :returns: paths of the files without leading slash.
    :raises UserError: when the host would not find its root with them, or the disk lost them.
    """
    if not has_part(old_state):
        return ()
    state = system / "state" / manifest.name
    files = host_initramfs.collect(state / "upper", root)
    image = next(file for file in manifest.files if file.name == INITRD)
    initrd = system / "images" / manifest.name / INITRD
    if wrong := host_initramfs.problems(files, needed_wwids(system, old_state)):
        raise UserError(
            f"with the new image's initramfs the host would not find its disk: {'; '.join(wrong)}",
            "compare /etc/multipath with the running initramfs: dom0ctl initramfs --check",
        )
    written = host_initramfs.write(initrd, image.size, image.sha256, host_initramfs.make(files, 0))
    drop_cache(initrd)
    if host_initramfs.read(initrd, image.size) != files:
        raise UserError(f"{initrd} differs from what was written", "replace the disk or its cable, which lose data")
    write_json(state / host_initramfs.RECORD, written.record(files))
    return tuple(sorted(files))


def needed_wwids(system: Path, old_state: Path) -> list[str]:
    """Return the WWIDs that the running initramfs knows, all of which the new one must know; none on other disks."""
    initrd = system / "images" / old_state.name / INITRD
    try:
        size = int(json.loads((old_state / host_initramfs.RECORD).read_text())["image_size"])
        files = host_initramfs.read(initrd, size)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{old_state / host_initramfs.RECORD} cannot be read: {error}", "recreate it: dom0ctl initramfs"
        ) from error
    return re.findall(r"^/(.+)/$", files.get(host_initramfs.WWIDS, b"").decode(errors="replace"), re.MULTILINE)
