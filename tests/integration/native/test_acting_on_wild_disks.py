"""Whole installations on disks as they are in the wild: each is installed, or refused by name and unchanged."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from live_root import SQUASHFS, LiveRoot, answers_for
from loop_devices import MIB, LoopDisk, blkid, digest, held_open, loop_disk, mounted, output

pytestmark = pytest.mark.kernel("image")


def partitioned(disk: LoopDisk, *sizes: str) -> list[str]:
    """Give a disk a GPT with partitions of these sizes."""
    output("sgdisk", "--clear", *(f"--new={number}:0:{size}" for number, size in enumerate(sizes, 1)), disk.path)
    output("partx", "--update", disk.path)
    return [disk.part(number) for number in range(1, len(sizes) + 1)]


def installed(live: LiveRoot, disk: LoopDisk, *, wipe: bool = False, more: str = "") -> None:
    """Install on a disk, and check that a host is on it where the table says."""
    done = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=wipe, more=more))
    assert done.code == 0, done.console
    assert set(disk.parts()) == {1, 2, 3, 4}
    assert blkid(disk.part(3))["TYPE"] == "ext4"
    with mounted(disk.part(3), live.work.parent / "look") as look:
        assert (look / "state/1.2-abababab/installed.json").exists()
        assert (look / "images/1.2-abababab/dom0.squashfs").exists()


def test_the_images_own_tools_install_the_whole_image(live: LiveRoot, disk: LoopDisk) -> None:
    """Install the built image itself, as a user does, and compare every byte of it on the disk."""
    real = live.path / "work/real"
    real.mkdir()
    output("mount", "--bind", SQUASHFS.parent, real)
    try:
        done = live.install(answers_for(f"disk: {{path: {disk.path}}}"), image="/work/real")
    finally:
        output("umount", real)
        real.rmdir()
    assert done.code == 0, done.console
    with mounted(disk.part(3), live.work.parent / "look") as look:
        (copy,) = look.glob("images/*/dom0.squashfs")
        assert hashlib.sha256(copy.read_bytes()).digest() == hashlib.sha256(SQUASHFS.read_bytes()).digest()
    output("e2fsck", "-f", "-n", disk.part(3))


@pytest.mark.parametrize("mode", ["rb", "r+b"])
def test_b1_an_old_partition_that_is_held_open(live: LiveRoot, disk: LoopDisk, mode: str) -> None:
    """Hold partition 3 open: the kernel keeps it at its old place, where the file system would land."""
    _, _, third = partitioned(disk, "+1G", "+1G", "+1G")
    output("mkfs.ext4", "-q", "-F", "-L", "precious", third)
    before, parts = digest(disk), disk.parts()
    with held_open(third, mode) as pid:
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True)).failure
    assert f"{third} is held open by process {pid} (python" in failure
    assert "nothing was changed" in failure
    assert "[disk-in-use]" in failure
    assert (digest(disk), disk.parts()) == (before, parts)
    installed(live, disk, wipe=True)


def test_b1_a_whole_disk_that_another_program_writes_to(live: LiveRoot, disk: LoopDisk) -> None:
    with held_open(disk.path, "r+b") as pid:
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True)).failure
    assert f"{disk.path} is held open by process {pid} (python" in failure
    assert "for writing" in failure


def test_b1_a_monitor_that_reads_the_whole_disk_is_no_reason(live: LiveRoot, disk: LoopDisk) -> None:
    partitioned(disk, "+1G")
    with held_open(disk.path):
        installed(live, disk, wipe=True)


def test_b1_a_partition_behind_a_loop_device(live: LiveRoot, disk: LoopDisk) -> None:
    """Use a partition through another device, as guests' disks are: no mount and no process shows it."""
    (part,) = partitioned(disk, "+1G")
    before = digest(disk)
    upper = output("losetup", "--find", "--show", part).strip()
    try:
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True)).failure
    finally:
        output("losetup", "--detach", upper)
    assert f"{part} is behind the loop device {upper}" in failure
    assert digest(disk) == before


def test_b1_swap_on_a_partition(live: LiveRoot, disk: LoopDisk) -> None:
    (part,) = partitioned(disk, "+1G")
    output("mkswap", part)
    output("swapon", part)
    parts = disk.parts()
    try:
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True)).failure
    finally:
        output("swapoff", part)
    assert "SWAP" in failure.upper()
    assert "[disk-in-use]" in failure
    # The kernel may have used it meanwhile.
    assert (blkid(part)["TYPE"], disk.parts()) == ("swap", parts)


@pytest.mark.parametrize("whole", [True, False])
def test_b1_a_file_system_that_is_mounted_where_the_installer_does_not_see_it(
    live: LiveRoot, disk: LoopDisk, whole: bool
) -> None:
    """Mount it in the mount namespace of another process, as containers do: only the kernel knows."""
    device = disk.path if whole else partitioned(disk, "+1G")[0]
    output("mkfs.ext4", "-q", "-F", device)
    code = "mount -t ext4 -o ro,noload $1 /mnt && echo mounted && read line"
    words = ["unshare", "--mount", "sh", "-c", code, "sh", device]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mounted\n"
        before = digest(disk)
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True)).failure
        assert digest(disk) == before
    assert f"{device} is held by the kernel" in failure
    installed(live, disk, wipe=True)


def test_b1_one_disk_in_use_saves_both(live: LiveRoot, tmp_path: Path) -> None:
    """Select a system disk and a disk for guests: both are held before the first is written to."""
    with loop_disk(tmp_path / "one") as one, loop_disk(tmp_path / "two") as two:
        (first,) = partitioned(one, "+1G")
        (second,) = partitioned(two, "+1G")
        for part in (first, second):
            output("mkfs.ext4", "-q", "-F", part)
        before = digest(one), digest(two), one.parts(), two.parts()
        guests = f"guests: {{disks: [{{path: {two.path}}}]}}\n"
        with held_open(second):
            failure = live.install(answers_for(f"disk: {{path: {one.path}}}", wipe=True, more=guests)).failure
        assert second in failure
        assert (digest(one), digest(two), one.parts(), two.parts()) == before


def script(text: str) -> str:
    """Return answers that run a script when the plan is made."""
    return f"scripts: [{{stage: planned, content: {json.dumps(f'#!/bin/sh{chr(10)}{text}{chr(10)}')}}}]\n"


def test_r1_a_disk_whose_content_changes_after_the_plan(live: LiveRoot, disk: LoopDisk) -> None:
    """Exchange the content between plan and wipe, when user scripts run and the pool is asked."""
    more = script(f"mkfs.ext4 -q -F -L precious {disk.path}")
    failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", more=more)).failure
    assert f"the content at the ends of {disk.path} is different [disk-changed]" in failure
    assert blkid(disk.path)["LABEL"] == "precious"
    output("e2fsck", "-f", "-n", disk.path)


def test_r1_a_disk_whose_size_changes_after_the_plan(live: LiveRoot, disk: LoopDisk) -> None:
    with disk.file.open("r+b") as file:
        file.truncate(13 * 1024 * MIB)
    more = script(f"losetup --set-capacity {disk.path}")
    failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", more=more)).failure
    assert f"{disk.path} had {disk.size} bytes and has {13 * 1024 * MIB} [disk-changed]" in failure


def test_r1_a_disk_that_is_mounted_after_the_plan(live: LiveRoot, disk: LoopDisk) -> None:
    output("mkfs.ext4", "-q", "-F", "-L", "precious", disk.path)
    more = script(f"mount -t ext4 -o ro,noload {disk.path} /mnt")
    try:
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", wipe=True, more=more)).failure
    finally:
        live.run("umount", "/mnt", check=False)
    assert f"{disk.path} is mounted on /mnt [disk-in-use]" in failure
    assert blkid(disk.path)["LABEL"] == "precious"


def test_r1_a_disk_that_is_gone_after_the_plan(live: LiveRoot, tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk") as disk:
        more = script(f"losetup --detach {disk.path}")
        failure = live.install(answers_for(f"disk: {{path: {disk.path}}}", more=more)).failure
    assert f"{disk.path} had {disk.size} bytes and has 0 [disk-changed]" in failure


def test_m1_a_disk_that_ends_early_while_it_is_written(live: LiveRoot, tmp_path: Path) -> None:
    """Give the file behind the disk a fraction of the space that the disk reports."""
    small = tmp_path / "small"
    small.mkdir()
    output("mount", "-t", "tmpfs", "-o", "size=24m", "none", small)
    try:
        with loop_disk(small / "disk") as disk:
            failure = live.install(answers_for(f"disk: {{path: {disk.path}}}")).failure
    finally:
        output("umount", small)
    assert f"the disk {disk.path} failed while it was written: " in failure
    assert "[device-failed]" in failure
    assert "replace the disk" in failure


def test_m1_a_medium_that_cannot_be_read(live: LiveRoot, disk: LoopDisk, tmp_path: Path) -> None:
    """Cut off the file behind the medium: the file system still names the files, and reads end in EIO."""
    with loop_disk(tmp_path / "medium", 64 * MIB) as medium:
        output("mkfs.ext4", "-q", "-F", medium.path)
        folder = live.path / "mnt"
        output("mount", "-t", "ext4", medium.path, folder)
        # In this order on the medium.
        for name in ("manifest.json", "xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs"):
            (folder / name).write_bytes((live.work / "image" / name).read_bytes())
            output("sync", "--file-system", folder)
        output("umount", folder)
        data = medium.file.read_bytes()
        medium.file.write_bytes(data[: data.index((live.work / "image/dom0.squashfs").read_bytes()[:4096]) + 4096])
        output("mount", "-t", "ext4", "-o", "ro,noload", medium.path, folder)
        try:
            output("losetup", "--set-capacity", medium.path)
            failure = live.install(answers_for(f"disk: {{path: {disk.path}}}"), image="/mnt").failure
        finally:
            output("umount", folder)
    assert f"the medium {medium.path}" in failure
    assert "cannot be read: Input/output error (/mnt/dom0.squashfs) [device-failed]" in failure
    assert "write the medium again" in failure
    assert disk.path not in failure
