"""Whole installations on machines with copies, foreign groups and dying disks: what a disk is, is proven before one is erased."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_root import LiveRoot, answers_for
from loop_devices import GIB, MIB, LoopDisk, blkid, digest, loop_disk, mounted, output
from raid_superblock import superblock

from installer.hardware import used_volumes

pytestmark = pytest.mark.kernel("image")
GROUP = f"dom0kit-test-{os.getpid()}"
OTHER = f"{GROUP}-other"
SIZE = 12_345 * MIB
"""A size that no other disk of this machine has, for rules by size."""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path / "other") as made:
        yield made


def guests(name: str = GROUP) -> str:
    return f"guests: {{volume_group: {name}}}\n"


def refused(live: LiveRoot, target: str, *disks: LoopDisk, wipe: bool = True, more: str = "") -> str:
    """Return the error of an installation, after which no byte of these disks is different."""
    before = [digest(disk) for disk in disks]
    failure = live.install(answers_for(target, wipe=wipe, more=more)).failure
    assert [digest(disk) for disk in disks] == before, "a refused installation has written"
    return failure


def installed(live: LiveRoot, disk: LoopDisk, more: str, *unchanged: LoopDisk, source: str = "", target: str = "") -> str:
    """Install on a disk without a change of the others; return what is on the console."""
    before = [digest(other) for other in unchanged]
    answers = answers_for(target or f"disk: {{path: {disk.path}}}", wipe=True, more=more)
    done = live.install(answers, **({"source": source} if source else {}))
    assert done.code == 0, done.console
    assert [digest(other) for other in unchanged] == before, "a disk that was not chosen was written to"
    with mounted(disk.part(3), live.work.parent / "look") as look:
        assert (look / "state/1.2-abababab/installed.json").exists()
    return done.console


@contextmanager
def shortened(disk: LoopDisk, left: int) -> Iterator[None]:
    """Have reads beyond ``left`` bytes of a disk end with an error, as those of a dying disk do."""
    os.truncate(disk.file, left)
    output("blockdev", "--flushbufs", disk.path)
    yield


@pytest.mark.parametrize("wipe", [True, False])
@pytest.mark.parametrize("left", [0, GIB])
def test_d1_a_disk_that_cannot_be_read_is_no_target(live: LiveRoot, disk: LoopDisk, left: int, wipe: bool) -> None:
    """Its beginning or its end: neither counts as blank, and ``wipe`` does not allow to erase unknown data."""
    with shortened(disk, left):
        failure = refused(live, f"disk: {{path: {disk.path}}}", disk, wipe=wipe)
    assert "cannot be read: Input/output error at byte " in failure
    assert "[disk-unreadable]" in failure
    assert disk.file.stat().st_size == left


def test_d1_a_disk_that_cannot_be_read_next_to_the_target(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    with shortened(other, 0):
        installed(live, disk, guests(), other)


def test_d3_the_volume_that_the_answers_come_from(live: LiveRoot, tmp_path: Path) -> None:
    """A rule by size takes the other disk of that size; the volume itself is refused by its path."""
    label = f"A{os.getpid()}"
    with loop_disk(tmp_path / "target", SIZE) as target, loop_disk(tmp_path / "volume", SIZE) as volume:
        output("mkfs.ext4", "-q", "-F", "-L", label, volume.path)

        def write(text: str) -> None:
            folder = tmp_path / "volume.mounted"
            folder.mkdir(exist_ok=True)
            output("mount", volume.path, folder)
            (folder / "host.yaml").write_text(text)
            output("umount", folder)

        by_size = f"disk: {{size: {{at_least: {SIZE // MIB} MiB, at_most: {SIZE // MIB} MiB}}}}"
        source = f"label:{label}/host.yaml"
        write(answers_for(f"disk: {{path: {volume.path}}}", wipe=True, more=guests()))
        before = digest(volume)
        failure = live.install("", source=source).failure
        assert "reads from it: the answers" in failure
        assert "[disk-used-by-installation]" in failure
        assert digest(volume) == before
        write(answers_for(by_size, wipe=True, more=guests()))
        installed(live, target, "", volume, source=source)
        assert blkid(volume.path)["LABEL"] == label
    # The next test's disk may have the volume's name.
    (live.path / used_volumes.RECORD).unlink()


def copied(live: LiveRoot, disk: LoopDisk, copy: LoopDisk) -> None:
    """Put a group and a file system on a disk, and copy it byte by byte."""
    output("sgdisk", "--clear", "--new=1:0:+64M", "--new=2:0:+64M", disk.path)
    output("partx", "--update", disk.path)
    output("mkfs.ext4", "-q", "-F", disk.part(1))
    live.run("vgcreate", "--yes", GROUP, disk.part(2))
    copy.write(0, disk.read(0, 130 * MIB))
    output("partx", "--update", copy.path)


def test_d4_a_copy_of_the_target(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    """The name of its group is refused before anything is erased; with another name the copy is named, and stays as it is."""
    copied(live, disk, other)
    failure = refused(live, f"disk: {{path: {disk.path}}}", disk, other, more=guests())
    assert "[volume-group-exists]" in failure
    assert other.part(2) in failure
    console = " ".join(installed(live, disk, guests(OTHER), other).split())
    assert f"{disk.path} and {other.path} have the same disk GUID" in console
    assert f"{disk.part(1)} and {other.part(1)} have the same ext4 UUID" in console
    assert GROUP in live.run("vgs", "--noheadings", "-o", "vg_name").stdout.split()


def test_d4_a_copy_of_one_disk_of_a_group_that_stays(live: LiveRoot, disk: LoopDisk, other: LoopDisk, tmp_path: Path) -> None:
    """The group does not become incomplete: its own two disks stay."""
    with loop_disk(tmp_path / "third", GIB) as third:
        live.run("vgcreate", "--yes", GROUP, other.path, third.path)
        disk.write(0, other.read(0, 2 * MIB))
        installed(live, disk, guests(OTHER), other, third)
        volumes = live.run("pvs", "--noheadings", "-o", "pv_name", "--select", f"vg_name={GROUP}").stdout.split()
        assert sorted(volumes) == sorted([other.path, third.path])


def test_d4_both_of_a_disk_and_its_copy(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    copied(live, disk, other)
    installed(live, disk, f"guests: {{volume_group: {GROUP}, disks: [{{path: {other.path}}}]}}\n")
    volumes = live.run("pvs", "--noheadings", "-o", "pv_name", "--select", f"vg_name={GROUP}").stdout.split()
    assert sorted(volumes) == sorted([disk.part(4), other.path])


@pytest.mark.parametrize("owner", ["another-machine", ""])
def test_d5_a_group_that_spans_a_disk_that_stays(live: LiveRoot, disk: LoopDisk, other: LoopDisk, owner: str) -> None:
    more = ["--systemid", owner] if owner else []
    live.run("vgcreate", "--yes", *more, GROUP, disk.path, other.path)
    failure = refused(live, f"disk: {{path: {disk.path}}}", disk, other, more=guests(OTHER))
    assert "[volume-group-spans-other-disks]" in failure
    assert other.path in failure
    assert owner in failure


def test_d5_an_array_that_spans_a_disk_that_stays(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    """Nothing assembles it: the kernel and mdadm's list of arrays do not know it."""
    for member in (disk, other):
        member.write(*superblock("1.2", GIB))
    failure = refused(live, f"disk: {{path: {disk.path}}}", disk, other, more=guests())
    assert "[set-spans-other-disks]" in failure
    assert other.path in failure


def of_old_hosts(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    """Put groups of one name on two disks, as two hosts had them."""
    for member in (disk, other):
        live.run("vgcreate", "--yes", "--devices", member.path, GROUP, member.path)


def test_b3_one_of_two_old_hosts_disks(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    of_old_hosts(live, disk, other)
    failure = refused(live, f"disk: {{path: {disk.path}}}", disk, other, more=guests())
    assert "[volume-group-exists]" in failure
    assert "incomplete" not in failure
    installed(live, disk, guests(OTHER), other)


def test_b2_both_of_two_old_hosts_disks(live: LiveRoot, disk: LoopDisk, other: LoopDisk) -> None:
    of_old_hosts(live, disk, other)
    installed(live, disk, f"guests: {{volume_group: {GROUP}, disks: [{{path: {other.path}}}]}}\n")
    assert live.run("vgs", "--noheadings", "-o", "vg_name,pv_count").stdout.split() == [GROUP, "2"]


def test_b4_a_disk_of_a_broken_group(live: LiveRoot, disk: LoopDisk, tmp_path: Path) -> None:
    """A missing member is no reason to refuse; the plan says that the group is incomplete already."""
    with loop_disk(tmp_path / "gone", GIB) as gone:
        live.run("vgcreate", "--yes", GROUP, disk.path, gone.path)
    assert "is incomplete already" in installed(live, disk, guests())
    assert live.run("vgs", "--noheadings", "-o", "vg_name,pv_count").stdout.split() == [GROUP, "1"]
