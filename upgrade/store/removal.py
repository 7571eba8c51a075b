"""Remove an image and its state from a host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sync_folder
from dom0kit.linux.grub_files import settle
from upgrade.store.images import NEW, Store, StoredImage

REASONS = {
    "running": ("runs", "start another image first: dom0ctl image try"),
    "confirmed": ("is the one that the host starts", "confirm another image first: dom0ctl image confirm"),
    "trying": ("is being tried", "return to the confirmed image first: dom0ctl image rollback"),
}
"""Why an image is needed, and what to do about it."""


def check_removable(image: StoredImage, named: frozenset[str]) -> None:
    """Check that the host needs an image no more (pure).

    :param named: images that the boot loader's environment block names: GRUB would look for their files.
    :raises UserError: when the host may need it.
    """
    for state, (why, hint) in REASONS.items():
        if state in image.states:
            raise UserError(f"{image.name} {why}", hint)
    if image.name in named:
        raise UserError(f"{image.name} is named by the boot loader's choice", "clear the choice: dom0ctl image rollback")


def remove(store: Store, text: str, settle: Callable[[Path], None] = settle) -> StoredImage:
    """Remove an image and its state.

    The folder loses its name first, in one step: a power cut leaves the image, or a folder that GRUB's configuration ignores.
    Afterwards the file system is frozen for a moment, so that GRUB sees no files whose space is used for something else.

    :param text: its name, or the beginning of it.
    :returns: the image that is gone.
    :raises UserError: when there is no such image, or the host needs it.
    """
    with store.locked():
        image = store.find(text)
        check_removable(image, store.read_names())
        gone = image.folder.with_name(f"{NEW}{image.name}")
        shutil.rmtree(gone, ignore_errors=True)
        os.rename(image.folder, gone)
        sync_folder(gone.parent)
        settle(gone.parent)
        shutil.rmtree(gone)
        state = store.system / "state" / image.name
        if state.exists():
            shutil.rmtree(state)
        settle(gone.parent)
    return image
