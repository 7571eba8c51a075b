"""Software RAID, where this kernel has it: the arrays as mdadm and the kernel see them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, loop_disk, output, signatures

from dom0kit.errors import UserError
from installer.apply import partitioning, wiping
from installer.command_log import Commands
from installer.model import actions

IDENTITY = uuid.uuid4()
OFFSET = 16 * MIB


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[LoopDisk, LoopDisk]]:
    """Two disks; an array over them is stopped at the end."""
    with loop_disk(tmp_path / "one", GIB) as one, loop_disk(tmp_path / "two", GIB) as two:
        try:
            yield one, two
        finally:
            for array in arrays_of(one, two):
                output("mdadm", "--stop", array)


def arrays_of(*disks: LoopDisk) -> set[str]:
    """Return the running arrays over these disks."""
    return {f"/dev/{node.name}" for disk in disks for node in Path("/sys/block", Path(disk.path).name, "holders").iterdir()}


def array_of(pair: tuple[LoopDisk, LoopDisk], metadata: str, offset: int = 0) -> actions.Array:
    """Return an array over both disks."""
    name = f"dom0kit-test-{metadata.replace('.', '-')}-{IDENTITY.hex[:8]}"
    return actions.Array(name, IDENTITY, metadata, (pair[0].path, pair[1].path), offset)


@pytest.mark.kernel("md")
@pytest.mark.parametrize(("metadata", "offset"), [("1.0", 0), ("1.2", OFFSET)])
def test_an_array_is_as_planned_and_blank(
    pair: tuple[LoopDisk, LoopDisk], commands: Commands, metadata: str, offset: int
) -> None:
    # An old file system where the array's data will be.
    output("mkfs.ext4", "-q", "-F", "-E", f"offset={offset}", pair[0].path, "500M")
    array = array_of(pair, metadata, offset)
    partitioning.make_arrays(actions.MakeArrays((array,)), commands)
    assert Path(array.device).is_block_device()
    assert signatures(array.device) == []
    for disk in pair:
        fields = dict(re.findall(r"^\s*([^:\n]+?) : (.*)$", output("mdadm", "--examine", disk.path), re.MULTILINE))
        assert fields["Version"] == metadata
        assert fields["Array UUID"].split()[0] == array.md_uuid
        assert fields["Raid Level"] == "raid1"
        assert fields["Name"].split()[0] == f"any:{array.name}"
        assert "Internal Bitmap" in fields
        if offset:
            assert fields["Data Offset"].split()[0] == str(offset // 512)


@pytest.mark.kernel("md")
def test_wiping_stops_the_array_and_empties_it(pair: tuple[LoopDisk, LoopDisk], commands: Commands) -> None:
    array = array_of(pair, "1.2", OFFSET)
    partitioning.make_arrays(actions.MakeArrays((array,)), commands)
    output("mkfs.ext4", "-q", "-F", array.device)
    (running,) = arrays_of(*pair)
    old = tuple(actions.OldDisk(disk.path, disk.size, ()) for disk in pair)
    wiping.wipe(actions.Wipe(old, (), (running,)), commands)
    assert arrays_of(*pair) == set()
    assert [signatures(disk.path) for disk in pair] == [[], []]
    partitioning.make_arrays(actions.MakeArrays((array,)), commands)
    assert signatures(array.device) == []


def test_an_array_that_cannot_be_made_is_an_error(tmp_path: Path, commands: Commands) -> None:
    missing = str(tmp_path / "no-disk")
    array = actions.Array(f"dom0kit-test-{IDENTITY.hex[:8]}", IDENTITY, "1.0", (missing, f"{missing}-either"))
    with pytest.raises(UserError, match=r"mdadm exited with \d"):
        partitioning.make_arrays(actions.MakeArrays((array,)), commands)
    assert not Path(array.device).exists()
