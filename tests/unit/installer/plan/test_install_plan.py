"""The plan says everything that is wrong, or everything that will happen."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest
from installer_samples import DISK, HASH, IDENTITY, NIC, OPTIONS, answers, facts, manifest, manifest_text

from dom0kit.errors import UserError
from dom0kit.linux import boot_choice
from dom0kit.units import GIB, MIB
from installer.model import actions
from installer.model.hardware import Disk, Facts, Nic, PhysicalVolume
from installer.model.image_manifest import parse_manifest
from installer.plan.plan import Plan, PlanError, make_plan


def plan(found: Facts | None = None, **asked: Any) -> Plan:
    return make_plan(found or facts(), answers(**asked), manifest(), OPTIONS)


def problems(found: Facts, **asked: Any) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        plan(found, **asked)
    return caught.value.problems


def test_order_of_actions() -> None:
    kinds = [type(action) for action in plan().actions]
    assert kinds[0] is actions.Stage
    assert kinds[1] is actions.Wipe
    assert kinds[-1] is actions.Finish
    assert kinds.index(actions.InstallBootLoaders) < kinds.index(actions.CopyImage)
    without = plan(more="guests: none\n")
    assert actions.MakeVolumeGroup not in [type(action) for action in without.actions]
    assert len(without.partitions) == 3


def finish_of(made: Plan) -> actions.Finish:
    finish = made.actions[-1]
    assert isinstance(finish, actions.Finish)
    return finish


def settings_of(made: Plan) -> dict[str, str]:
    return boot_choice.values(made.boot_settings)


def test_the_images_entry_names_its_own_folders_and_takes_the_rest_from_the_hosts_menu() -> None:
    entry = finish_of(plan()).entry
    name = manifest().name
    args = f"boot=dom0kit dom0kit.image=$host_source:/images/{name} $host_root dom0kit.state=/state/{name}"
    assert f"module2 ($root)/images/{name}/vmlinuz {args} dom0kit.mode=host $try cryptomgr.notests $host_dom0_console" in entry
    assert f"multiboot2 ($root)/images/{name}/xen.gz $host_xen ucode=scan;" in entry
    assert f"module2 --nounzip ($root)/images/{name}/initrd.img;" in entry
    assert f'if [ "$host_trial" = {name} ]; then set try="dom0kit.try={name}"' in entry
    assert "dom0kit.mode=rescue cryptomgr.notests $host_rescue_console" in entry


def test_every_variable_of_the_entry_is_set_by_the_hosts_menu() -> None:
    finish = finish_of(plan())
    used = set(re.findall(r"\$(host_\w+)", finish.entry))
    assert used
    assert used <= set(re.findall(r"\bset (host_\w+)=", finish.menu)) | set(re.findall(r"--set=(host_\w+)", finish.menu))


def test_the_hosts_settings() -> None:
    assert settings_of(plan()) == {
        "host_source": f"uuid:{IDENTITY}",
        "host_memory": "1024",
        "host_cpus": "",
        "host_port": "com1",
        "host_speed": "115200",
        "host_mirror": "no",
    }
    assert settings_of(make_plan(facts(), answers(), manifest(dom0_memory_mib=2048), OPTIONS))["host_memory"] == "2048"


def test_the_installed_image_is_the_confirmed_one_and_none_is_tried() -> None:
    finish = finish_of(plan())
    assert boot_choice.parse(finish.choice) == boot_choice.Choice(IDENTITY, 1, manifest().name)
    assert finish.esps == ("/dev/sda2",)


def test_unfinished_menu_boots_nothing() -> None:
    action = next(a for a in plan().actions if isinstance(a, actions.InstallBootLoaders))
    assert "did not finish" in action.unfinished_menu
    assert "vmlinuz" not in action.unfinished_menu
    assert "if" not in action.early_config.split()


def test_secrets() -> None:
    made = plan()
    assert HASH not in repr(made)
    assert HASH not in made.render()
    assert HASH not in json.dumps(made.to_json())
    state = next(a for a in made.actions if isinstance(a, actions.WriteState))
    assert json.loads(state.host_json)["root"]["password_hash"] == HASH
    assert HASH not in repr(state)


def test_card_is_written_into_the_answers() -> None:
    state = next(a for a in plan().actions if isinstance(a, actions.WriteState))
    assert json.loads(state.host_json)["network"]["management"]["mac"] == NIC.mac


def test_no_disk_and_too_many_cards_at_once() -> None:
    other = Disk("/dev/sdb", "disk", 50 * GIB)
    found = facts(DISK, other, nics=(NIC, Nic("eth1", "52:54:00:00:00:02", "e1000e", False)))
    card, disk = problems(found, disk="serial: NOPE")
    assert "needs mac, nic or bond, because there are 2 network cards" in card
    assert "52:54:00:00:00:02 (eth1, e1000e, no link)" in card
    assert "no disk matches target.disk (serial: NOPE)" in disk
    assert "/dev/sda, 100.0 GiB, ACME, serial DISK1, 0x5000c500a1b2c3d4: its serial is DISK1" in disk
    assert "/dev/sdb, 50.0 GiB: it has no serial" in disk


def test_two_disks_match() -> None:
    twin = dataclasses.replace(DISK, path="/dev/sdb")
    (only,) = problems(facts(DISK, twin))
    assert only.startswith("2 disks match")
    assert only.count(": matches") == 2


@pytest.mark.parametrize(
    "selector", ["path: /dev/disk/by-id/x", "path: /dev/sda", "wwn: 5000C500A1B2C3D4", "wwn: naa.5000c500a1b2c3d4"]
)
def test_other_selectors(selector: str) -> None:
    disk = dataclasses.replace(DISK, aliases=("/dev/disk/by-id/x",))
    assert plan(facts(disk), disk=selector).disk == disk


def test_paths_of_a_map() -> None:
    raw = dataclasses.replace(DISK, map="/dev/mapper/3600")
    mapped = Disk("/dev/mapper/3600", "mpath", 100 * GIB, serial="MAP", paths=("/dev/sda",))
    (only,) = problems(facts(raw, mapped))
    assert "disk-is-path" in only
    assert plan(facts(raw, mapped), disk="serial: MAP").disk == mapped


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"contents": ("gpt signature",)}, "gpt signature); set `target.wipe: true` to erase it [disk-not-empty]"),
        ({"volumes": (("lvm", "/dev/mapper/a"),)}, "is not empty (/dev/mapper/a)"),
        ({"mounts": ("/run/dom0kit/medium",)}, "it is the boot medium"),
        ({"mounts": ("[SWAP]",)}, "is mounted on [SWAP] [disk-in-use]"),
        ({"read_only": True}, "[disk-read-only]"),
        ({"size": 7 * GIB}, "at least 7.3 GiB are required [disk-too-small]"),
        ({"sector": 4096}, "[disk-sectors-unbootable]"),
    ],
)
def test_unsuitable_disks_are_rejected(changes: dict[str, Any], expected: str) -> None:
    (only,) = problems(facts(dataclasses.replace(DISK, **changes)))
    assert expected in only


def test_wipe_takes_everything_apart() -> None:
    disk = dataclasses.replace(
        DISK, contents=("gpt signature",), partitions=("/dev/sda4",), volumes=(("raid1", "/dev/md0"), ("lvm", "/dev/mapper/a"))
    )
    volumes = (PhysicalVolume("/dev/sda4", "guests"), PhysicalVolume("/dev/md0", "old"), PhysicalVolume("/dev/sdb", "other"))
    wipe = plan(facts(disk, physical_volumes=volumes), wipe=True).actions[1]
    assert isinstance(wipe, actions.Wipe)
    assert wipe.volume_groups == ("guests", "old")
    assert wipe.arrays == ("/dev/md0",)
    assert wipe.disks[0].partitions == ("/dev/sda4",)


def test_volume_groups_elsewhere() -> None:
    (only,) = problems(facts(physical_volumes=(PhysicalVolume("/dev/sdb", "guests"),)))
    assert "guests already exists on /dev/sdb" in only
    disk = dataclasses.replace(DISK, partitions=("/dev/sda4",))
    spread = (PhysicalVolume("/dev/sda4", "guests"), PhysicalVolume("/dev/sdb", "guests"))
    (only,) = problems(facts(disk, physical_volumes=spread), wipe=True)
    assert "[volume-group-spans-other-disks]" in only


def test_4k_disk_on_uefi_has_no_bios_loader() -> None:
    made = plan(facts(dataclasses.replace(DISK, sector=4096), firmware="uefi"))
    loaders = next(a for a in made.actions if isinstance(a, actions.InstallBootLoaders))
    assert loaders.targets[0].core_start is None
    finish = made.actions[-1]
    assert isinstance(finish, actions.Finish)
    assert [entry.label for entry in finish.entries] == ["dom0kit"]
    normal = next(a for a in plan().actions if isinstance(a, actions.InstallBootLoaders))
    assert normal.targets[0].core_start == MIB


def test_warnings_and_images_that_do_not_fit() -> None:
    weak = plan(facts(memory=GIB, virtualization=""))
    assert len(weak.warnings) == 2
    assert plan(facts(virtualization=None)).warnings == ()
    assert plan(facts(memory=GIB, under_xen=True)).warnings == (), "under Xen only dom0's share can be seen"
    huge = {n: {"sha256": "0" * 64, "size": 2 * GIB} for n in ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")}
    with pytest.raises(PlanError, match="two images"):
        make_plan(facts(), answers(), manifest(files=huge), OPTIONS)


def test_names_that_the_image_lacks() -> None:
    small = {"zones": ["UTC"], "old_zones": {}, "layouts": {"us": ["intl"]}}
    make_plan(facts(), answers(), manifest(names=small), OPTIONS)
    with pytest.raises(PlanError) as caught:
        make_plan(facts(), answers(more="keyboard: de\ntime: {zone: Europe/Berlin}\n"), manifest(names=small), OPTIONS)
    said = " ".join(caught.value.problems)
    assert "name-not-in-image" in said
    assert "no time zone Europe/Berlin" in said
    assert "no key map de" in said


def test_dom0_memory_that_exceeds_the_machine() -> None:
    (only,) = problems(facts(), more="dom0: {memory: 16 GiB}\n")
    assert only == "dom0.memory is 16.0 GiB, this machine has 8.0 GiB [dom0-memory-too-large]"
    assert plan(facts(under_xen=True), more="dom0: {memory: 16 GiB}\n").warnings == ()
    (warning,) = plan(facts(cpus=2), more="dom0: {cpus: 4}\n").warnings
    assert warning == "dom0.cpus is 4, this machine has 2; dom0 will have 2"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", manifest_text(format=2), manifest_text(version="../x"), manifest_text(files={}), '{"format": 1}']
)
def test_bad_manifests(text: str) -> None:
    with pytest.raises(UserError):
        parse_manifest(text)


@pytest.mark.parametrize(
    ("console", "serial", "unit"),
    [
        ("com2", "", 1),
        ("com2", "serial_console: {speed: 9600}\n", 1),
        ("com2", "serial_console: {port: com1}\n", 0),
        ("com1", "serial_console: {port: com2}\n", 1),
        ("", "", 0),
        ("com2", "serial_console: none\n", None),
    ],
)
def test_m4_the_hosts_console_is_on_the_port_of_the_installers(console: str, serial: str, unit: int | None) -> None:
    """A machine that has only COM2 would start in silence with the port that machines usually have."""
    plan = make_plan(dataclasses.replace(facts(DISK), console=console), answers(more=serial), manifest(), OPTIONS)
    assert settings_of(plan)["host_port"] == ("" if unit is None else f"com{unit + 1}")
    if unit is not None:
        assert f'"port": "com{unit + 1}"' in str(plan)


@pytest.mark.parametrize(
    ("serial", "port", "speed", "grub"),
    [
        ("", "com1", "115200", "serial --unit=0 --speed=115200"),
        ("serial_console: {port: com2, speed: 9600}\n", "com2", "9600", "serial --unit=1 --speed=9600"),
        ("serial_console: none\n", "", "", ""),
    ],
)
def test_serial_line_in_all_menus(serial: str, port: str, speed: str, grub: str) -> None:
    made = plan(more=serial)
    loaders = next(a for a in made.actions if isinstance(a, actions.InstallBootLoaders))
    settings = settings_of(made)
    assert (settings["host_port"], settings["host_speed"]) == (port, speed)
    assert ("serial" in loaders.unfinished_menu) == bool(grub)
    assert grub in loaders.unfinished_menu
    assert finish_of(made).settings == made.boot_settings


def test_share_of_dom0_in_the_menu() -> None:
    settings = settings_of(plan(more="dom0: {memory: 2 GiB, cpus: 2}\n"))
    assert (settings["host_memory"], settings["host_cpus"]) == ("2048", "2")
