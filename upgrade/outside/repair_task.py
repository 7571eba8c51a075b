"""Repair a host with the image that it has: files of the image and boot files that are missing or damaged."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import copy_durable, sha256_file, write_json
from dom0kit.linux import host_initramfs
from dom0kit.linux.grub_files import replacing_settled, settle
from installer.apply import image_copy
from installer.model.image_manifest import ImageFile, Manifest
from installer.session import Session
from upgrade.outside import boot_files
from upgrade.outside.found_host import FoundHost
from upgrade.outside.opened_host import OpenedHost, opened
from upgrade.outside.work import KEPT, Outcome, Work, begin
from upgrade.state.host_part import INITRD, has_part
from upgrade.state.prepare import mounted

HINT = "write the medium again: it is damaged"


def prepare(host: FoundHost, image: Manifest) -> Work:
    """Decide how to repair a host."""
    return Work(
        title=f"{host.name} has the image {image.name} already: repair it",
        does=("write files of the image and boot files again that are missing or damaged",),
        keeps=(f"the image {image.name} and its state", *KEPT),
        run=partial(repair, host, image),
        steps=("check the medium", "check the host's image", "repair the host's image", "check the boot files"),
    )


def repair(host: FoundHost, image: Manifest, session: Session) -> Outcome:
    """Repair a host.

    :raises UserError: when it fails.
    """
    with session.reporter.step("check the medium") as step:
        image_copy.verify(session.image, image.files, step, HINT)
    with opened(host, session.commands, squashfs=False) as here:
        with session.reporter.step("check the host's image"):
            damaged = [file for file in image.files if not is_whole(here, file)]
        warnings = begin(host.name, host.paths(), session)
        here.make_writable()
        with session.reporter.step("repair the host's image") as step:
            for number, file in enumerate(damaged):
                step.progress(number / len(damaged), file.name)
                write_again(here, image, file, session.image)
        with session.reporter.step("check the boot files"):
            repaired = [*(f"{file.name} of {image.name} was damaged" for file in damaged), *boot_files.repair(here)]
        settle(here.system)
    what = f"was repaired: {'; '.join(repaired)}" if repaired else "needs no repair"
    return Outcome(f"{host.name} has the image {image.name} and {what}", bool(repaired), warnings)


def is_whole(here: OpenedHost, file: ImageFile) -> bool:
    """Return whether a file of the image that the host starts is what the manifest says; its initramfs may be longer."""
    path = here.system / "images" / here.running / file.name
    try:
        size = path.stat().st_size
        if file.name == INITRD and has_part(here.state):
            return size >= file.size and host_initramfs_is_whole(here, path)
        return size == file.size and sha256_file(path, direct=True) == file.sha256
    except OSError:
        return False


def host_initramfs_is_whole(here: OpenedHost, path: Path) -> bool:
    """Return whether an initramfs with a part of the host has the checksum that was recorded when it was written."""
    try:
        recorded = json.loads((here.state / host_initramfs.RECORD).read_text())["sha256"]
    except (ValueError, KeyError, TypeError):
        return False
    return bool(sha256_file(path, direct=True) == recorded)


def write_again(here: OpenedHost, image: Manifest, file: ImageFile, source: Path) -> None:
    """Replace a damaged file, whole or not at all; an initramfs gets the host's own part again.

    :raises UserError: when it differs after it was written.
    """
    path = here.system / "images" / here.running / file.name
    if path.exists():
        with replacing_settled(path) as new:
            shutil.copyfile(source / file.name, new)
    else:
        copy_durable(source / file.name, path)
    if file.name == INITRD and has_part(here.state):
        with mounted(source, here.root / "run/dom0kit/squashfs", here.commands) as root:
            files = host_initramfs.collect(here.state / "upper", root)
        written = host_initramfs.write(path, file.size, file.sha256, host_initramfs.make(files, 0), replacing_settled)
        write_json(here.state / host_initramfs.RECORD, written.record(files))
    elif sha256_file(path, direct=True) != file.sha256:
        raise UserError(f"{path} differs from what was written", "replace the disk or its cable, which lose data")
