"""Disks as they are in the wild: copies, twins, disks that fail or are in use; none of them is lost, and each is named."""

from __future__ import annotations

from dom0kit.units import GIB, MIB, SECTOR
from installer.model.partition_layout import ESP_SIZE, HEAD
from qa.checks.host_checks import need
from qa.checks.live_installer import LABEL, live_installer
from qa.install.answers import DISK_SERIAL, VOLUME_GROUP, Values
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive

OTHER = "DISK2"
SMALL = 16 * GIB
TARGET = {"disk": {"serial": DISK_SERIAL}, "wipe": True}
DIRECT = "iflag=direct oflag=direct conv=notrunc"


def disk(scenario: Scenario, serial: str, size: int = SMALL) -> Drive:
    """Make a blank disk with this serial number."""
    return Drive(media.blank_disk(scenario.work / f"{serial}.img", size), serial=serial)


@scenario("serial-twins", firmware="bios", minutes=4, tags={"install", "disks", "refusal"})
def test_serial_twins(scenario: Scenario) -> None:
    """Two SCSI disks with one serial number and no WWN: no multipath map is made of them, and each is chosen by its path."""
    twins = [Drive(media.blank_disk(scenario.work / f"{name}.img", SMALL), "scsi", serial="TWIN") for name in ("one", "two")]
    cases: dict[str, Values] = {
        "by-serial": {"target": {"disk": {"serial": "TWIN"}}},
        "by-path": {"target": {"disk": {"path": "/dev/sda"}}},
        "both": {"target": {"mirror": [{"path": "/dev/sda"}, {"path": "/dev/sdb"}]}},
    }
    with live_installer(scenario, tuple(twins), cases) as live:
        live.refused("by-serial", "disk-ambiguous", "/dev/sda", "/dev/sdb")
        need("/dev/sda" in live.plan("by-path"), "the plan does not name the disk")
        live.refused("both", "disk-duplicate")
        maps = live.console.succeed("multipath -ll; dmsetup ls 2>/dev/null; true")
        need("TWIN" not in maps and "mpath" not in maps, f"the twins are a map: {maps}")


@scenario("clone-of-target", firmware="bios", minutes=6, tags={"install", "disks"})
def test_clone_of_target(scenario: Scenario) -> None:
    """A byte by byte copy of the target stays in the machine: it is named, keeps its data, and its group's name is not reused."""
    prepare = f"""
sgdisk --new=1:0:+100M --new=2:0:+200M /dev/vda
partx --update /dev/vda
mkfs.ext4 -q -L precious /dev/vda1
vgcreate --yes {VOLUME_GROUP} /dev/vda2
vgchange --activate n {VOLUME_GROUP}
sync
dd if=/dev/vda of=/dev/vdb bs=1M count=310 {DIRECT}
partx --update /dev/vdb
"""
    cases: dict[str, Values] = {
        "same-name": {"target": TARGET},
        "other-name": {"target": TARGET, "guests": {"volume_group": "others"}},
    }
    with live_installer(scenario, (disk(scenario, DISK_SERIAL), disk(scenario, OTHER)), cases, prepare) as live:
        before = live.digest("/dev/vdb", 400)
        live.refused("same-name", "volume-group-exists", "/dev/vdb2")
        plan = " ".join(live.plan("other-name").split())
        for text in ("the same disk GUID", "the same ext4 UUID"):
            need(text in plan, f"the plan does not say {text!r}: {plan}")
        live.run("other-name").ok()
        need(live.digest("/dev/vdb", 400) == before, "the installation wrote to the copy")
        groups = live.console.succeed("vgs --noheadings -o vg_name,pv_name --separator :").split()
        need(sorted(groups) == [f"{VOLUME_GROUP}:/dev/vdb2", "others:/dev/vda4"], f"the volume groups are {groups}")
        live.console.succeed("e2fsck -f -n /dev/vdb1")


@scenario("two-old-hosts-to-mirror", firmware="bios", minutes=6, tags={"install", "disks"})
def test_two_old_hosts_to_mirror(scenario: Scenario) -> None:
    """The disks of two hosts, whose volume groups have one name, become a mirror; of one of them alone the name is refused."""
    prepare = "\n".join(
        f"vgcreate --yes --devices /dev/{name} {VOLUME_GROUP} /dev/{name}\n"
        f"lvcreate --yes --devices /dev/{name} --activate n -Zn -L 100M -n {name} {VOLUME_GROUP}"
        for name in ("vda", "vdb")
    )
    both = [{"serial": DISK_SERIAL}, {"serial": OTHER}]
    cases: dict[str, Values] = {
        "one": {"target": TARGET},
        "mirror": {"target": {"mirror": both, "wipe": True}},
    }
    with live_installer(scenario, (disk(scenario, DISK_SERIAL), disk(scenario, OTHER)), cases, prepare) as live:
        text = live.refused("one", "volume-group-exists", "/dev/vdb")
        need("incomplete" not in text, f"a whole group is called incomplete: {text}")
        live.run("mirror").ok()
        groups = live.console.succeed("vgs --noheadings -o vg_name,pv_count").split()
        need(groups == [VOLUME_GROUP, "1"], f"the volume groups are {groups}")
        arrays = live.console.succeed("cat /proc/mdstat")
        need(arrays.count("raid1") == 2, f"there are not two mirrors: {arrays}")


@scenario("lv-held-open", firmware="bios", minutes=4, tags={"install", "disks", "refusal"})
def test_lv_held_open(scenario: Scenario) -> None:
    """A logical volume on the target that a program has open: volume and program are named, and nothing is changed."""
    prepare = """
sgdisk --new=1:0:+300M /dev/vda
partx --update /dev/vda
vgcreate --yes precious /dev/vda1
lvcreate --yes -L 100M -n data precious
mkfs.ext4 -q /dev/precious/data
sync
setsid sh -c 'exec sleep 86400 <"$(readlink -f /dev/precious/data)"' >/dev/null 2>&1 &
"""
    with live_installer(scenario, (disk(scenario, DISK_SERIAL),), {"held": {"target": TARGET}}, prepare) as live:
        before = live.digest("/dev/vda", 400)
        live.refused("held", "disk-in-use", "held open by process", "(sleep)", "nothing was changed", plan_only=False)
        need(live.digest("/dev/vda", 400) == before, "the disk was written to")
        live.console.succeed("e2fsck -f -n /dev/precious/data", "lsblk -n -o NAME /dev/vda | grep -q precious-data")


@scenario("disk-unreadable-beside-target", firmware="bios", minutes=4, tags={"install", "disks", "refusal"})
def test_disk_unreadable_beside_target(scenario: Scenario) -> None:
    """A disk whose beginning cannot be read is refused as a target, even with ``wipe``; next to the target it does not matter."""
    good = disk(scenario, DISK_SERIAL)
    faults = media.failing(scenario.work / "faults", "read", [0])
    bad = Drive(media.blank_disk(scenario.work / "bad.img", SMALL), serial=OTHER, faults=faults)
    cases: dict[str, Values] = {
        "good": {"target": TARGET},
        "bad": {"target": {"disk": {"serial": OTHER}, "wipe": True}},
    }
    with live_installer(scenario, (good, bad), cases) as live:
        live.refused("bad", "disk-unreadable", "/dev/vdb", "cannot be read", "Input/output error")
        need("/dev/vda" in live.plan("good"), "the plan does not name the good disk")


@scenario("disk-dies-during-copy", firmware="bios", minutes=5, tags={"install", "disks"})
def test_disk_dies_during_copy(scenario: Scenario) -> None:
    """A disk that fails while the image is copied to it: the error names the disk and what to do; it is no bug."""
    start = HEAD + MIB + ESP_SIZE
    # Between the metadata of ext4, which lies at multiples of 128 MiB: it is the copy that fails.
    places = range(start + 69 * MIB, start + 4 * GIB, 8 * MIB)
    faults = media.failing(scenario.work / "faults", "write", (place // SECTOR for place in places))
    dying = Drive(media.blank_disk(scenario.work / "dying.img", SMALL), serial=DISK_SERIAL, faults=faults)
    with live_installer(scenario, (dying,), {"dying": {"target": TARGET}}) as live:
        text = live.refused("dying", "device-failed", "copy the image failed: the disk /dev/vda", DISK_SERIAL, plan_only=False)
        need("bug in dom0kit" not in text and "Traceback" not in text, f"a dying disk is called a bug: {text}")
        need("replace the disk" in text.lower(), f"the error does not say what to do: {text}")
        live.console.succeed("! findmnt -n -o SOURCE | grep /dev/vda")


@scenario("answers-stick-is-not-a-target", firmware="bios", minutes=4, tags={"install", "disks", "refusal"})
def test_answers_stick_is_not_a_target(scenario: Scenario) -> None:
    """The volume with the answers is large enough for a rule by size: it is no candidate, and refused when it is named."""
    cases: dict[str, Values] = {
        "by-size": {"target": {"disk": {"size": {"at_least": "8 GB"}}, "wipe": True}},
        "by-serial": {"target": {"disk": {"serial": LABEL}, "wipe": True}},
    }
    with live_installer(scenario, (disk(scenario, DISK_SERIAL),), cases, volume=SMALL) as live:
        before = live.digest("/dev/vdb", 8)
        need("/dev/vda" in live.plan("by-size"), "the rule by size does not choose the only other disk")
        live.refused("by-serial", "disk-used-by-installation", "/dev/vdb", "the answers")
        need(live.digest("/dev/vdb", 8) == before, "the volume with the answers was written to")
