"""Wiping real disks: nothing that a tool knows is left, and nothing between the ends is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, blkid, held_open, loop_disk, output, signatures
from raid_superblock import superblock

from dom0kit.errors import UserError
from installer.apply import release, wiping
from installer.command_log import Commands
from installer.model import actions

GROUP = f"dom0kit-test-{os.getpid()}"


def with_partitions(disk: LoopDisk, *sizes: str) -> list[str]:
    """Give a disk a GPT with partitions of these sizes, as sgdisk(8) writes them."""
    words = [f"--new={number}:0:{size}" for number, size in enumerate(sizes, 1)]
    output("sgdisk", "--clear", *words, disk.path)
    output("partx", "--update", disk.path)
    return [disk.part(number) for number in range(1, len(sizes) + 1)]


def wipe(
    disk: LoopDisk,
    commands: Commands,
    *partitions: str,
    erase: tuple[tuple[int, int], ...] = (),
    groups: tuple[str, ...] = (),
) -> None:
    """Wipe one disk as the installer does."""
    action = actions.Wipe((actions.OldDisk(disk.path, disk.size, partitions, erase),), groups, ())
    wiping.wipe(action, commands)


def test_no_signature_and_no_partition_is_left(disk: LoopDisk, commands: Commands) -> None:
    ext4, swap, raid, volumes = parts = with_partitions(disk, "+1G", "+1G", "+1G", "+1G")
    output("mkfs.ext4", "-q", "-F", ext4)
    output("mkswap", swap)
    offset, raw = superblock("1.2", GIB)
    disk.write(disk.parts()[3][0] + offset, raw)
    output("vgcreate", "--yes", GROUP, volumes)
    before = [blkid(part).get("TYPE") for part in parts]
    assert before == ["ext4", "swap", "linux_raid_member", "LVM2_member"]
    assert "Version : 1.2" in output("mdadm", "--examine", raid)
    places = disk.parts()

    wipe(disk, commands, *parts, groups=(group_uuid(),))

    assert disk.parts() == {}
    assert signatures(disk.path) == []
    assert blkid(disk.path) == {}
    output("vgs", GROUP, status=(5,))
    # The same partitions come back blank.
    again = with_partitions(disk, "+1G", "+1G", "+1G", "+1G")
    assert disk.parts() == places
    assert [signatures(part) for part in again] == [[]] * 4
    assert "No md superblock" in run_examine(raid)


@pytest.mark.kernel("dm")
def test_active_volumes_let_go_of_the_disk(disk: LoopDisk, commands: Commands) -> None:
    (part,) = with_partitions(disk, "+1G")
    output("vgcreate", "--yes", GROUP, part)
    output("lvcreate", "--yes", "--wipesignatures", "n", "--size", "100m", "--name", "guest", GROUP)
    holders = Path("/sys/class/block", Path(part).name, "holders")
    assert list(holders.iterdir())
    wipe(disk, commands, part, groups=(group_uuid(),))
    assert disk.parts() == {}
    assert not Path(f"/dev/mapper/{GROUP.replace('-', '--')}-guest").exists()


def group_uuid() -> str:
    """Return the UUID of the test's volume group."""
    return output("vgs", "--noheadings", "-o", "vg_uuid", GROUP).strip()


def test_the_monitor_of_external_metadata_is_no_user(disk: LoopDisk, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the disk open as mdmon does for IMSM arrays, which were on both selected disks; any other program is named."""
    monkeypatch.setattr(release, "SECONDS_IN_USE", 0.0)
    action = actions.Wipe((actions.OldDisk(disk.path, disk.size, ()),), (), ())
    with held_open(disk.path, "r+b", "other"), pytest.raises(UserError, match=r"held open by process \d+ \(other\) for writing"):
        wiping.wipe(action, commands)
    with held_open(disk.path, "r+b", "mdmon"):
        wiping.wipe(action, commands)


def test_the_partitions_guids_are_returned(disk: LoopDisk, commands: Commands) -> None:
    """Return what the firmware's boot entries name, so that those of this disk can be removed."""
    guid = "11111111-aaaa-4bbb-8ccc-000000000001"
    output("sgdisk", "--clear", "--new=1:0:+100M", "--new=5:0:+100M", f"--partition-guid=5:{guid.upper()}", disk.path)
    action = actions.Wipe((actions.OldDisk(disk.path, disk.size, ()),), (), ())
    found = wiping.wipe(action, commands)
    assert len(found) == 2
    assert guid in found


def test_a_refusal_gives_the_partitions_back_whatever_their_numbers(
    disk: LoopDisk, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "SECONDS_IN_USE", 0.0)
    output("sgdisk", "--clear", "--new=2:0:+100M", "--new=7:0:+100M", disk.path)
    output("partx", "--add", disk.path)
    before = disk.parts()
    assert set(before) == {2, 7}
    old = actions.OldDisk(disk.path, disk.size, ())
    with open(disk.part(7), "rb"), pytest.raises(UserError, match="nothing was changed"):
        # This process is the one that holds it: only the kernel's refusal tells.
        wiping.wipe(actions.Wipe((old,), (), ()), commands)
    assert disk.parts() == before


def run_examine(device: str) -> str:
    """Return what mdadm prints for a device without a superblock, which goes to standard error."""
    return output("sh", "-c", f"mdadm --examine {device} 2>&1", status=(1,))


def test_only_the_ends_and_the_named_places_are_overwritten(disk: LoopDisk, commands: Commands) -> None:
    pattern = b"some old content" * (MIB // 16)
    places = (0, MIB, 5 * GIB, 5 * GIB + MIB, disk.size - 2 * MIB, disk.size - MIB)
    for place in places:
        disk.write(place, pattern)
    wipe(disk, commands, erase=((5 * GIB, MIB),))
    zero = [place for place in places if disk.read(place, MIB) == bytes(MIB)]
    assert zero == [0, 5 * GIB, disk.size - MIB]
    assert all(disk.read(place, MIB) == pattern for place in places if place not in zero)


def test_a_raid_superblock_at_the_end_of_a_partition_to_come_is_erased(disk: LoopDisk, commands: Commands) -> None:
    """Erase metadata 1.0 at the member's end: a new partition that ends there would be a member again."""
    start, size = 1 * GIB, 4 * GIB
    offset, raw = superblock("1.0", size)
    disk.write(start + offset, raw)
    sectors = (start // 512, (start + size) // 512 - 1)
    words = ["sgdisk", "--clear", "--new=1:{}:{}".format(*sectors), disk.path]
    output(*words)
    output("partx", "--update", disk.path)
    assert "Version : 1.0" in output("mdadm", "--examine", disk.part(1))

    wipe(disk, commands, disk.part(1), erase=((start, MIB), (start + size - MIB, MIB)))
    output(*words)
    output("partx", "--update", disk.path)
    assert "No md superblock" in run_examine(disk.part(1))


def test_partitions_that_the_kernel_no_longer_has_are_passed_over(disk: LoopDisk, commands: Commands) -> None:
    (part,) = with_partitions(disk, "+1G")
    output("partx", "--delete", disk.path)
    assert not Path(part).exists()
    wipe(disk, commands, part)
    assert signatures(disk.path) == []


def test_a_disk_that_cannot_be_written_is_an_error_and_stays_as_it_is(disk: LoopDisk, commands: Commands) -> None:
    output("mkfs.ext4", "-q", "-F", disk.path)
    output("blockdev", "--setro", disk.path)
    try:
        with pytest.raises(UserError, match=f"{disk.path} is write-protected"):
            wipe(disk, commands)
    finally:
        # The kernel keeps it for the device's next user.
        output("blockdev", "--setrw", disk.path)
    assert blkid(disk.path)["TYPE"] == "ext4"


def test_several_disks_are_wiped_at_once(tmp_path: Path, commands: Commands) -> None:
    with loop_disk(tmp_path / "one", GIB) as one, loop_disk(tmp_path / "two", GIB, sector=4096) as two:
        for disk in (one, two):
            with_partitions(disk, "+100M")
            assert "gpt" in signatures(disk.path)
        old = tuple(actions.OldDisk(disk.path, disk.size, (disk.part(1),)) for disk in (one, two))
        wiping.wipe(actions.Wipe(old, (), ()), commands)
        assert [signatures(disk.path) for disk in (one, two)] == [[], []]
        assert [disk.parts() for disk in (one, two)] == [{}, {}]
