"""Stages are kept by the hash of what they were made from, appear whole, and are removed when they are unused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from qa.stages.cache import RECORD, StageCache, default_folder, default_limit
from qa.stages.key import StageKey, source_digests

KEY = StageKey("installed-bios", "a" * 64, "QEMU 10", "ssh-ed25519 AAAA", {"installed.py": "1"}, {"firmware": "bios"})
LARGE = 2**62


def fill(folder: Path) -> Mapping[str, Any]:
    (folder / "disk.img").write_bytes(b"x" * 100_000)
    return {"steps": {"copy": 3.0}}


def never(folder: Path) -> Mapping[str, Any]:
    raise AssertionError("the stage is there already")


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, name="installed-uefi"),
        replace(KEY, iso_sha256="b" * 64),
        replace(KEY, emulator="QEMU 11"),
        replace(KEY, credentials="ssh-ed25519 BBBB"),
        replace(KEY, sources={"installed.py": "2"}),
        replace(KEY, parameters={"firmware": "uefi"}),
    ],
)
def test_each_part_of_the_key_counts(other: StageKey) -> None:
    assert other.digest != KEY.digest
    assert replace(other) == other


def test_a_source_file_that_changed_gives_another_key(tmp_path: Path) -> None:
    (tmp_path / "installed.py").write_text("one")
    before = source_digests(["installed.py"], tmp_path)
    (tmp_path / "installed.py").write_text("two")
    assert source_digests(["installed.py"], tmp_path) != before


def test_a_stage_is_made_once_and_found_by_the_next_run(tmp_path: Path) -> None:
    first = StageCache(tmp_path, LARGE)
    made = first.get(KEY, fill)
    assert made.made
    assert first.get(KEY, never) == made
    second = StageCache(tmp_path, LARGE).get(KEY, never)
    assert not second.made
    assert second.data == {"steps": {"copy": 3.0}}
    assert (second.folder / "disk.img").stat().st_size == 100_000


def test_a_stage_whose_maker_failed_is_not_there_and_not_tried_again(tmp_path: Path) -> None:
    def breaks(folder: Path) -> Mapping[str, Any]:
        (folder / "disk.img").write_bytes(b"half")
        raise AssertionError("the installer failed\nwith details")

    cache = StageCache(tmp_path, LARGE)
    with pytest.raises(AssertionError, match="the installer failed"):
        cache.get(KEY, breaks)
    with pytest.raises(UserError, match="could not be made") as caught:
        cache.get(KEY, never)
    assert caught.value.hint == "the installer failed"
    assert not list(tmp_path.glob(f"*/{RECORD}"))
    assert StageCache(tmp_path, LARGE).get(KEY, fill).made  # another run tries again


def test_what_a_killed_run_left_is_no_stage(tmp_path: Path) -> None:
    half = tmp_path / f"{KEY.folder_name}.partial"
    half.mkdir(parents=True)
    (half / "disk.img").write_bytes(b"half")
    cache = StageCache(tmp_path, LARGE)
    assert cache.get(KEY, fill).made
    other = tmp_path / "other.partial"
    other.mkdir()
    assert cache.shrink() == ["other"]


def test_a_stage_in_use_elsewhere_is_not_made_again(tmp_path: Path) -> None:
    user, other = StageCache(tmp_path, LARGE), StageCache(tmp_path, LARGE)
    user.get(KEY, fill)
    assert other.put(KEY, never) is None
    user.close()
    renewed = other.put(KEY, fill)
    assert renewed
    assert renewed.made


def test_a_renewal_that_fails_leaves_the_stage_as_it_was(tmp_path: Path) -> None:
    def breaks(folder: Path) -> Mapping[str, Any]:
        raise AssertionError("the installer failed")

    cache = StageCache(tmp_path, LARGE)
    cache.get(KEY, fill)
    with pytest.raises(AssertionError):
        cache.put(KEY, breaks)
    assert not StageCache(tmp_path, LARGE).get(KEY, never).made


def test_a_renewal_that_fails_keeps_the_lock_on_what_is_used(tmp_path: Path) -> None:
    def breaks(folder: Path) -> Mapping[str, Any]:
        raise AssertionError("the installer failed")

    user = StageCache(tmp_path, LARGE)
    user.get(KEY, fill)
    with pytest.raises(AssertionError):
        user.put(KEY, breaks)
    assert StageCache(tmp_path, 0).shrink() == []
    assert user.get(KEY, never).folder.exists()


def test_a_renewal_makes_room_as_well(tmp_path: Path) -> None:
    other = replace(KEY, name="other")
    first = StageCache(tmp_path, LARGE)
    first.get(other, fill)
    first.close()
    StageCache(tmp_path, 150_000).put(KEY, fill)
    assert [path.parent.name for path in tmp_path.glob(f"*/{RECORD}")] == [KEY.folder_name]


def test_a_failed_renewal_keeps_the_lock_on_what_is_used(tmp_path: Path) -> None:
    user, other, third = (StageCache(tmp_path, 0) for _ in range(3))
    user.get(KEY, fill)
    other.get(KEY, never)
    assert other.put(KEY, never) is None
    user.close()
    assert third.shrink() == []  # the second one still uses it
    other.close()
    assert third.shrink() == [KEY.folder_name]


def test_the_longest_unused_stage_goes_first_and_none_in_use(tmp_path: Path) -> None:
    writer = StageCache(tmp_path, LARGE)
    keys = [replace(KEY, name=name) for name in ("one", "two", "three")]
    for age, key in enumerate(keys):
        stage = writer.get(key, fill)
        os.utime(stage.folder / RECORD, (1000 + age, 1000 + age))
    writer.close()
    user = StageCache(tmp_path, LARGE)
    user.get(keys[1], never)
    os.utime(tmp_path / keys[1].folder_name / RECORD, (10, 10))  # in use, though it looks the oldest
    assert StageCache(tmp_path, 250_000).shrink() == [keys[0].folder_name]
    assert StageCache(tmp_path, 1).shrink() == [keys[2].folder_name]
    assert (tmp_path / keys[1].folder_name / RECORD).exists()


def test_folder_and_limit_come_from_the_environment() -> None:
    assert default_folder({"DOM0KIT_QA_CACHE": "/var/stages"}) == Path("/var/stages")
    assert default_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/dom0kit/stages")
    assert default_limit({"DOM0KIT_QA_CACHE_GIB": "0.5"}) == 2**29
    assert default_limit({}) > 2**30


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "much"])
def test_a_limit_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="DOM0KIT_QA_CACHE_GIB"):
        default_limit({"DOM0KIT_QA_CACHE_GIB": text})
