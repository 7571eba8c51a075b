"""Disks with several paths: found, declared, planned, and written into the host's initramfs."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_firmware import FakeFirmware
from fake_runner import FakeRunner, Output
from installer_samples import DISK, IDENTITY, OPTIONS, answers, facts, finish, manifest

from dom0kit.errors import UserError
from dom0kit.linux import host_initramfs
from dom0kit.linux.boot_choice import values
from dom0kit.units import GIB
from installer.apply import host_initramfs as writing
from installer.apply import partition_devices
from installer.bootloader import grub
from installer.command_log import Commands
from installer.model import actions
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import ImageFile
from installer.plan import build_actions
from installer.plan.plan import Plan, make_plan
from installer.storage_network import multipath
from installer.storage_network.multipath import RawDisk

SAN = Path(__file__).resolve().parents[4] / "image/elements/dom0-san/tree"
WWID = "35000c50015ea71ad"
MAP = f"/dev/mapper/{WWID}"
LUN = Disk(MAP, "mpath", 100 * GIB, model="ARRAY", serial="LUN1", wwn="0x5000c50015ea71ad", paths=("/dev/sda", "/dev/sdb"))
PATHS = tuple(Disk(f"/dev/sd{c}", "disk", 100 * GIB, serial="LUN1", wwn="0x5000c50015ea71ad", map=MAP) for c in "ab")
EXPORT = """P: /devices/pci0000:00/0000:00:03.0/virtio1/host0/target0:0:0/0:0:0:0/block/sda
N: sda
E: DEVNAME=/dev/sda
E: DEVTYPE=disk
E: ID_SERIAL=35000c50015ea71ad
E: ID_BUS=scsi

P: /devices/pci0000:00/0000:00:03.0/virtio1/host0/target0:0:0/0:0:0:0/block/sda/sda1
E: DEVNAME=/dev/sda1
E: DEVTYPE=partition
E: ID_SERIAL=35000c50015ea71ad

P: /devices/pci0000:00/0000:00:04.0/virtio2/host1/target1:0:0/1:0:0:0/block/sdb
E: DEVNAME=/dev/sdb
E: DEVTYPE=disk
E: ID_SERIAL=35000c50015ea71ad
E: ID_BUS=scsi
E: DM_MULTIPATH_DEVICE_PATH=1

P: /devices/pci0000:00/usb/block/sdc
E: DEVNAME=/dev/sdc
E: DEVTYPE=disk
E: ID_SERIAL=QEMU_USB
E: ID_BUS=usb

P: /devices/virtual/block/loop0
E: DEVNAME=/dev/loop0
E: DEVTYPE=disk

P: /devices/x/block/sdd
E: DEVNAME=/dev/sdd
E: DEVTYPE=disk
E: ID_BUS=ata
"""


class Shell:
    """The installer's commands over a runner that starts nothing; ``outputs`` by the first words of a command."""

    def __init__(self, outputs: dict[str, Output] | None = None) -> None:
        self.runner = FakeRunner(outputs or {})
        self.lines = self.runner.calls
        self.commands = Commands(io.StringIO(), runner=self.runner)


def plan(found: Facts | None = None, disk: str = "serial: LUN1", more: str = "") -> Plan:
    return make_plan(found or facts(LUN, *PATHS), answers(disk, more=more), manifest(), OPTIONS)


def find(made: Plan, kind: type[Any]) -> Any:
    return next((action for action in made.actions if isinstance(action, kind)), None)


def test_what_udev_knows() -> None:
    found = multipath.parse_export(EXPORT)
    assert [(raw.path, raw.wwid, raw.bus, raw.member) for raw in found] == [
        ("/dev/sda", WWID, "scsi", False),
        ("/dev/sdb", WWID, "scsi", True),
    ]
    assert found[0].devpath.endswith("/block/sda")
    assert multipath.several_paths(found) == {WWID: ("/dev/sda", "/dev/sdb")}
    assert multipath.several_paths(found[:1]) == {}
    assert multipath.parse_export("") == ()


@pytest.mark.parametrize(
    ("disk", "more", "declared"),
    [
        ("serial: DISK1", "", {}),
        ("serial: DISK1, multipath: required", "", {"w1": ("/dev/sda",)}),
        ("serial: DISK1", "san: {multipath: required}\n", {"w1": ("/dev/sda",)}),
        ("multipath: required", "", {}),
        ("serial: ELSE, multipath: required", "", {}),
        ("serial: DISK1", "guests: {disks: [{serial: D2, multipath: required}]}\n", {"w2": ("/dev/sdb",)}),
        ("serial: DISK1", "guests: {disks: [{serial: D2}]}\nsan: {multipath: required}\n", {"w1": ("/dev/sda",)}),
    ],
)
def test_a_disk_with_one_path_is_declared(disk: str, more: str, declared: dict[str, tuple[str, ...]]) -> None:
    raw = (RawDisk("/dev/sda", "w1"), RawDisk("/dev/sdb", "w2"))
    two = Disk("/dev/sdb", "disk", 50 * GIB, serial="D2")
    assert multipath.declared(raw, facts(DISK, two), answers(disk, more=more)) == declared


def test_a_map_is_not_declared_again() -> None:
    asked = answers("serial: LUN1", more="san: {multipath: required}\n")
    assert multipath.declared((RawDisk("/dev/sda", WWID),), facts(LUN, *PATHS), asked) == {}


def test_maps_are_created_after_volume_groups_are_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipath, "MAPPER", tmp_path)
    shell = Shell({"lsblk": "disk sda\npart sda4\nlvm guests-vm1\ndisk sdb\nlvm guests-vm1\n"})

    shell.runner.acts["multipathd reconfigure"] = (tmp_path / WWID).touch
    multipath.make_maps({WWID: ("/dev/sda", "/dev/sdb")}, shell.commands, lambda fraction, text: None)
    assert [line for line in shell.lines if not line.startswith(("lsblk", "udevadm"))] == [
        "lvchange --activate n /dev/mapper/guests-vm1",
        "multipath -a /dev/sda",
        "multipathd reconfigure",
        "multipath -ll",
    ]
    shell.lines.clear()
    multipath.make_maps({WWID: ("/dev/sda", "/dev/sdb")}, shell.commands, lambda fraction, text: None)
    assert shell.lines == [], "the map is there"


def test_a_missing_map_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipath, "MAPPER", tmp_path)
    monkeypatch.setattr(multipath, "SECONDS_FOR_MAPS", -1.0)
    with pytest.raises(UserError, match=f"the multipath map {WWID} of /dev/sda, /dev/sdb to appear"):
        multipath.make_maps({WWID: ("/dev/sda", "/dev/sdb")}, Shell().commands, lambda fraction, text: None)


def test_the_menu_names_the_map_and_never_the_uuid() -> None:
    assert values(plan().boot_settings)["host_source"] == f"dev:{MAP}-part3"
    assert values(make_plan(facts(), answers(), manifest(), OPTIONS).boot_settings)["host_source"] == f"uuid:{IDENTITY}"


def test_the_overlay_lists_all_maps_and_those_of_the_root() -> None:
    other = Disk("/dev/mapper/3600other", "mpath", 50 * GIB, serial="LUN2", paths=("/dev/sdc",))
    part = find(plan(facts(LUN, *PATHS, other)), actions.WriteHostPart)
    assert (part.maps, part.needed, part.group) == ((WWID, "3600other"), (WWID,), "guests")
    assert part.initrd.name == "initrd.img"
    kinds = [type(action) for action in plan().actions]
    assert kinds.index(actions.WriteHostPart) == len(kinds) - 2 > kinds.index(actions.MakeVolumeGroup)


def test_only_hosts_with_maps_have_an_overlay() -> None:
    part = find(plan(facts(DISK, LUN), "serial: DISK1"), actions.WriteHostPart)
    assert (part.maps, part.needed, part.group) == ((WWID,), (), None)
    assert find(plan(facts(DISK), "serial: DISK1"), actions.WriteHostPart) is None


def test_lvm_keeps_to_named_devices_when_a_guests_disk_is_a_map() -> None:
    more = "guests: {disks: [{serial: LUN1}]}\n"
    part = find(plan(facts(DISK, LUN, *PATHS), "serial: DISK1", more), actions.WriteHostPart)
    assert (part.maps, part.needed, part.group) == ((WWID,), (), "guests")


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("", None),
        ("{queue_seconds: 60}", None),
        ("{queue_seconds: 0}", "no_path_retry fail"),
        ("{queue_seconds: 1}", "no_path_retry 1"),
        ("{queue_seconds: 301}", "no_path_retry 61"),
        ("{forever: true}", "no_path_retry queue"),
    ],
)
def test_what_happens_without_a_path_is_the_answers_choice(asked: str, line: str | None) -> None:
    made = plan(more=f"san: {{all_paths_down: {asked}}}\n" if asked else "")
    policy = find(made, actions.WriteHostPart).policy
    assert line in [text.strip() for text in policy.splitlines()] if line else policy == ""


def test_the_policy_counts_the_checks_of_the_images_configuration() -> None:
    assert f"polling_interval    {build_actions.POLLING_SECONDS}\n" in (SAN / host_initramfs.MULTIPATH_CONF).read_text()


def test_one_path_is_a_warning() -> None:
    alone = replace(LUN, paths=("/dev/sda",))
    assert any("single path" in text for text in plan(facts(alone, PATHS[0])).warnings)
    assert not any("single path" in text for text in plan().warnings)


def test_boot_entries_for_the_disk_and_for_each_path() -> None:
    entries = find(plan(facts(LUN, *PATHS, firmware="uefi")), actions.Finish).entries
    assert [(e.disk, e.label, e.by_path) for e in entries] == [
        (MAP, "dom0kit", False),
        ("/dev/sda", "dom0kit (path 1)", True),
        ("/dev/sdb", "dom0kit (path 2)", True),
    ]
    assert find(plan(), actions.Finish).entries == ()


def test_entries_of_paths_go_with_those_of_an_earlier_installation() -> None:
    listing = (
        "Boot0001* dom0kit\tHD(2)\nBoot0002* dom0kit (path 1)\tPci\nBoot000A* dom0kit (path 12)\nBoot0003* dom0kit (my own)\n"
    )
    assert list(grub.boot_entries(listing, "dom0kit")) == ["0001", "0002", "000A"]


def test_a_paths_table_is_read_again() -> None:
    firmware = FakeFirmware()
    shell = Shell({"efibootmgr": firmware.output})
    entries = find(plan(facts(LUN, *PATHS, firmware="uefi")), actions.Finish).entries
    assert grub.set_boot_entries(finish(*entries), shell.commands) == ""
    made = [line for line in shell.lines if "--create" in line or line.startswith("blockdev")]
    assert [line.split("--label")[0].split()[0:3] for line in made] == [
        ["blockdev", "--flushbufs", "/dev/sdb"],
        ["efibootmgr", "--quiet", "--full-dev-path"],
        ["blockdev", "--flushbufs", "/dev/sda"],
        ["efibootmgr", "--quiet", "--full-dev-path"],
        ["efibootmgr", "--quiet", "--create"],
    ]
    assert f"--disk {MAP} " in made[-1]


def test_partitions_of_a_map_are_kpartxs() -> None:
    shell = Shell()
    partition_devices.forget(MAP, shell.commands)
    partition_devices.show(MAP, shell.commands)
    assert [line for line in shell.lines if "udevadm" not in line] == [
        f"kpartx -d -s -p -part {MAP}",
        f"kpartx -a -u -s -p -part {MAP}",
    ]
    shell.lines.clear()
    partition_devices.forget("/dev/sda", shell.commands)
    partition_devices.show("/dev/sda", shell.commands)
    assert shell.lines == ["partx --delete /dev/sda", "partx --update /dev/sda"]


IMAGE = b"\x28\xb5\x2f\xfd the image's initramfs"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Create a system partition with the image's initramfs, and the image's root as ``image``."""
    (tmp_path / "images/0.1.0").mkdir(parents=True)
    (tmp_path / "images/0.1.0/initrd.img").write_bytes(IMAGE)
    (tmp_path / "state/0.1.0/upper/etc").mkdir(parents=True)
    for name in (host_initramfs.MULTIPATH_CONF, host_initramfs.BINDINGS, host_initramfs.WWIDS):
        (tmp_path / "image" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "image" / name).write_bytes((SAN / name).read_bytes())
    return tmp_path


def write(system: Path, needed: tuple[str, ...] = (WWID,)) -> None:
    initrd = ImageFile("initrd.img", len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    action = actions.WriteHostPart("0.1.0", initrd, (WWID,), needed, policy="overrides {\n}\n")
    writing.write_host_part(action, system, Shell().commands, system / "image")


def test_the_overlay_is_written_logged_and_verified(system: Path) -> None:
    write(system)
    part = host_initramfs.read(system / "images/0.1.0/initrd.img", len(IMAGE))
    assert f"/{WWID}/".encode() in part[host_initramfs.WWIDS].splitlines()
    assert part[host_initramfs.BINDINGS].count(b"\n#") == 6
    upper = system / "state/0.1.0/upper"
    assert part[host_initramfs.POLICY] == (upper / host_initramfs.POLICY).read_bytes() == b"overrides {\n}\n"
    assert (upper / host_initramfs.WWIDS).read_bytes() == part[host_initramfs.WWIDS], "the host knows what its initramfs knows"
    assert (upper / "etc/multipath").stat().st_mode & 0o777 == 0o755
    record = json.loads((system / "state/0.1.0" / host_initramfs.RECORD).read_text())
    data = (system / "images/0.1.0/initrd.img").read_bytes()
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert (record["size"], record["image_size"]) == (len(data), len(IMAGE))


@pytest.mark.parametrize("name", [host_initramfs.MULTIPATH_CONF, host_initramfs.BINDINGS])
def test_without_a_file_of_multipath_the_installation_fails(system: Path, name: str) -> None:
    (system / "image" / name).unlink()
    with pytest.raises(UserError, match="would not find its disk"):
        write(system)
    assert (system / "images/0.1.0/initrd.img").read_bytes() == IMAGE


def test_without_its_wwid_the_installation_fails(system: Path) -> None:
    with pytest.raises(UserError, match="does not name 3600other"):
        write(system, needed=("3600other",))
