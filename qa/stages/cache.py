"""A cache of stages on disk, shared by runs one after the other and side by side, with a limit to its size.

Each stage is a folder that appears whole, by a rename. A lock file next to it is held exclusively by the process that
makes the stage, and shared by those that use it (flock(2)), which is for as long as they live: overlays refer to its
files. Unused stages are removed, the longest unused first, when the cache is larger than its limit.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.units import GIB
from qa.stages.key import StageKey

RECORD = "stage.json"
LIMIT_GIB = 16.0
"""Default size limit: two installed hosts, a host on a LUN and a pool's master with their memory, of two images."""
LIMIT_VARIABLE = "DOM0KIT_QA_CACHE_GIB"
FOLDER_VARIABLE = "DOM0KIT_QA_CACHE"
Make = Callable[[Path], Mapping[str, Any]]


@dataclass(frozen=True)
class Stage:
    """A stage that is there.

    :param folder: its files, which are only to be read.
    :param data: what its maker returned.
    :param made: whether this process made it just now.
    """

    folder: Path
    data: Mapping[str, Any]
    made: bool


def default_folder(env: Mapping[str, str] | None = None) -> Path:
    """Return where stages are kept: ``DOM0KIT_QA_CACHE``, or below the user's cache folder."""
    env = os.environ if env is None else env
    if folder := env.get(FOLDER_VARIABLE):
        return Path(folder)
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dom0kit" / "stages"


def default_limit(env: Mapping[str, str] | None = None) -> int:
    """Return the cache's size limit in bytes, of ``DOM0KIT_QA_CACHE_GIB`` or the default.

    :raises UserError: for a value that is no positive number.
    """
    text = (os.environ if env is None else env).get(LIMIT_VARIABLE, str(LIMIT_GIB))
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1_000_000:
        raise UserError(f"{LIMIT_VARIABLE} is {text!r}", "give a size in GiB such as 16")
    return int(value * GIB)


def size_on_disk(folder: Path) -> int:
    """Return the bytes that a folder's files take on the disk: images are sparse."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total


class StageCache:
    """The cache in one folder.

    :param limit: bytes on the disk; a stage in use is not removed even when the cache is larger.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit
        self._locks: dict[str, int] = {}
        self._open: dict[str, Stage] = {}
        self._failed: dict[str, str] = {}

    def get(self, key: StageKey, make: Make) -> Stage:
        """Return a stage; make it when it is not there.

        Another process that makes the same stage is waited for.

        :param make: fills the folder that it is given, and returns what the record is to say.
        :raises UserError: when an earlier attempt of this process to make it failed.
        """
        name = key.folder_name
        if name in self._open:
            return self._open[name]
        if name in self._failed:
            raise UserError(f"the stage {key.name} could not be made", self._failed[name])
        self._acquire(name, fcntl.LOCK_SH)
        try:
            stage = self._read(name)
            if stage is None:
                self._acquire(name, fcntl.LOCK_EX)
                stage = self._read(name) or self._make(key, make)  # another process may have made it meanwhile
        except BaseException as error:
            self._failed[name] = str(error).partition("\n")[0]
            self._give_up(name)
            raise
        return self._use(name, stage)

    def put(self, key: StageKey, make: Make) -> Stage | None:
        """Make a stage although it may be there already; return None when it is in use elsewhere, and was not made."""
        name = key.folder_name
        if not self._acquire(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return None
        try:
            stage = self._make(key, make)
        except BaseException:
            self._give_up(name)
            raise
        return self._use(name, stage)

    def names(self) -> list[str]:
        """Return the folders' names, the longest unused first."""
        found = [(path.stat().st_mtime, path.parent.name) for path in self.folder.glob(f"*/{RECORD}")]
        return [name for _, name in sorted(found)]

    def shrink(self) -> list[str]:
        """Remove unused stages, and what killed runs left of unfinished ones, until the limit holds; return their names."""
        removed = [path.name.removesuffix(".partial") for path in self.folder.glob("*.partial") if self._remove(path)]
        sizes = {name: size_on_disk(self.folder / name) for name in self.names()}
        total = sum(sizes.values())
        for name, size in sizes.items():
            if total <= self._limit:
                break
            if self._remove(self.folder / name):
                total -= size
                removed.append(name)
        return removed

    def close(self) -> None:
        """Give up all locks: from here on, stages may be removed."""
        for name in list(self._locks):
            self._release(name)
        self._open.clear()

    def _use(self, name: str, stage: Stage) -> Stage:
        """Keep a shared lock on a stage, and free space for it."""
        fcntl.flock(self._locks[name], fcntl.LOCK_SH)
        self._open[name] = stage
        self.shrink()
        return stage

    def _give_up(self, name: str) -> None:
        """Give up a lock that was not granted or is of no use, but not that on a stage which this process uses already."""
        if name in self._open:  # a lock that could not be converted is lost (flock(2))
            fcntl.flock(self._locks[name], fcntl.LOCK_SH)
        else:
            self._release(name)

    def _make(self, key: StageKey, make: Make) -> Stage:
        name = key.folder_name
        partial, final = self.folder / f"{name}.partial", self.folder / name
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        try:
            data = dict(make(partial))
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        write_json(partial / RECORD, {"name": key.name, "digest": key.digest, "parameters": dict(key.parameters), "data": data})
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        return Stage(final, data, made=True)

    def _read(self, name: str) -> Stage | None:
        record = self.folder / name / RECORD
        try:
            value = json.loads(record.read_text())
        except (OSError, ValueError):
            return None
        os.utime(record)
        return Stage(self.folder / name, value["data"], made=False)

    def _acquire(self, name: str, how: int) -> bool:
        """Lock a stage; return False when it is taken and ``how`` does not wait."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if name not in self._locks:
            self._locks[name] = os.open(self.folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._locks[name], how)
        except BlockingIOError:
            self._give_up(name)
            return False
        return True

    def _release(self, name: str) -> None:
        os.close(self._locks.pop(name))

    def _remove(self, folder: Path) -> bool:
        """Remove a stage unless it is in use; return whether it is gone."""
        name = folder.name.removesuffix(".partial")
        if name in self._locks or not self._acquire(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        try:
            shutil.rmtree(folder, ignore_errors=True)
            # The lock file stays: a process that waits for it holds it open, and a second file of the name would be another lock.
            return not folder.exists()
        finally:
            self._release(name)
