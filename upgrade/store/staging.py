"""Stage an image: bring it next to those that the host has, whole and verified, without changing what the host starts.

Steps, in this order:

1. the manifest's signature; 2. whether the host could run the image; 3. space. Nothing was written so far.
4. The files go to ``images/.new-NAME``, which GRUB's configuration ignores, and 5. are read back from the disk.
6. One rename makes the image visible; 7. the file system is frozen for a moment, so that GRUB, which does not replay the journal,
   finds it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.fs import sync_folder, write_atomic
from dom0kit.linux.grub_files import settle
from dom0kit.units import human_bytes
from installer.apply.image_copy import verify
from installer.model.image_manifest import Manifest, parse_manifest
from upgrade.store.compatibility import RESERVE, check_compatible, check_space
from upgrade.store.images import NEW, Store
from upgrade.store.sources.source import MANIFEST, SIGNATURE, Source
from upgrade.store.transfer import Damaged, Full, present, transfer

BOOT_ENTRY = "boot.cfg"
"""GRUB's entry of one image, which ``grub.cfg`` reads."""

Entry = Callable[[Manifest], str]
"""Return GRUB's entry of an image."""
CheckSignature = Callable[[Source], None]
"""Check that a source's manifest is signed by a key that this host accepts; raise UserError when it is not."""
DAMAGED = "remove it, and stage it again: dom0ctl image remove"


@dataclass(frozen=True)
class Staged:
    """A staged image, and whether it was copied now or was there before."""

    manifest: Manifest
    fresh: bool


@dataclass(frozen=True)
class Stager:
    """How to stage.

    :ivar entry: makes ``boot.cfg``; None writes none.
    :ivar check_signature: see :data:`CheckSignature`.
    :ivar reserve: bytes that stay free.
    :ivar settle: see :func:`dom0kit.linux.grub_files.settle`; a stand-in in tests without a file system of their own.
    """

    store: Store
    reporter: Reporter
    entry: Entry | None = None
    check_signature: CheckSignature = lambda source: None
    reserve: int = RESERVE
    settle: Callable[[Path], None] = settle

    def stage(self, source: Source, *, force: bool = False) -> Staged:
        """Stage an image.

        :param force: accept an older image, and one that failed on this host.
        :raises UserError: when it is not accepted, does not fit, or is damaged; no image has changed then.
        """
        with self.store.locked():
            with self.reporter.step("check the image"):
                manifest = self._checked(source, force=force)
            folder = self.store.folder / manifest.name
            if folder.exists():
                with self.reporter.step("check what is there") as step:
                    verify(folder, manifest.files, step, f"{DAMAGED} {manifest.name}", direct=True)
                    self.settle(folder.parent)
                return Staged(manifest, fresh=False)
            new = self.store.folder / f"{NEW}{manifest.name}"
            self._remove_leftovers(new)
            needed = manifest.size - present(new, manifest.files)
            check_space(needed, free_bytes(self.store.folder), self._removable(), reserve=self.reserve)
            self._fill(source, manifest, new)
            self._publish(new, folder)
        return Staged(manifest, fresh=True)

    def _checked(self, source: Source, *, force: bool) -> Manifest:
        running = self.store.running_manifest()
        # First: nothing else of an image that is not signed is looked at.
        self.check_signature(source)
        manifest = parse_source(source)
        check_compatible(manifest, running, self.store.failed().get(manifest.name), force=force)
        return manifest

    def _remove_leftovers(self, new: Path) -> None:
        """Remove what interrupted transfers of other images left."""
        for path in self.store.folder.glob(f"{NEW}*"):
            if path != new:
                shutil.rmtree(path)

    def _removable(self) -> list[tuple[str, int]]:
        return [(image.name, image.size) for image in self.store.images() if not image.kept]

    def _fill(self, source: Source, manifest: Manifest, new: Path) -> None:
        """Copy all files and read them back; a transfer that was resumed and is not right begins again, once."""
        resumed = new.exists()
        try:
            try:
                self._copy(source, manifest, new)
            except Damaged:
                if not resumed:
                    raise
                shutil.rmtree(new)
                self._copy(source, manifest, new)
        except (Damaged, Full):
            shutil.rmtree(new)
            raise

    def _copy(self, source: Source, manifest: Manifest, new: Path) -> None:
        new.mkdir(mode=0o755, exist_ok=True)
        with self.reporter.step("copy") as step:
            before = 0

            def report(done: int) -> None:
                step.progress(
                    (before + done) / (manifest.size or 1), f"{human_bytes(before + done)} of {human_bytes(manifest.size)}"
                )

            for file in manifest.files:
                transfer(source, file, new, report)
                before += file.size
        small = {MANIFEST: source.manifest, SIGNATURE: source.signature}
        if self.entry is not None:
            small[BOOT_ENTRY] = self.entry(manifest).encode()
        for name, data in small.items():
            if data:
                write_atomic(new / name, data)
        sync_folder(new)
        with self.reporter.step("read back") as step:
            try:
                verify(new, manifest.files, step, "stage it again; when that fails as well, replace the disk", direct=True)
            except UserError as error:
                raise Damaged(error.message, error.hint) from error

    def _publish(self, new: Path, folder: Path) -> None:
        with self.reporter.step("make it visible"):
            os.rename(new, folder)
            sync_folder(folder.parent)
            self.settle(folder.parent)


def parse_source(source: Source) -> Manifest:
    """Return the manifest of a source.

    :raises UserError: when it is damaged.
    """
    try:
        text = source.manifest.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{MANIFEST} of {source.name} is no text", "write or download the source again") from error
    return parse_manifest(text, f"{source.name}/{MANIFEST}")


def free_bytes(folder: Path) -> int:
    """Return the bytes that are free on the file system of a folder."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
