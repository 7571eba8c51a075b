"""Files that are never half-written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dom0kit.fs import BLOCK, PAGE, copy_durable, replace_secret, sha256_file, write_atomic


def test_atomic_write_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    write_atomic(path, "new", 0o600)
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret"]


def test_a_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_copy_is_whole_and_takes_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(2 * BLOCK + 100_000)
    (tmp_path / "a").write_bytes(data)
    done: list[int] = []
    with monkeypatch.context() as patched:
        # The caller reads the copy back; a checksum on the way there would be of no use.
        patched.delattr(hashlib, "sha256")
        copy_durable(tmp_path / "a", tmp_path / "b", done.append)
    assert (tmp_path / "b").read_bytes() == data
    assert done == [BLOCK, 2 * BLOCK, len(data)]
    assert os.listdir(tmp_path).count("b") == len(os.listdir(tmp_path)) - 1
    assert sha256_file(tmp_path / "b", done.append) == hashlib.sha256(data).hexdigest()
    assert done[3:] == [BLOCK, 2 * BLOCK, len(data)]


@pytest.mark.parametrize("more", [0, 1, PAGE - 1, PAGE, PAGE + 1, BLOCK - 1])
def test_files_of_any_length_are_copied_and_read_past_the_page_cache(tmp_path: Path, more: int) -> None:
    data = os.urandom(BLOCK + more)
    (tmp_path / "a").write_bytes(data)
    copy_durable(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == data
    assert sha256_file(tmp_path / "b", direct=True) == hashlib.sha256(data).hexdigest()


def test_a_file_system_that_knows_no_direct_access(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the page cache where open(2) refuses to go past it."""
    (tmp_path / "a").write_bytes(b"data")
    really = os.open

    def opened(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return really(path, flags, mode)

    monkeypatch.setattr(os, "open", opened)
    copy_durable(tmp_path / "a", tmp_path / "b")
    assert sha256_file(tmp_path / "b", direct=True) == hashlib.sha256(b"data").hexdigest()


def test_reads_and_writes_that_are_cut_short_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(3 * PAGE)
    (tmp_path / "a").write_bytes(data)
    read, write = os.preadv, os.pwrite
    monkeypatch.setattr(os, "preadv", lambda fd, views, offset: read(fd, [views[0][:1000]], offset))
    monkeypatch.setattr(os, "pwrite", lambda fd, part, offset: write(fd, part[:300], offset))
    (tmp_path / "b").touch()
    with monkeypatch.context() as patched:
        patched.setattr(os, "O_DIRECT", 0)
        copy_durable(tmp_path / "a", tmp_path / "b")
        assert sha256_file(tmp_path / "b") == hashlib.sha256(data).hexdigest()


def test_a_copy_of_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    copy_durable(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b""


def test_a_replaced_secret_is_overwritten_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    path.write_text("the secret")
    os.link(path, tmp_path / "old blocks")
    replace_secret(path, "masked")
    assert path.read_text() == "masked"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "old blocks").read_bytes() == bytes(10)
