"""D6: two file systems with one UUID when a host starts; the live root's own functions decide, on real disks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from live_root import PROJECT, LiveRoot
from loop_devices import GIB, LoopDisk, loop_disk, output

pytestmark = pytest.mark.kernel("image")
SCRIPTS = PROJECT / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts"
UUID = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0002"
GUIDS = ("11111111-aaaa-4bbb-8ccc-000000000001", "11111111-aaaa-4bbb-8ccc-000000000002")


@pytest.fixture
def disks(tmp_path: Path) -> Iterator[tuple[LoopDisk, LoopDisk]]:
    """Two disks with a system partition each, clones of each other but for the partitions' GUIDs."""
    with loop_disk(tmp_path / "one", GIB) as one, loop_disk(tmp_path / "two", GIB) as two:
        for disk, guid in zip((one, two), GUIDS, strict=True):
            output("sgdisk", "--clear", "--new=3:0:+100M", f"--partition-guid=3:{guid}", disk.path)
            output("partx", "--add", disk.path)
            output("mkfs.ext4", "-q", "-F", "-U", UUID, disk.part(3))
        yield one, two


@contextmanager
def booted_with(live: LiveRoot, arguments: str) -> Iterator[None]:
    """Give the root the scripts of the initramfs and a kernel command line."""
    folder = live.path / "scripts"
    folder.mkdir(exist_ok=True)
    (live.path / "cmdline").write_text(f"boot=dom0kit {arguments}\n")
    output("mount", "--bind", SCRIPTS, folder)
    output("mount", "--bind", live.path / "cmdline", live.path / "proc/cmdline")
    try:
        yield
    finally:
        output("umount", live.path / "proc/cmdline")
        output("umount", folder)


def run(live: LiveRoot, text: str) -> subprocess.CompletedProcess[str]:
    return live.run("sh", "-c", f". /scripts/dom0kit; {text}", check=False)


def find(live: LiveRoot, arguments: str = "") -> list[str]:
    with booted_with(live, arguments):
        done = run(live, f"dom0kit_find uuid:{UUID}")
    assert done.stderr == ""
    return done.stdout.split()


def test_d6_the_file_system_on_the_disk_that_grub_was_started_from(live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]) -> None:
    for disk, guid in zip(disks, GUIDS, strict=True):
        assert find(live, f"dom0kit.partition={guid}") == [disk.part(3)]
        assert find(live, f"dom0kit.partition={guid.upper()}") == [disk.part(3)]


def test_d6_without_the_partition_both_are_candidates(live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]) -> None:
    both = [disk.part(3) for disk in disks]
    assert sorted(find(live)) == both
    assert sorted(find(live, "dom0kit.partition=")) == both


def test_d6_a_clone_with_equal_partition_guids_is_not_told_from_its_original(
    live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]
) -> None:
    output("sgdisk", f"--partition-guid=3:{GUIDS[0]}", disks[1].path)
    subprocess.run(["partx", "--add", disks[1].path], check=False, capture_output=True)
    assert sorted(find(live, f"dom0kit.partition={GUIDS[0]}")) == [disk.part(3) for disk in disks]


def test_d6_a_clone_alone_is_not_the_host(live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]) -> None:
    """Take the host's own disk away, or let it come late: the boot waits for it."""
    output("partx", "--delete", disks[0].path)
    output("wipefs", "--all", "--force", disks[0].path)
    assert find(live, f"dom0kit.partition={GUIDS[0]}") == []
    assert find(live) == [disks[1].part(3)]


def test_d6_the_boot_stops_and_names_both(live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]) -> None:
    stop = 'panic() { echo "PANIC $1"; exit 9; }; dom0kit_say() { :; }; dom0kit_report() { :; }'
    with booted_with(live, "dom0kit.partition="):
        done = run(live, f"{stop}; dom0kit_mount_local uuid:{UUID} /images/1 /state/1")
    assert done.returncode == 9
    assert f"PANIC dom0kit: several file systems have the UUID of the host's root (uuid:{UUID}): " in done.stdout
    assert all(disk.part(3) in done.stdout for disk in disks)
    assert not [disk for disk in disks if disk.part(3) in Path("/proc/self/mounts").read_text()]


def test_d6_several_paths_to_one_disk_are_one(live: LiveRoot, disks: tuple[LoopDisk, LoopDisk]) -> None:
    """Give both the same registered name, as the paths to a LUN that no multipath map combines have; a vendor's text is none."""
    one, two = (disk.part(3) for disk in disks)
    for name, expected in (("naa.5000c500a1b2c3d4-2097152", [one]), ("", [one, two])):
        done = run_with_name(live, name, one, two)
        assert done.stdout.split() == expected


def run_with_name(live: LiveRoot, name: str, *devices: str) -> subprocess.CompletedProcess[str]:
    with booted_with(live, ""):
        return run(live, f"dom0kit_disk_name() {{ printf '%s' '{name}'; }}; dom0kit_choose '' {' '.join(devices)}")
