"""Python in the image starts without reading sources."""

from __future__ import annotations

import os
import py_compile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from image.bytecode import check_by_time, late

EPOCH = 1_700_000_000


def module(tree: Path, mode: py_compile.PycInvalidationMode, stamp: int = EPOCH - 10) -> Path:
    source = tree / "usr/lib/python3/dist-packages/thing.py"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("ANSWER = 42\n")
    os.utime(source, (stamp, stamp))
    return Path(py_compile.compile(str(source), invalidation_mode=mode, doraise=True))


def test_byte_code_checked_by_hash_becomes_checked_by_time(tmp_path: Path) -> None:
    made = module(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH)
    assert late(tmp_path) == [str(made.relative_to(tmp_path))]
    assert check_by_time(tmp_path, EPOCH) == 1
    assert late(tmp_path) == []
    by_time = module(tmp_path / "other", py_compile.PycInvalidationMode.TIMESTAMP)
    assert made.read_bytes()[:16] == by_time.read_bytes()[:16]


def test_a_source_newer_than_the_image_gets_the_images_time(tmp_path: Path) -> None:
    made = module(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH, stamp=EPOCH + 500)
    os.utime(made, (EPOCH, EPOCH))
    check_by_time(tmp_path, EPOCH)
    source = tmp_path / "usr/lib/python3/dist-packages/thing.py"
    assert source.stat().st_mtime == EPOCH
    assert made == Path(cache_from_source(str(source)))
    assert made.stat().st_mtime == EPOCH
    assert late(tmp_path) == []


@pytest.mark.parametrize("mode", [py_compile.PycInvalidationMode.UNCHECKED_HASH, py_compile.PycInvalidationMode.TIMESTAMP])
def test_other_byte_code_stays(tmp_path: Path, mode: py_compile.PycInvalidationMode) -> None:
    before = module(tmp_path, mode).read_bytes()
    assert check_by_time(tmp_path, EPOCH) == 0
    assert next(tmp_path.rglob("*.pyc")).read_bytes() == before


def test_an_edited_source_is_late(tmp_path: Path) -> None:
    module(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP)
    (tmp_path / "usr/lib/python3/dist-packages/thing.py").write_text("ANSWER = 43\n")
    assert len(late(tmp_path)) == 1
