"""Files that are never half-written, on real file systems: full ones, failing ones, and after a power cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, after_power_cut, loop_disk, output

from dom0kit.fs import copy_durable, exchange, replace_secret, write_atomic

SECRET = b"the secret of this test: 3f9a7c51"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    output("mount", "-t", "tmpfs", "-o", "size=1m", "none", folder)
    try:
        yield folder
    finally:
        output("umount", folder)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[tuple[LoopDisk, Path]]:
    """Mount ext4 with a journal commit interval of 15 minutes: only fsync(2) makes data durable."""
    with loop_disk(tmp_path / "disk", GIB) as disk:
        output("mkfs.ext4", "-q", "-F", disk.path)
        folder = tmp_path / "volume"
        folder.mkdir()
        output("mount", "-o", "commit=900,noauto_da_alloc", disk.path, folder)
        try:
            yield disk, folder
        finally:
            output("umount", folder)


def test_a_full_file_system_leaves_the_old_file_and_nothing_beside(small: Path) -> None:
    (small / "file").write_text("old")
    for write in (
        lambda: write_atomic(small / "file", bytes(2 * MIB)),
        lambda: copy_durable(Path("/usr/bin/python3"), small / "file"),
    ):
        with pytest.raises(OSError, match="No space left"):
            write()
        assert (small / "file").read_text() == "old"
        assert os.listdir(small) == ["file"]


def test_what_was_written_survives_a_power_cut(volume: tuple[LoopDisk, Path], tmp_path: Path) -> None:
    disk, folder = volume
    output("sync", "-f", folder)
    write_atomic(folder / "atomic", "new", 0o600)
    (tmp_path / "source").write_bytes(SECRET * 1000)
    copy_durable(tmp_path / "source", folder / "copy")
    (folder / "plain").write_text("written without fsync")
    with after_power_cut(disk, tmp_path) as look:
        assert (look / "atomic").read_text() == "new"
        assert (look / "atomic").stat().st_mode & 0o777 == 0o600
        assert not (look / "plain").exists(), "this test sees what memory has"
        assert (look / "copy").read_bytes() == SECRET * 1000


def test_a_replaced_secret_is_nowhere_on_the_medium(volume: tuple[LoopDisk, Path], tmp_path: Path) -> None:
    disk, folder = volume
    write_atomic(folder / "host.json", SECRET + os.urandom(8192), 0o600)
    assert SECRET in disk.file.read_bytes()
    replace_secret(folder / "host.json", "masked")
    output("sync", "-f", folder)
    assert SECRET not in disk.file.read_bytes()
    assert (folder / "host.json").read_text() == "masked"


def test_a_killed_writer_leaves_one_of_both_whole(tmp_path: Path) -> None:
    """A process that writes again and again is killed at many moments."""
    path = tmp_path / "file"
    path.write_bytes(b"a" * 100_000)
    code = (
        "import sys\nfrom pathlib import Path\nfrom dom0kit.fs import write_atomic\nprint('ready', flush=True)\n"
        f"while True:\n    for letter in (b'a', b'b'):\n        write_atomic(Path({str(path)!r}), letter * 100_000)\n"
    )
    for moment in range(8):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.01 * moment)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        data = path.read_bytes()
        assert data in (b"a" * 100_000, b"b" * 100_000)


def test_two_folders_exchange_their_names_in_one_step(volume: tuple[LoopDisk, Path]) -> None:
    _, folder = volume
    for name in ("one", "other"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)
    exchange(folder / "one", folder / "other")
    assert [(folder / name / "file").read_text() for name in ("one", "other")] == ["other", "one"]
    with pytest.raises(FileNotFoundError):
        exchange(folder / "one", folder / "third")
