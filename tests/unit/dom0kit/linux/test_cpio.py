"""Small cpio archives."""

from __future__ import annotations

import pytest

from dom0kit.linux import cpio


def test_what_is_written_is_read() -> None:
    files = {"etc/multipath/wwids": b"/3600/\n", "etc/iscsi/a,b/default": b"", "init": b"x" * 5}
    data = cpio.archive(files, 7, {"init": 0o755})
    assert cpio.read(data) == files
    assert len(data) % 512 == 0
    assert data == cpio.archive(dict(reversed(files.items())), 7, {"init": 0o755})


def test_all_folders_above_a_file_are_there_and_come_first() -> None:
    data = cpio.archive({"a/b/c/file": b"1"}, 0)
    places = [data.index(name + b"\0") for name in (b"a", b"a/b", b"a/b/c", b"a/b/c/file")]
    assert places == sorted(places)


def test_a_later_archive_replaces_files_of_an_earlier_one() -> None:
    one, two = cpio.archive({"a": b"1", "b": b"2"}, 0), cpio.archive({"a": b"3"}, 0)
    assert cpio.read(bytes(8) + one + two) == {"a": b"3", "b": b"2"}


def test_modes() -> None:
    data = cpio.archive({"secret": b"1", "open": b"2"}, 0, {"secret": 0o600})
    assert data.count(b"000081A4") == 1
    assert data.count(b"00008180") == 1


@pytest.mark.parametrize("data", [b"\x28\xb5\x2f\xfd no archive", b"070701too short", cpio.archive({"a": b"1" * 600}, 0)[:512]])
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="cpio"):
        cpio.read(data)
