"""Every write and flush of a disk, recorded, and what a power cut at any moment leaves of them.

QEMU's block driver blklogwrites records; its FUSE export gives a file, and a loop device over that file is the disk. The format
is that of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/log-writes.rst; drivers/md/dm-log-writes.c): a
superblock, then entries of one sector each, which the data follows.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop_devices import LoopDisk, detach, output

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
"""Flags of an entry."""
START_SECONDS = 20
STOP_SECONDS = 20


@dataclass(frozen=True)
class Entry:
    """A write or a flush, as it reached the disk.

    :param offset: in bytes.
    :param data: None for a flush alone.
    :param flush: whether all that came before is on the medium now.
    :param end: length of the log up to here, in bytes.
    """

    offset: int
    data: bytes | None
    flush: bool
    end: int


@contextmanager
def recorded(file: Path, log: Path) -> Iterator[LoopDisk]:
    """Attach a disk file as a disk, and record what is written to it from now on.

    :param log: new file of the log.
    """
    log.touch()
    export = file.with_name(f"{file.name}.recorded")
    export.touch()
    block = [
        f"driver=file,filename={file},node-name=disk",
        f"driver=file,filename={log},node-name=log",
        f"driver=blklogwrites,node-name=recorded,file=disk,log=log,log-sector-size={SECTOR},log-super-update-interval=1",
    ]
    words = [word for one in block for word in ("--blockdev", one)]
    words += ["--export", f"type=fuse,id=export,node-name=recorded,mountpoint={export},writable=on"]
    daemon = subprocess.Popen(["qemu-storage-daemon", *words])
    try:
        end = time.monotonic() + START_SECONDS
        while str(export) not in Path("/proc/self/mounts").read_text():
            assert daemon.poll() is None, "qemu-storage-daemon has ended"
            assert time.monotonic() < end, "qemu-storage-daemon exports no file"
            time.sleep(0.05)
        # Not with --direct-io: the loop device would send writes side by side, and the file system is damaged after that with
        # QEMU 10.0. The export has no page cache: without that, all arrives one by one, in order.
        path = output("losetup", "--find", "--show", "--partscan", export).strip()
        try:
            # Needs no support for partition tables in this kernel.
            output("partx", "--update", path)
            yield LoopDisk(path, export, file.stat().st_size, SECTOR)
        finally:
            detach(path, export)
    finally:
        daemon.terminate()
        daemon.wait(STOP_SECONDS)
        export.unlink()


def read_log(log: Path) -> list[Entry]:
    """Return the entries of a log."""
    entries = []
    with log.open("rb") as file:
        magic, version, count, sector = struct.unpack("<QQQI", file.read(28))
        assert (magic, version, sector) == (MAGIC, 1, SECTOR), (magic, version, sector)
        place = SECTOR
        for _ in range(count):
            file.seek(place)
            start, sectors, flags, _ = struct.unpack("<QQQQ", file.read(32))
            assert not flags & FUA, "a loop device writes and flushes"
            place += SECTOR
            if flags & DISCARD:
                data = bytes(sectors * SECTOR)
            else:
                file.seek(place)
                data = file.read(sectors * SECTOR)
                assert len(data) == sectors * SECTOR, "the log ends too early"
                place += len(data)
            entries.append(Entry(start * SECTOR, data or None, bool(flags & FLUSH), place))
    return entries


def position(log: Path) -> int:
    """Return the length of a log that nothing is written to now, in bytes."""
    return log.stat().st_size


class Replay:
    """A copy of a disk file that is taken through a log, one entry after the other.

    :param file: the disk file as it was when the recording began; it is changed.
    """

    def __init__(self, file: Path, entries: Sequence[Entry]) -> None:
        self.file = file
        self._entries = entries
        self._done = 0
        self._unflushed: list[tuple[int, bytes, bytes]] = []

    @property
    def unflushed(self) -> int:
        """Return the number of writes since the last flush."""
        return len(self._unflushed)

    def take(self, count: int) -> None:
        """Write the entries up to the number ``count``."""
        with self.file.open("r+b", buffering=0) as disk:
            for entry in self._entries[self._done : count]:
                if entry.flush:
                    self._unflushed.clear()
                if entry.data is not None:
                    self._unflushed.append((entry.offset, os.pread(disk.fileno(), len(entry.data), entry.offset), entry.data))
                    os.pwrite(disk.fileno(), entry.data, entry.offset)
        self._done = count

    @contextmanager
    def losses(self, choose: random.Random) -> Iterator[None]:
        """Lose some of the writes since the last flush, and of some only some sectors, while the block lasts."""
        with self.file.open("r+b", buffering=0) as disk:
            number = disk.fileno()
            for offset, before, _ in reversed(self._unflushed):
                os.pwrite(number, before, offset)
            for offset, _, data in self._unflushed:
                for start, part in _kept(data, choose):
                    os.pwrite(number, part, offset + start)
            try:
                yield
            finally:
                for offset, _, data in self._unflushed:
                    os.pwrite(number, data, offset)


def _kept(data: bytes, choose: random.Random) -> Iterator[tuple[int, bytes]]:
    """Yield what is left of a write: all of it, nothing, or some of its sectors; with their place in it."""
    what = choose.choice(("all", "nothing", "sectors"))
    for start in range(0, len(data), SECTOR):
        if what == "all" or (what == "sectors" and choose.random() < 0.5):
            yield start, data[start : start + SECTOR]
