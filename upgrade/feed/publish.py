"""Make a feed: add images to its folder, remove them, sign its index."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.fs import read_limited, sync_folder, write_atomic
from dom0kit.units import human_bytes
from upgrade.feed.index import INDEX, LARGEST, SIGNATURE, FeedImage, Index, parse
from upgrade.store.sources.source import MANIFEST, Source
from upgrade.store.sources.source import SIGNATURE as MANIFEST_SIGNATURE
from upgrade.store.staging import parse_source
from upgrade.store.transfer import Damaged, transfer

NEW = ".new-"
"""Prefix of the folder of an image that is not whole yet."""

Sign = Callable[[bytes], bytes]
"""Return the signature of an index."""


def add_image(folder: Path, source: Source, sign: Sign, reporter: Reporter) -> FeedImage:
    """Copy an image into a feed, each file compared with the manifest, and name it in a new index.

    :raises UserError: when the image is damaged, or cannot be written; the feed is as before then.
    """
    manifest = parse_source(source)
    with changing(folder) as index:
        target, new = folder / manifest.name, folder / f"{NEW}{manifest.name}"
        new.mkdir(exist_ok=True)
        before = 0
        with reporter.step(f"copy {manifest.name}") as step:

            def report(done: int) -> None:
                step.progress((before + done) / (manifest.size or 1), human_bytes(before + done))

            try:
                for file in manifest.files:
                    transfer(source, file, new, report)
                    before += file.size
            except Damaged:
                shutil.rmtree(new)
                raise
        for name, data in ((MANIFEST, source.manifest), (MANIFEST_SIGNATURE, source.signature)):
            if data:
                write_atomic(new / name, data)
        sync_folder(new)
        if target.exists():
            shutil.rmtree(target)
        os.rename(new, target)
        sync_folder(folder)
        image = FeedImage.of(manifest, hashlib.sha256(source.manifest).hexdigest())
        with reporter.step("sign the index"):
            write_index(folder, index.with_image(image), sign)
    return image


def remove_image(folder: Path, name: str, sign: Sign) -> None:
    """Remove an image from a feed: from its index, then its files.

    :raises UserError: when the feed does not have it.
    """
    with changing(folder) as index:
        write_index(folder, index.without(name), sign)
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)


@contextmanager
def changing(folder: Path) -> Iterator[Index]:
    """Let one process at a time change a feed, and yield its index; a folder without one is a new feed.

    :raises UserError: when another process changes it, or it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be used: {error.strerror}", "choose another one") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path = folder / INDEX
        yield parse(read_limited(path, LARGEST), str(folder)) if path.exists() else Index(0)
    except BlockingIOError as error:
        raise UserError(f"another command changes the feed {folder}", "wait until it has finished") from error
    finally:
        os.close(descriptor)


def write_index(folder: Path, index: Index, sign: Sign) -> None:
    """Write an index and its signature; the signature is made before anything is written.

    A host that reads between both finds a signature of another index, and tries again at its next check.
    """
    data = index.to_bytes()
    signature = sign(data)
    write_atomic(folder / INDEX, data)
    if signature:
        write_atomic(folder / SIGNATURE, signature)
    else:
        (folder / SIGNATURE).unlink(missing_ok=True)
