"""Folders of runs, and of runs that were killed."""

from __future__ import annotations

import os
from pathlib import Path

from qa import work_dirs


def test_only_what_a_dead_run_has_left_is_removed() -> None:
    names = [
        "dom0kit-qa-12-abcdefgh",
        "dom0kit-qa-served-13-abcdefg_",
        "dom0kit-qa-14-abcdefgh",
        "dom0kit-qa-kept-12345678",
        "dom0kit-qa-kept-served-12345678",
        "dom0kit-qa-12345678",
        "something-12-abcdefgh",
    ]
    assert work_dirs.abandoned(names, lambda process: process == 14) == names[:2]


def test_a_run_makes_its_folder_and_cleans_up_after_a_killed_one(tmp_path: Path) -> None:
    dead = 2**22 + 1  # larger than any process number of Linux
    left = tmp_path / f"{work_dirs.prefix('', keep=False, process=dead)}abcdefgh"
    (left / "san-bios").mkdir(parents=True)
    kept = work_dirs.make("served-", keep=True, base=tmp_path)
    mine = work_dirs.make(base=tmp_path)
    again = work_dirs.make(base=tmp_path)
    assert not left.exists()
    assert kept.is_dir()
    assert mine.is_dir()
    assert again.is_dir()
    assert mine.name.startswith(f"dom0kit-qa-{os.getpid()}-")
