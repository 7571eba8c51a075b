"""Looking into an initramfs."""

from __future__ import annotations

import pytest

from pipeline import initramfs_reader


def entry(name: str, content: bytes = b"", mtime: int = 7) -> bytes:
    """Return a newc entry as cpio writes it."""
    raw = name.encode() + b"\0"
    fields = [1, 0o100644, 0, 0, 1, mtime, len(content), 0, 0, 0, 0, len(raw), 0]
    head = b"070701" + b"".join(f"{value:08X}".encode() for value in fields) + raw
    head += b"\0" * (-len(head) % 4)
    return head + content + b"\0" * (-len(content) % 4)


def archive(*parts: bytes) -> bytes:
    data = b"".join(parts) + entry("TRAILER!!!", mtime=0)
    return data + b"\0" * (-len(data) % 512)


def test_two_archives_and_a_compressed_tail() -> None:
    data = archive(entry("kernel/x86/microcode/GenuineIntel.bin", b"abcde")) + archive(entry("init", b"#!"), entry("conf", b""))
    tail = b"\x28\xb5\x2f\xfd rest"
    names = [e.name for e in initramfs_reader.entries(data + tail)]
    assert names == ["kernel/x86/microcode/GenuineIntel.bin", "init", "conf"]
    assert initramfs_reader.compressed_tail(data + tail) == ("zstd", len(data))
    assert initramfs_reader.compressed_tail(data) is None


def test_a_listing_shows_changed_content_and_time() -> None:
    one = initramfs_reader.listing([archive(entry("init", b"a"))])
    assert one == initramfs_reader.listing([archive(entry("init", b"a"))])
    assert one != initramfs_reader.listing([archive(entry("init", b"b"))])
    assert one != initramfs_reader.listing([archive(entry("init", b"a", mtime=8))])


def test_garbage_is_no_entry() -> None:
    with pytest.raises(ValueError, match="not a cpio entry at byte 0"):
        initramfs_reader.read_entry(b"garbage" * 40, 0)
