"""Disks for tests: sparse files behind loop devices, and what the kernel and the tools see on them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.units import GIB, MIB

BUSY_SECONDS = 20


@dataclass(frozen=True)
class LoopDisk:
    """A loop device: ``path`` is the device, ``file`` what is behind it, sizes in bytes."""

    path: str
    file: Path
    size: int
    sector: int

    def part(self, number: int) -> str:
        """Return the device of a partition."""
        return f"{self.path}p{number}"

    def parts(self) -> dict[int, tuple[int, int]]:
        """Return the kernel's view: (start, size) in bytes by the partition's number."""
        found = {}
        for node in Path("/sys/class/block", Path(self.path).name).glob("*/partition"):
            start, size = (int((node.parent / name).read_text()) * 512 for name in ("start", "size"))
            found[int(node.read_text())] = (start, size)
        return found

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes of the file behind the device, after all that was written has reached it."""
        output("blockdev", "--flushbufs", self.path)
        with self.file.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def write(self, offset: int, data: bytes) -> None:
        """Write through the device."""
        with open(self.path, "r+b", buffering=0) as file:
            file.seek(offset)
            assert file.write(data) == len(data)


def output(*argv: str | Path, status: Sequence[int] = (0,)) -> str:
    """Run a tool that checks a result and return what it printed.

    Not by :func:`dom0kit.process.run`, which is itself under test.
    """
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    assert done.returncode in status, f"{argv} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def blkid(device: str | Path) -> dict[str, str]:
    """Return the signature that blkid probes on a device, bypassing its cache; empty for a blank one."""
    text = output("blkid", "--probe", "--output", "export", device, status=(0, 2))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def signatures(device: str | Path) -> list[str]:
    """Return the types of the signatures that wipefs(8) finds."""
    text = output("wipefs", "--json", "--no-act", device)
    return [found["type"] for found in json.loads(text)["signatures"]] if text.strip() else []


@contextmanager
def loop_disk(file: Path, size: int = 12 * GIB, sector: int = 512) -> Iterator[LoopDisk]:
    """Attach a new sparse file as a disk; afterwards its partitions and the device are gone, whatever happened.

    The installer makes partition devices with ``partx``, so no support for partition tables is needed in this kernel.
    """
    with file.open("xb") as made:
        made.truncate(size)
    path = output("losetup", "--find", "--show", "--partscan", f"--sector-size={sector}", file).strip()
    try:
        yield LoopDisk(path, file, size, sector)
    finally:
        detach(path, file)
        file.unlink()


def detach(path: str, file: Path) -> None:
    """Detach a loop device of ours and wait until it is free: udev may look at it for a moment.

    :raises AssertionError: when something holds it.
    """
    name = Path(path).name
    end = time.monotonic() + BUSY_SECONDS
    while True:
        backing = Path("/sys/block", name, "loop/backing_file")
        if not backing.exists() or backing.read_text().strip().removesuffix(" (deleted)") != str(file):
            break
        subprocess.run(["partx", "--delete", path], check=False, capture_output=True)
        subprocess.run(["losetup", "--detach", path], check=False, capture_output=True)
        assert time.monotonic() < end, f"{path} is still in use: {list(Path('/sys/block', name, 'holders').iterdir())}"
        time.sleep(0.05)
    assert not list(Path("/dev").glob(f"{name}p*")), f"partitions of {path} are left"


@contextmanager
def mounted(device: str, folder: Path, kind: str = "ext4") -> Iterator[Path]:
    """Mount a file system read-only, to look at what is on it."""
    folder.mkdir(parents=True, exist_ok=True)
    output("mount", "-t", kind, "-o", "ro", device, folder)
    try:
        yield folder
    finally:
        output("umount", folder)


@contextmanager
def after_power_cut(disk: LoopDisk, folder: Path) -> Iterator[Path]:
    """Mount what the medium holds at this moment, in a copy: what only memory has is not on it. ext4 replays its journal."""
    copy = folder / "after-power-cut"
    output("cp", "--sparse=always", disk.file, copy)
    look = folder / "look"
    look.mkdir()
    output("mount", "-t", "ext4", "-o", "loop", copy, look)
    try:
        yield look
    finally:
        output("umount", look)
        copy.unlink()


def replace_on_medium(file: Path, old: bytes, new: bytes) -> int:
    """Replace a text in the file behind a disk, where the file has data; return how often it was there.

    By pread(2) and pwrite(2): lseek(2) finds the data, and a buffered file that does not know of it writes to another place.

    :param new: as long as ``old``.
    """
    assert len(old) == len(new)
    count = 0
    with file.open("r+b", buffering=0) as medium:
        number = medium.fileno()
        place = 0
        while True:
            try:
                start = os.lseek(number, place, os.SEEK_DATA)
            except OSError:
                return count
            place = os.lseek(number, start, os.SEEK_HOLE)
            data = os.pread(number, place - start, start)
            if old in data:
                count += data.count(old)
                assert os.pwrite(number, data.replace(old, new), start) == len(data)


def digest(disk: LoopDisk) -> str:
    """Return a checksum of the places where anything writes: the data of the file behind the disk, with their offsets."""
    output("blockdev", "--flushbufs", disk.path)
    found = hashlib.sha256()
    with disk.file.open("rb") as file:
        offset = 0
        while True:
            try:
                offset = os.lseek(file.fileno(), offset, os.SEEK_DATA)
            except OSError:
                return found.hexdigest()
            end = os.lseek(file.fileno(), offset, os.SEEK_HOLE)
            while offset < end:
                data = os.pread(file.fileno(), min(4 * MIB, end - offset), offset)
                if data.count(0) != len(data):
                    found.update(b"%d" % offset + data)
                offset += len(data)


@contextmanager
def held_open(device: str, mode: str = "rb", name: str = "python") -> Iterator[int]:
    """Have another process of this name hold a device open."""
    rename = f"open('/proc/self/comm', 'w').write({name!r})"
    code = f"import sys; {rename}; file = open({device!r}, {mode!r}, buffering=0); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process.pid
