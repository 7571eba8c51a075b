"""One build at a time, and what an interrupted one left."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from image.work_dir import clear, mounts_below, namespaces_hint, sole_builder, sole_downloader

MOUNTS = """\
tmpfs /w/tmp/dib_build.X tmpfs rw 0 0
none /w/tmp/dib_build.X/mnt/proc proc rw 0 0
tmpfs /w/tmpother tmpfs rw 0 0
tmpfs /w/tmp/a\\040b tmpfs rw 0 0
"""


def test_inner_mounts_come_first_and_others_are_left_alone() -> None:
    assert mounts_below(Path("/w/tmp"), MOUNTS) == ["/w/tmp/dib_build.X/mnt/proc", "/w/tmp/dib_build.X", "/w/tmp/a b"]


def test_a_second_build_is_refused_and_the_lock_goes_with_the_first(tmp_path: Path) -> None:
    with sole_builder(tmp_path), pytest.raises(UserError, match="another build is at work"), sole_builder(tmp_path):
        pass
    with sole_builder(tmp_path):
        pass


def test_a_build_elsewhere_waits_for_the_shared_packages(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with sole_downloader(tmp_path):
            order.append("second")

    with sole_downloader(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]


def test_leftover_files_go(tmp_path: Path) -> None:
    (tmp_path / "tmp/dib_build.X").mkdir(parents=True)
    clear(tmp_path / "tmp")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_chroot_that_is_no_mount_point_gets_a_hint_of_its_own() -> None:
    in_chroot = "unshare: cannot change root filesystem propagation: Invalid argument\n"
    assert "mount --bind DIR DIR" in namespaces_hint(in_chroot)
    for errors in ("unshare: unshare failed: Operation not permitted\n", "unshare: mount /proc failed: Permission denied\n"):
        assert "CAP_SYS_ADMIN" in namespaces_hint(errors)
