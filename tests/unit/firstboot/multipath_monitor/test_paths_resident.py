"""What is kept in memory for a disk that comes back."""

from __future__ import annotations

import os
import struct
from pathlib import Path, PurePosixPath

import pytest

from firstboot.multipath_monitor.pin_in_memory import Linked, PinnedFiles, follow, linked, needed

STRINGS, DYNAMIC, LOADED = 0x400, 0x600, 0x10000


def elf(*libraries: str, interpreter: str = "", folder: str = "") -> bytes:
    """Return a 64-bit ELF file whose segment's address differs from its file offset."""
    strings, entries = b"\0", b""
    for tag, text in [*((1, name) for name in libraries), *([(29, folder)] if folder else [])]:
        entries += struct.pack("<qQ", tag, len(strings))
        strings += text.encode() + b"\0"
    entries += struct.pack("<qQqQ", 5, LOADED + STRINGS, 0, 0)
    headers = struct.pack("<IIQQQQQQ", 1, 5, 0, LOADED, LOADED, 0x1000, 0x1000, 1)
    headers += struct.pack("<IIQQQQQQ", 2, 6, DYNAMIC, LOADED + DYNAMIC, LOADED + DYNAMIC, len(entries), len(entries), 8)
    if interpreter:
        headers += struct.pack("<IIQQQQQQ", 3, 4, 0x300, 0, 0, len(interpreter) + 1, len(interpreter) + 1, 1)
    number = len(headers) // 56
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, number, 0, 0, 0)
    data = bytearray(0x1000)
    for place, part in ((0, start), (64, headers), (0x300, interpreter.encode()), (STRINGS, strings), (DYNAMIC, entries)):
        data[place : place + len(part)] = part
    return bytes(data)


def test_what_a_program_is_linked_with() -> None:
    data = elf("liba.so.1", "libb.so.2", interpreter="/lib64/ld.so", folder="/usr/lib/private:$ORIGIN/x")
    assert linked(data) == Linked("/lib64/ld.so", ("liba.so.1", "libb.so.2"), ("/usr/lib/private",))


@pytest.mark.parametrize("data", [b"", b"text", b"\x7fELF", elf("liba.so.1")[:100], b"\x7fELF\x02\x01" + b"\xff" * 80, b"#!\n"])
def test_other_files_name_nothing(data: bytes) -> None:
    assert linked(data) == Linked()


def test_a_script_names_its_interpreter() -> None:
    assert linked(b"#! /bin/sh -e\nexit\n") == Linked("/bin/sh")


def test_links_are_followed_inside_the_tree(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/bin/dash").write_text("")
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "etc/sh").symlink_to("/usr/bin/dash")
    (tmp_path / "usr/bin/sh").symlink_to("../../etc/sh")
    (tmp_path / "loop").symlink_to("loop")
    end, links = follow(tmp_path, PurePosixPath("/bin/sh"))
    assert (str(end), [str(link) for link in links]) == ("/usr/bin/dash", ["/bin", "/usr/bin/sh", "/etc/sh"])
    assert follow(tmp_path, PurePosixPath("/bin/none"))[0] is None
    assert follow(tmp_path, PurePosixPath("/loop"))[0] is None


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Create a root with a program of udev, a script, their libraries, and files that are not needed."""
    files = {
        "usr/sbin/multipath": elf("libmultipath.so.0", interpreter="/lib64/ld.so"),
        "usr/lib/udev/scsi_id": elf("libshared.so", folder="/usr/lib/x86_64-linux-gnu/systemd"),
        "usr/lib/udev/kpartx_id": b"#!/bin/sh\n",
        "usr/bin/dash": elf("libc.so.6"),
        "usr/bin/vim": b"",
        "usr/lib/libmultipath.so.0.1": elf("libc.so.6", "libgone.so"),
        "usr/lib/x86_64-linux-gnu/libc.so.6": elf(),
        "usr/lib/x86_64-linux-gnu/systemd/libshared.so": elf("libc.so.6"),
        "usr/lib/x86_64-linux-gnu/ld.so": elf(),
        "usr/lib/modules/6.12/modules.alias.bin": b"x",
        "usr/lib/modules/6.1/modules.alias.bin": b"x",
        "etc/multipath/wwids": b"",
    }
    links = {
        "bin": "usr/bin",
        "lib64": "usr/lib/x86_64-linux-gnu",
        "usr/bin/sh": "dash",
        "usr/lib/libmultipath.so.0": "libmultipath.so.0.1",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    return tmp_path


def test_all_that_taking_in_a_disk_needs(tree: Path) -> None:
    files, links = needed(tree, "6.12")
    assert files == [
        "/etc/multipath/wwids",
        "/usr/bin/dash",
        "/usr/lib/libmultipath.so.0.1",
        "/usr/lib/modules/6.12/modules.alias.bin",
        "/usr/lib/udev/kpartx_id",
        "/usr/lib/udev/scsi_id",
        "/usr/lib/x86_64-linux-gnu/ld.so",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/systemd/libshared.so",
        "/usr/sbin/multipath",
    ]
    assert links == ["/bin", "/lib64", "/usr/bin/sh", "/usr/lib/libmultipath.so.0"]


def test_each_file_is_mapped_whole(tree: Path) -> None:
    kept = PinnedFiles(tree, "6.12")
    kept.pin()
    files, links = needed(tree, "6.12")
    contents = {name: (tree / name[1:]).read_bytes() for name in files}
    assert {name: mapping[:] for name, (_, mapping) in kept.held.items()} == {
        name: data for name, data in contents.items() if data
    }
    # The links are open until the process ends.
    opened = {os.readlink(link): link.name for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    for name in links:
        os.close(int(opened[str(tree / name[1:])]))


def test_what_is_written_anew_is_mapped_again(tree: Path) -> None:
    kept = PinnedFiles(tree, "6.12")
    kept.pin()
    assert kept.refresh() == []
    name = "/etc/lvm/devices/system.devices"
    (tree / "etc/lvm/devices").mkdir(parents=True, exist_ok=True)
    for text in ("first", "second"):
        # Both by a rename, as LVM and the administrator's editor do.
        (tree / "etc/new").write_text(text)
        (tree / "etc/new").rename(tree / name[1:])
        assert kept.refresh() == [name]
        assert kept.held[name][1][:] == text.encode()
    (tree / name[1:]).unlink()
    assert kept.refresh() == []
