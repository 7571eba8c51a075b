"""The images on the system partition of an installed host, and what the host does with each."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from installer.model.image_manifest import Manifest, read_manifest

MEDIUM = "run/dom0kit/medium"
RUNNING = "run/dom0kit/image"
FAILED = "state/common/failed.json"
NEW = ".new-"
"""Prefix of the folder of an image that is not whole yet."""

ReadChoice = Callable[[], Choice | None]
"""Return which image the host starts; None when it has no choice."""


@dataclass(frozen=True)
class StoredImage:
    """An image on the system partition.

    :ivar name: its folder's name.
    :ivar manifest: None when it is damaged.
    :ivar size: bytes of its files on the disk.
    :ivar states: ``running``, ``confirmed``, ``trying``, ``failed``, ``damaged``; ``staged`` when it is none of these.
    :ivar reason: of a failed one.
    """

    name: str
    folder: Path
    manifest: Manifest | None
    size: int
    states: tuple[str, ...]
    reason: str = ""

    @property
    def kept(self) -> bool:
        """Return whether the host may need it."""
        return bool({"running", "confirmed", "trying"} & set(self.states))


@dataclass(frozen=True)
class Store:
    """The images of a host.

    :param root: the host's root folder.
    :param read_choice: see :data:`ReadChoice`.
    :param read_names: returns the images that any copy of the choice names: GRUB may look for their files.
    """

    root: Path
    read_choice: ReadChoice = lambda: None
    read_names: Callable[[], frozenset[str]] = frozenset

    @property
    def system(self) -> Path:
        """Return the system partition's mount point."""
        return self.root / MEDIUM

    @property
    def folder(self) -> Path:
        """Return the folder with the images."""
        return self.system / "images"

    @property
    def running(self) -> str:
        """Return the name of the image that runs.

        :raises UserError: when this is no installed host.
        """
        hint = "run this on an installed host"
        try:
            target = (self.root / RUNNING).readlink()
        except OSError as error:
            raise UserError(f"/{RUNNING} does not name the running image: {error.strerror}", hint) from error
        if target.parent.name != "images" or not (self.folder / target.name).is_dir():
            raise UserError(f"this system runs from {target}, and not from a system partition", hint)
        manifest = manifest_or_none(self.folder / target.name)
        if manifest is not None and manifest.name != target.name:
            raise UserError(
                f"this host was installed by dom0kit {manifest.version}, which keeps one image",
                "install the host again with a newer ISO",
            )
        return target.name

    def running_manifest(self) -> Manifest:
        """Return the manifest of the image that runs.

        :raises UserError: when this is no installed host, or the manifest is damaged.
        """
        return read_manifest(self.folder / self.running)

    def failed(self) -> dict[str, str]:
        """Return the reasons of images that were tried and failed, by name."""
        try:
            value = json.loads((self.system / FAILED).read_text())
            return {str(name): str(entry["reason"]) for name, entry in value.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.system / FAILED} is damaged: {error}", "remove it: it names the images that failed"
            ) from error

    def images(self) -> list[StoredImage]:
        """Return all images, the running one first, then by name.

        :raises UserError: when this is no installed host.
        """
        running, choice, failed = self.running, self.read_choice(), self.failed()
        names = [path.name for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
        found = []
        for name in sorted(names, key=lambda name: (name != running, name)):
            folder = self.folder / name
            manifest = manifest_or_none(folder)
            words = states(name, running, choice, failed, damaged=manifest is None)
            found.append(StoredImage(name, folder, manifest, disk_usage(folder), words, failed.get(name, "")))
        return found

    def find(self, text: str) -> StoredImage:
        """Return the image with a name, or with a name that begins so.

        :raises UserError: when there is none, or more than one.
        """
        images = self.images()
        return find(text, images)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one process at a time change the images.

        :raises UserError: when another one does.
        """
        try:
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UserError(f"{self.folder} cannot be opened: {error.strerror}", "run this on an installed host") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise UserError("another command changes the images of this host", "wait until it has finished") from error
        finally:
            os.close(descriptor)


def states(
    name: str, running: str, choice: Choice | None, failed: Mapping[str, str], *, damaged: bool = False
) -> tuple[str, ...]:
    """Return the states of an image (pure).

    A host without a choice starts the image that runs. An image that was to be tried, whose tries are used up and which does not
    run, has failed.
    """
    found = []
    if name == running:
        found.append("running")
    if name == (choice.image if choice is not None else running):
        found.append("confirmed")
    if choice is not None and name == choice.trial and name != choice.image:
        found.append("trying" if choice.left > 0 or name == running else "failed")
    if name in failed and "failed" not in found:
        found.append("failed")
    if damaged:
        found.append("damaged")
    return tuple(found) or ("staged",)


def find(text: str, images: list[StoredImage]) -> StoredImage:
    """Return the image with a name, or the only one with a name that begins so (pure).

    :raises UserError: when there is none, or more than one.
    """
    found = [image for image in images if image.name == text] or [image for image in images if image.name.startswith(text)]
    names = ", ".join(image.name for image in (found or images))
    if not found:
        raise UserError(f"there is no image {text} on this host; there are: {names}", "stage it: dom0ctl image stage SOURCE")
    if len(found) > 1:
        raise UserError(f"several images begin with {text}: {names}", "write more of the name")
    return found[0]


def manifest_or_none(folder: Path) -> Manifest | None:
    """Return an image's manifest, None when it is missing or damaged."""
    try:
        return read_manifest(folder)
    except (UserError, OSError):
        return None


def disk_usage(folder: Path) -> int:
    """Return the bytes that the files below a folder take on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
