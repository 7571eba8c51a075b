"""Files that are never half-written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dom0kit.fs import BLOCK, copy_durable, replace_secret, sha256_file, write_atomic


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
