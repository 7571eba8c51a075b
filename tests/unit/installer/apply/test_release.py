"""Taking stacks apart and holding disks: in order, all or nothing, with the names of what is in the way."""

from __future__ import annotations

import io
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from fake_blocks import VG, VG_UUID, FakeBlocks
from fake_runner import Call, Ended, FakeRunner

from dom0kit.errors import UserError
from dom0kit.units import MIB
from installer.apply import partition_devices, release
from installer.apply.array_devices import wait_for_array
from installer.apply.block_tree import read_device
from installer.apply.release import exclusively
from installer.command_log import Commands
from installer.hardware.disk_ends import read_ends
from installer.model.actions import Array, OldDisk, Table
from installer.model.partition_layout import Partition

SIZE = 100 * MIB


@dataclass
class Machine:
    """Two disks whose content is in files, and a kernel that does what the commands say."""

    blocks: FakeBlocks
    runner: FakeRunner

    @property
    def commands(self) -> Commands:
        return Commands(io.StringIO(), self.runner)

    def disk(self, name: str, **known: str) -> OldDisk:
        return OldDisk(str(self.blocks.root / name), SIZE, (), **known)

    def stop(self, call: Call) -> str:
        self.blocks.remove(call.argv[-1].removeprefix("/dev/"))
        return ""

    def unmap(self, call: Call) -> str:
        self.blocks.remove(self.blocks.by_title(call.argv[-1]))
        return ""

    def forget(self, call: Call) -> str:
        for part in list(self.blocks.folder.glob(f"{Path(call.argv[-1]).name}[0-9]*")):
            self.blocks.remove(part.name)
        return ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(release, "SECONDS_IN_USE", 0.0)
    blocks = FakeBlocks(tmp_path)
    for name in ("sdx", "sdy"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(SIZE)
        # What fstat(2) says about a file.
        blocks.add(name, SIZE, "0:0")
        blocks.partition(name, 1, MIB, 50 * MIB)
    made = Machine(blocks, FakeRunner())
    made.runner.outputs |= {"mdadm --stop": made.stop, "dmsetup remove": made.unmap, "partx --delete": made.forget}
    return made


def hold(machine: Machine, *disks: OldDisk) -> list[OldDisk]:
    with exclusively(disks, machine.commands, machine.blocks.root) as held:
        for one in held:
            os.fstat(one.fd)
        return [one.disk for one in held]


def test_volumes_then_arrays_then_partitions(machine: Machine) -> None:
    machine.blocks.md("md127", "sdx1", "sdy1")
    machine.blocks.dm("dm-0", "guests-one", f"LVM-{VG}1", "md127")
    disks = (machine.disk("sdx"), machine.disk("sdy"))
    assert hold(machine, *disks) == list(disks)
    calls = [" ".join(words[:3]) for words in machine.runner.words]
    assert calls == [
        "vgchange --activate n",
        "dmsetup remove --retry",
        "mdadm --stop /dev/md127",
        f"partx --delete {disks[0].path}",
        f"partx --delete {disks[1].path}",
    ]
    assert machine.runner.words[0][-1] == f"vg_uuid={VG_UUID}"


def test_a_clone_that_stays_keeps_its_volumes(machine: Machine) -> None:
    """Activate a volume of the same group on a disk that is not selected: only the kernel's own device is removed."""
    machine.blocks.dm("dm-0", "guests-one", f"LVM-{VG}1", "sdx1")
    machine.blocks.dm("dm-1", "guests-two", f"LVM-{VG}2", "sdy1")
    hold(machine, machine.disk("sdx"))
    assert [words[0] for words in machine.runner.words] == ["dmsetup", "partx"]
    assert (machine.blocks.folder / "dm-1").exists()


def test_an_array_that_comes_back_is_stopped_again(machine: Machine) -> None:
    """Let udev's rules assemble the array once more, as they do when its members are released."""
    machine.blocks.md("md127", "sdx1")
    again = [True]

    def stop(call: Call) -> str:
        machine.stop(call)
        if again and again.pop():
            machine.blocks.md("md126", "sdx1")
        return ""

    machine.runner.outputs["mdadm --stop"] = stop
    hold(machine, machine.disk("sdx"))
    assert [words[-1] for words in machine.runner.words if words[0] == "mdadm"] == ["/dev/md127", "/dev/md126"]


def test_what_cannot_be_removed_is_named_and_nothing_is_changed(machine: Machine) -> None:
    machine.blocks.dm("dm-0", "guests-one", f"LVM-{VG}1", "sdx1")
    machine.runner.outputs["dmsetup remove"] = Ended(1, errors="device-mapper: remove ioctl on guests-one failed: busy")
    with pytest.raises(UserError, match=r"/dev/mapper/guests-one cannot be removed from it; .*failed: busy \[disk-in-use\]"):
        hold(machine, machine.disk("sdx"))
    assert not [words for words in machine.runner.words if words[0] in ("partx", "wipefs")]


def test_a_partition_that_the_kernel_keeps_is_named_and_those_of_the_other_disk_come_back(machine: Machine) -> None:
    def forget(call: Call) -> Ended:
        if call.argv[-1].endswith("sdx"):
            machine.forget(call)
            return Ended()
        return Ended(1, errors="partx: sdy: error deleting partition 1")

    machine.runner.outputs |= {"partx --delete": forget, "partx --raw": "2048 102400 GUID\n"}
    with pytest.raises(UserError, match="nothing was changed, because a disk is in use: partx: sdy: error deleting partition 1"):
        hold(machine, machine.disk("sdx"), machine.disk("sdy"))
    updated = [words[-1] for words in machine.runner.words if words[:2] == ["partx", "--add"]]
    assert updated == [machine.disk("sdx").path, machine.disk("sdy").path]


def test_foreign_stacks_and_uses_are_named_before_anything_is_done(machine: Machine) -> None:
    machine.blocks.dm("dm-0", "secret", "CRYPT-LUKS2-1-secret", "sdy1")
    (machine.blocks.root / "proc/self").mkdir(parents=True)
    (machine.blocks.root / "proc/self/mountinfo").write_text("30 27 8:1 / /srv rw - ext4 /dev/no-such-disk rw\n")
    with pytest.raises(UserError) as caught:
        hold(machine, machine.disk("sdx"), machine.disk("sdy"))
    assert "sdx1 is mounted on /srv" in caught.value.message
    assert "the opened crypt device /dev/mapper/secret" in caught.value.message
    assert machine.runner.words == []


def test_one_write_protected_disk_is_enough(machine: Machine) -> None:
    (machine.blocks.folder / "sdy/ro").write_text("1\n")
    with pytest.raises(UserError, match=r"sdy is write-protected \[disk-read-only\]"):
        hold(machine, machine.disk("sdx"), machine.disk("sdy"))
    assert machine.runner.words == []


def test_a_disk_that_was_exchanged_is_not_written_to(machine: Machine) -> None:
    """R1: compare size, serial number, WWN and content; each difference is named."""
    digest = read_ends(machine.disk("sdx").path, SIZE).digest
    assert hold(machine, machine.disk("sdx", digest=digest))
    machine.runner.calls.clear()
    machine.runner.requests.clear()

    with (machine.blocks.root / "sdx").open("r+b") as file:
        file.write(b"another disk")
    with pytest.raises(UserError, match=r"the content at the ends of \S+sdx is different \[disk-changed\]"):
        hold(machine, machine.disk("sdx", digest=digest))
    with pytest.raises(UserError, match=r"had the serial number ONE and has none; \S+ had the WWN 0x5 and has none"):
        hold(machine, machine.disk("sdx", serial="ONE", wwn="0x5"))
    (machine.blocks.folder / "sdx/size").write_text("1000\n")
    with pytest.raises(UserError, match=f"sdx had {SIZE} bytes and has 512000"):
        hold(machine, machine.disk("sdx", digest=digest))
    assert not [words for words in machine.runner.words if words[0] in ("partx", "vgchange", "mdadm", "dmsetup")]


@pytest.mark.parametrize(
    ("start", "size", "counts"),
    [(MIB, 98 * MIB, True), (MIB // 2, 50 * MIB, False), (MIB, 98 * MIB + 512, False), (0, 0, False)],
)
def test_where_an_array_writes_to_the_ends_they_do_not_count(machine: Machine, start: int, size: int, counts: bool) -> None:
    """Stopping an array changes its superblocks: at either end of a partition, or of a whole disk (0, 0)."""
    digest = read_ends(machine.disk("sdx").path, SIZE).digest
    machine.blocks.remove("sdx1")
    member = machine.blocks.partition("sdx", 1, start, size) if size else "sdx"
    machine.blocks.md("md127", member, version="1.0")

    def stop(call: Call) -> str:
        with (machine.blocks.root / "sdx").open("r+b") as file:
            file.seek(-512, os.SEEK_END)
            file.write(b"clean")
        return machine.stop(call)

    machine.runner.outputs["mdadm --stop"] = stop
    if not counts:
        assert hold(machine, machine.disk("sdx", digest=digest))
        return
    with pytest.raises(UserError, match="the content at the ends"):
        hold(machine, machine.disk("sdx", digest=digest))


def table(path: str) -> Table:
    return Table(path, 512, uuid.UUID(int=1), (Partition(1, "one", "8300", MIB, 10 * MIB, uuid.UUID(int=2)),))


def test_the_kernels_partitions_are_compared_with_the_table(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """B1: a kernel that keeps an old partition would have the file system at the old offset."""
    monkeypatch.setattr(partition_devices, "SECONDS_TO_AGREE", 0.0)
    blocks = machine.blocks
    machine.runner.outputs["partx --update"] = Ended(1, errors="partx: error updating partition 1")

    def differs() -> str:
        with pytest.raises(UserError) as caught:
            partition_devices.agree(table("/dev/sdx"), machine.commands, blocks.root / "sys")
        return caught.value.message

    assert "/dev/sdx1 begins at byte 1048576 with 52428800 bytes, the table says 1048576 with 10485760" in differs()
    assert "partx: error updating partition 1" in differs()
    blocks.remove("sdx1")
    assert "/dev/sdx1 is missing" in differs()
    blocks.partition("sdx", 1, 2 * MIB, 10 * MIB)
    assert "/dev/sdx1 begins at byte 2097152" in differs()
    blocks.remove("sdx1")
    blocks.partition("sdx", 1, MIB, 10 * MIB)
    blocks.partition("sdx", 7, 20 * MIB, MIB)
    assert "/dev/sdx7 is not in the table" in differs()
    blocks.remove("sdx7")
    partition_devices.agree(table("/dev/sdx"), machine.commands, blocks.root / "sys")


def test_a_table_that_the_kernel_reads_at_the_second_attempt_is_enough(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_devices, "SECONDS_BETWEEN", 0.01)

    def update(call: Call) -> str:
        machine.blocks.remove("sdx1")
        machine.blocks.partition("sdx", 1, MIB, 10 * MIB)
        return ""

    machine.runner.outputs["partx --update"] = update
    partition_devices.agree(table("/dev/sdx"), machine.commands, machine.blocks.root / "sys")


def test_partitions_of_a_map_have_a_size_in_sysfs(tmp_path: Path) -> None:
    blocks = FakeBlocks(tmp_path)
    blocks.dm("dm-0", "3600", "mpath-3600")
    blocks.dm("dm-1", "3600-part1", "part1-mpath-3600", "dm-0", size=10 * MIB)
    blocks.dm("dm-2", "3600-part9", "part9-mpath-3600", "dm-0", size=MIB)
    tree = read_device("dm-0", blocks.root / "sys")
    found = partition_devices.differences(table("/dev/mapper/3600"), tree)
    assert found == ["/dev/mapper/3600-part9 is not in the table"]


def test_b11_an_array_without_a_name_gets_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Udev may be slower than any limit; the kernel knows the array."""
    monkeypatch.setattr(partition_devices, "SECONDS_FOR_DEVICES", 0.0)
    blocks = FakeBlocks(tmp_path)
    blocks.md("md126")
    blocks.md("md127")
    array = Array("dom0kit-test", uuid.UUID(int=5), "1.0", ())
    details = {
        f"mdadm --detail --export /dev/md{number}": f"MD_LEVEL=raid1\nMD_UUID={found}\n"
        for number, found in ((126, "0:0:0:1"), (127, array.md_uuid))
    }
    (tmp_path / "dev").mkdir()
    commands = Commands(io.StringIO(), FakeRunner(dict(details)))
    wait_for_array(array, commands, tmp_path)
    assert os.readlink(tmp_path / "dev/md/dom0kit-test") == "../md127"
    with pytest.raises(UserError, match=r"the array /dev/md/dom0kit-test to appear .*, and the kernel has no array"):
        wait_for_array(array, Commands(io.StringIO(), FakeRunner()), tmp_path)
