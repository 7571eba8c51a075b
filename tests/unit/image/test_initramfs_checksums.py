"""What the initramfs carries about its image."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from dom0kit.linux import cpio
from image import initramfs_checksums
from pipeline import initramfs_reader

PROJECT = Path(__file__).resolve().parents[3]
SCRIPTS = PROJECT / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts"


def image(folder: Path) -> Path:
    for number, name in enumerate((*initramfs_checksums.FILES, "initrd.img"), 1):
        (folder / name).write_bytes(b"x" * number * 1000)
    return folder


def test_sums_are_lines_of_sha256sum_and_sizes(tmp_path: Path) -> None:
    lines = initramfs_checksums.sums(image(tmp_path)).splitlines()
    assert lines[0] == f"{hashlib.sha256(b'x' * 1000).hexdigest()}  dom0.squashfs"
    assert [line.split("  ")[1] for line in lines[:3]] == ["dom0.squashfs", "vmlinuz", "xen.gz"]
    assert lines[3:] == ["# dom0.squashfs 1000", "# vmlinuz 2000", "# xen.gz 3000", "# initrd.img 4000"]


def test_the_live_root_script_reads_what_is_written(tmp_path: Path) -> None:
    text = initramfs_checksums.sums(image(tmp_path))
    script = (SCRIPTS / "dom0kit-fetch").read_text()
    assert f"DOM0KIT_SUMS=/{initramfs_checksums.NAME} " in script
    patterns = re.findall(r'sed -n "s/(\^.*?)\\\$/\\1/p" \$DOM0KIT_SUMS', script)
    assert len(patterns) == 2
    for pattern in patterns:
        # A basic regular expression of sed as one of Python's.
        python = re.sub(r"\\([(){}])", r"\1", pattern).replace("$1", re.escape("vmlinuz")) + "$"
        found = re.findall(python, text, re.MULTILINE)
        assert found in (["2000"], [hashlib.sha256(b"x" * 2000).hexdigest()])


def test_the_archive_is_read_and_is_the_same_each_time() -> None:
    files = {initramfs_checksums.NAME: "one\n", "etc/dom0kit/other": "two\n"}
    data = cpio.archive(files, 7)
    assert data == cpio.archive(dict(reversed(files.items())), 7)
    found = [(e.name, e.mode, e.owner, e.group, e.mtime) for e in initramfs_reader.entries(data)]
    assert found == [
        ("etc", 0o040755, 0, 0, 7),
        ("etc/dom0kit", 0o040755, 0, 0, 7),
        ("etc/dom0kit/image.sha256", 0o100644, 0, 0, 7),
        ("etc/dom0kit/other", 0o100644, 0, 0, 7),
    ]


def test_it_begins_on_a_multiple_of_four_behind_the_compressed_archive(tmp_path: Path) -> None:
    path = tmp_path / "initrd.img"
    early = cpio.archive({"kernel/x86/microcode/GenuineIntel.bin": "code"}, 1)
    packed = b"\x28\xb5\x2f\xfd 070701 is no archive here"
    path.write_bytes(early + packed)
    tail = cpio.archive({initramfs_checksums.NAME: "sums\n"}, 1)
    cpio.append(path, tail)
    data = path.read_bytes()
    assert initramfs_reader.compressed_tail(data) == ("zstd", len(early))
    start = initramfs_reader.appended(data, len(early))
    assert start % 4 == 0
    assert data[start:] == tail
    assert not data[len(early) + len(packed) : start].strip(b"\0")


def test_nothing_is_behind_a_compressed_archive_alone() -> None:
    data = b"\x28\xb5\x2f\xfd rest 070701 and more"
    assert initramfs_reader.appended(data, 0) == len(data)


def test_every_kernel_argument_of_the_live_root_is_documented() -> None:
    scripts = [path.read_text() for path in sorted(SCRIPTS.iterdir())]
    used = {name for text in scripts for name in re.findall(r"dom0kit_argument (dom0kit\.[a-z-]+)", text)}
    assert {"dom0kit.image", "dom0kit.nic", "dom0kit.report"} <= used
    table = (PROJECT / "docs/reference/kernel-arguments.md").read_text()
    assert not [name for name in used if f"`{name}=" not in table]
