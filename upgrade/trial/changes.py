"""What a host changes when it tries, keeps or leaves an image: its state, then the choice."""

from __future__ import annotations

import json
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.linux.boot_choice import Choice
from dom0kit.linux.grub_files import settle
from dom0kit.process import QUERY_SECONDS, run
from installer.command_log import Commands
from upgrade.choice import esps
from upgrade.state.prepare import ImageRoots, Report, mounted, prepare
from upgrade.store.images import FAILED, Store, StoredImage
from upgrade.trial import decisions
from upgrade.trial.decisions import Known

SQUASHFS = Path("run/dom0kit/squashfs")
"""Where the running image is mounted, without its overlay."""
MARKER = "installed.json"


def known(store: Store, image: StoredImage) -> Known:
    """Return what the decisions need to know of an image."""
    marker = store.system / "state" / image.name / MARKER
    return Known(
        image.name,
        usable=image.manifest is not None and "damaged" not in image.states,
        failed=image.reason,
        installed=marker.stat().st_mtime if marker.is_file() else 0.0,
    )


def prepare_state(store: Store, image: StoredImage, commands: Commands, *, dry: bool) -> Report:
    """Make the state of another image from that of the running one.

    :param dry: change nothing.
    :raises UserError: when the state cannot be taken to the image.
    """
    system = store.system
    with (
        tempfile.TemporaryDirectory(prefix="dom0kit-image-") as folder,
        mounted(image.folder, Path(folder) / "root", commands) as root,
    ):
        old = ImageRoots(store.running, store.root / SQUASHFS)
        return prepare(system, old, ImageRoots(image.name, root), commands, dry=dry)


def carry_out(store: Store, name: str, commands: Commands) -> list[str]:
    """Take the host's state to an image and arm its try: the last act before the restart.

    :returns: warnings.
    :raises UserError: when it cannot be tried; the confirmed image starts then.
    """
    image = store.find(name)
    prepare_state(store, image, commands, dry=False)
    # GRUB does not replay the journal: all of it must be in its place before the choice names the image.
    settle(store.system)
    _, problems = esps.change_choice(lambda choice: decisions.armed(choice, image.name), store.system)
    return problems


def confirm(store: Store) -> tuple[Choice, list[str]]:
    """Keep the running image; a choice that was lost on all disks is made again.

    :returns: the new choice, and warnings.
    """
    running = store.running
    forget_failure(store, running)
    if esps.newest(esps.read_copies(store.system)) is not None:
        return esps.change_choice(lambda choice: decisions.kept(choice, running), store.system)
    found = run(["findmnt", "--noheadings", "--output", "UUID", store.system], timeout=QUERY_SECONDS).output.strip()
    choice = Choice(uuid.UUID(found), 1, running)
    for copy in esps.read_copies(store.system):
        esps.write_copy(copy.device, choice)
    return choice, []


def forget_failure(store: Store, image: str) -> None:
    """Delete the record of a failed try of an image that is kept after all."""
    path = store.system / FAILED
    if image in store.failed():
        value = json.loads(path.read_bytes())
        del value[image]
        write_json(path, value)


def leave(store: Store, image: StoredImage) -> list[str]:
    """Make another image the confirmed one, which the next restart starts with the state that it had.

    :returns: warnings.
    """
    settle(store.system)
    _, problems = esps.change_choice(lambda choice: replace(choice, image=image.name, trial="", left=0), store.system)
    return problems


def changed_since(store: Store, limit: int = 20) -> tuple[int, list[str]]:
    """Return how many files of the running image's own state were changed since it was made, and the first of them."""
    state = store.system / "state" / store.running
    since = (state / MARKER).stat().st_mtime
    upper = state / "upper"
    files = (path for path in upper.rglob("*") if path.is_file() and not path.is_symlink())
    found = sorted(str(path.relative_to(upper)) for path in files if path.stat().st_mtime > since)
    return len(found), found[:limit]


HINT = "remove it and stage it again: dom0ctl image remove"


def check_complete(store: Store, image: StoredImage) -> None:
    """Check that an image's files have their sizes.

    :raises UserError: when one has not.
    """
    if image.manifest is None:
        raise UserError(f"{image.name} is damaged", HINT)
    for file in image.manifest.files:
        path = image.folder / file.name
        # The host's own part is behind the image's initramfs.
        size = path.stat().st_size if path.is_file() else -1
        if size < file.size or (size > file.size and file.name != "initrd.img"):
            raise UserError(
                f"{path} has not the size that the manifest says", "remove it and stage it again: dom0ctl image remove"
            )
