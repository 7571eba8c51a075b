"""Facts are read from the output of commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.units import MIB
from installer.hardware import probe
from installer.hardware.disk_contents import parse_wipefs
from installer.hardware.facts_json import facts_from_json
from installer.hardware.lvm_volumes import parse_pvs
from installer.model.hardware import PhysicalVolume, state

GPT = '{"signatures": [{"device":"sda","offset":"0x200","type":"gpt"},{"device":"sda","offset":"0x1fe","type":"PMBR"}]}'
SDA = {
    "name": "sda", "kname": "sda", "path": "/dev/sda", "type": "disk", "size": 1000, "model": "ACME ", "serial": "S1",
    "wwn": None, "tran": "sata", "rota": True, "rm": False, "ro": False, "log-sec": 4096, "pttype": "gpt", "mountpoints": [None],
    "children": [
        {"path": "/dev/sda1", "type": "part", "fstype": "iso9660", "label": "DOM0KIT", "mountpoints": ["/run/dom0kit/medium"]},
        {"path": "/dev/sda2", "type": "part", "fstype": "LVM2_member", "mountpoints": [None], "children": [
            {"path": "/dev/mapper/vg-a", "type": "lvm", "fstype": "ext4", "mountpoints": [None]},
        ]},
    ],
}  # fmt: skip
MAP = {"path": "/dev/mapper/3600", "type": "mpath", "size": 2000, "wwn": "0x600", "mountpoints": [None]}
PATHS = [{"path": f"/dev/sd{letter}", "type": "disk", "size": 2000, "mountpoints": [None], "children": [MAP]} for letter in "bc"]
ROM = {"path": "/dev/sr0", "type": "rom", "size": 5, "mountpoints": [None]}
EMPTY = {"path": "/dev/sdz", "type": "disk", "size": 0, "mountpoints": [None]}


def test_a_disk_with_everything() -> None:
    disk = probe.disk_from(SDA, tuple(kind for kind, _ in parse_wipefs(GPT)))
    assert (disk.model, disk.serial, disk.sector, disk.rotational) == ("ACME", "S1", 4096, True)
    assert disk.contents == (
        "gpt signature",
        "part /dev/sda1 with iso9660 'DOM0KIT'",
        "part /dev/sda2 with LVM2_member",
        "lvm /dev/mapper/vg-a with ext4",
    )
    assert disk.partitions == ("/dev/sda1", "/dev/sda2")
    assert disk.volumes == (("lvm", "/dev/mapper/vg-a"),)
    assert disk.is_medium
    assert state(disk) == "the boot medium"


def test_a_file_system_on_the_whole_disk_is_named_by_its_label() -> None:
    node = {**SDA, "children": [], "pttype": None, "fstype": "ext4", "label": "precious"}
    assert probe.disk_from(node, ("ext4",)).contents == ("ext4 signature (label 'precious')",)
    assert probe.disk_from(node, ("gpt",)).contents == ("gpt signature",)


def test_multipath_is_one_disk() -> None:
    nodes = probe.disk_nodes([SDA, *PATHS, ROM, EMPTY])
    disks = [probe.disk_from(node, paths=paths) for node, paths in nodes]
    assert [disk.path for disk in disks] == ["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/sdz", "/dev/mapper/3600"]
    assert disks[1].map == "/dev/mapper/3600"
    assert disks[4].paths == ("/dev/sdb", "/dev/sdc")
    assert state(disks[1]) == "a path of /dev/mapper/3600"


def test_small_parsers() -> None:
    assert parse_wipefs("") == ()
    assert parse_pvs("") == ()
    rows = {"report": [{"pv": [{"pv_name": "/dev/sda4", "vg_name": "guests"}]}]}
    assert parse_pvs(json.dumps(rows)) == (PhysicalVolume("/dev/sda4", "guests"),)
    assert probe.parse_memory("MemTotal:        1024 kB\n") == MIB
    assert probe.parse_virtualization("flags\t\t: fpu svm sse\n") == "svm"
    assert probe.parse_virtualization("flags\t\t: fpu vmxoff\n") == ""


def test_collect(tmp_path: Path) -> None:
    card = tmp_path / "sys/class/net/eth0"
    (card / "device").mkdir(parents=True)
    (card / "address").write_text("52:54:00:AA:BB:CC\n")
    (card / "carrier").write_text("1\n")
    (tmp_path / "sys/class/net/lo").mkdir()
    (tmp_path / "sys/firmware/efi").mkdir(parents=True)
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 2048 kB\n")

    def output(argv: list[str]) -> str:
        if argv[0] == "lsblk":
            return json.dumps({"blockdevices": [SDA, {**EMPTY, "path": "/dev/loop0", "type": "loop", "size": 9}]})
        return GPT if argv[0] == "wipefs" else ""

    found = probe.collect(root=tmp_path, output=output)
    assert [disk.path for disk in found.disks] == ["/dev/sda"]
    assert [disk.path for disk in probe.collect(root=tmp_path, output=output, loops=True).disks] == ["/dev/sda", "/dev/loop0"]
    assert found.firmware == "uefi"
    assert found.nics[0].mac == "52:54:00:aa:bb:cc"
    assert found.nics[0].carrier is True
    assert len(found.nics) == 1
    assert "the boot medium" in found.render()
    assert json.loads(json.dumps(found.to_json()))["memory"] == 2048 * 1024
    with pytest.raises(UserError, match="no block device"):
        probe.collect(root=tmp_path, output=lambda argv: "")


def test_serial_from_sysfs(tmp_path: Path) -> None:
    (tmp_path / "vda").mkdir()
    (tmp_path / "vda/serial").write_text("FROM-SYSFS\n")
    filled = probe.fill_from_sysfs({"name": "vda", "serial": None, "wwn": "x"}, tmp_path)
    assert (filled["serial"], filled["wwn"]) == ("FROM-SYSFS", "x")


def test_a_map_is_known_by_what_its_paths_say() -> None:
    """device-mapper has no serial number, so answers by serial number would never find a multipath disk."""
    bare = {**MAP, "wwn": None}
    paths = [{**path, "serial": "S9", "wwn": "0x600", "model": "LUN", "tran": "fcoe", "children": [bare]} for path in PATHS]
    *_, (node, _) = probe.disk_nodes(paths)
    disk = probe.disk_from(node)
    assert (disk.serial, disk.wwn, disk.model, disk.transport) == ("S9", "0x600", "LUN", "fc")


def test_links_to_a_map_end_at_its_dm_device(tmp_path: Path) -> None:
    (tmp_path / "dev/disk/by-id").mkdir(parents=True)
    (tmp_path / "dev/disk/by-id/wwn-0x600").symlink_to("/dev/dm-0")
    trees = [{**path, "children": [{**MAP, "kname": "dm-0"}]} for path in PATHS]
    found = probe.collect(root=tmp_path, output=lambda argv: json.dumps({"blockdevices": trees}) if argv[0] == "lsblk" else "")
    assert found.disks[-1].aliases == (str(tmp_path / "dev/disk/by-id/wwn-0x600"),)


def test_a_map_says_which_paths_it_has_and_how_they_are(tmp_path: Path) -> None:
    reply = {
        "maps": [
            {
                "name": "3600",
                "uuid": "3600",
                "vend": "NETAPP",
                "prod": "LUN",
                "hwhandler": "1 alua",
                "path_groups": [
                    {"pri": 50, "dm_st": "active", "paths": [{"dev": "sdb", "dm_st": "active", "chk_st": "ready"}]},
                    {"pri": 10, "dm_st": "enabled", "paths": [{"dev": "sdc", "dm_st": "failed", "chk_st": "faulty"}]},
                ],
            }
        ]
    }
    trees = [{**path, "children": [{**MAP, "kname": "dm-0"}]} for path in PATHS]
    said = {"lsblk": json.dumps({"blockdevices": trees}), "multipathd": json.dumps(reply)}
    found = probe.collect(root=tmp_path, output=lambda argv: said.get(argv[0], ""))
    assert found.disks[0].lun is None
    assert "1 of 2 paths active" in found.disks[-1].describe()
    text = found.render()
    assert "3600: NETAPP LUN, ALUA" in text
    assert next(line.split() for line in text.splitlines() if " sdc " in line)[:5] == ["2", "10", "enabled", "sdc", "faulty"]
    assert facts_from_json(json.loads(json.dumps(found.to_json()))) == found


def test_members_of_arrays() -> None:
    """An array that did not start has no level: lsblk calls it md or linear."""
    array = {"path": "/dev/md127", "type": "raid1", "fstype": "ext4", "mountpoints": [None]}
    stopped = {"path": "/dev/md126", "type": "linear", "mountpoints": [None]}
    parts = [
        {"path": "/dev/sda3", "type": "part", "fstype": "linux_raid_member", "label": "any:x", "children": [array]},
        {"path": "/dev/sda4", "type": "part", "fstype": "linux_raid_member", "children": [stopped]},
    ]
    disk = probe.disk_from({**SDA, "children": parts})
    assert disk.arrays == ("/dev/md127", "/dev/md126")
    assert "part /dev/sda3 with linux_raid_member 'any:x'" in disk.contents
    assert "raid1 /dev/md127 with ext4" in disk.contents
    assert probe.disk_from(SDA).arrays == ()


def test_how_disks_are_attached() -> None:
    assert probe.transport({"path": "/dev/sda", "tran": None}) == "scsi", "lsblk has no word for virtio-scsi"
    assert probe.transport({"path": "/dev/sda", "tran": "sata"}) == "sata"
    assert probe.transport({"path": "/dev/xvda", "tran": None}) == ""


def test_slot_of_a_card_is_the_last_pci_address_on_the_way(tmp_path: Path) -> None:
    virtio = tmp_path / "sys/devices/pci0000:00/0000:00:1c.0/0000:03:00.1/virtio3"
    card = tmp_path / "sys/class/net/eth0"
    virtio.mkdir(parents=True)
    card.mkdir(parents=True)
    (card / "device").symlink_to(virtio)
    (card / "address").write_text("52:54:00:AA:BB:CC\n")
    (nic,) = probe.read_nics(tmp_path / "sys/class/net")
    assert nic.slot == "0000:03:00.1"
    assert nic.carrier is None


@pytest.mark.parametrize(
    ("files", "mac", "permanent"),
    [
        ({"address": "52:54:00:AA:BB:CC", "addr_assign_type": "0"}, "52:54:00:aa:bb:cc", True),
        ({"address": "52:54:00:aa:bb:cc"}, "52:54:00:aa:bb:cc", True),
        ({"address": "5a:01:02:03:04:05", "addr_assign_type": "1"}, "5a:01:02:03:04:05", False),
        ({"address": "00:00:00:00:00:00", "addr_assign_type": "0"}, "00:00:00:00:00:00", False),
        ({"address": "", "addr_assign_type": "0"}, "", False),
        # A member of a bond has the bond's address; its own is kept aside.
        (
            {"address": "52:54:00:00:00:01", "addr_assign_type": "3", "bonding_slave/perm_hwaddr": "52:54:00:00:00:02"},
            "52:54:00:00:00:02",
            True,
        ),
    ],
)
def test_addresses_of_cards(files: dict[str, str], mac: str, permanent: bool, tmp_path: Path) -> None:
    for name, text in {**files, "device/x": ""}.items():
        path = tmp_path / "sys/class/net/eth0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (nic,) = probe.read_nics(tmp_path / "sys/class/net")
    assert (nic.mac, nic.permanent) == (mac, permanent)


def test_processors() -> None:
    assert probe.parse_cpus("processor\t: 0\nmodel name\t: x\nprocessor\t: 1\n") == 2


@pytest.mark.parametrize(
    ("active", "firmware", "console"),
    [
        ("tty0 ttyS0", "", "com1"),
        ("ttyS1 tty0", "", "com2"),
        ("tty0 ttyS0", "ttyS1\n", "com2"),
        ("tty0 ttyS0 ttyS1", "", ""),
        ("tty0 hvc0", "", ""),
        ("tty0 ttyS4", "", ""),
        ("", "", ""),
    ],
)
def test_m4_the_serial_port_of_the_console(tmp_path: Path, active: str, firmware: str, console: str) -> None:
    folder = tmp_path / "sys/class/tty/console"
    folder.mkdir(parents=True)
    (folder / "active").write_text(f"{active}\n")
    assert probe.read_console(tmp_path, lambda argv: firmware) == console
