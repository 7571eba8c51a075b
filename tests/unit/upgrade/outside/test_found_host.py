"""Hosts on the disks: which is meant, and what prevents a task."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import pytest
from installer_samples import DISK, facts, manifest_text

from answerfiles.model import DiskSelector, HostDisks, HostTask
from dom0kit.errors import UserError
from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from installer.model.disk_content import Content
from installer.model.image_manifest import parse_manifest
from installer.model.installation import Installation
from upgrade.outside.found_host import Details, FoundHost, FoundImage, choose, group, md_uuid, obstacle
from upgrade.outside.read_host import find_hosts, free_bytes, unhealthy, was_ok

SYSTEM = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"
ARRAY = "b2a81ee2-7f6f-4b5a-8f3d-2c6a5d3f0001"
OLD, NEW = "0.1.0-abababab", "0.2.0-cdcdcdcd"
SECOND = dataclasses.replace(DISK, path="/dev/sdb", serial="DISK2", wwn="")
FOUND = Installation(DISK.path, ("xen1",), firmware="bios", image=OLD, system=SYSTEM, installed="2026-01-01")
CHOICE = Choice(uuid.UUID(SYSTEM), 1, OLD)
HOST = FoundHost(
    SYSTEM,
    (DISK,),
    names=("xen1.example", "xen2.example"),
    firmware="bios",
    details=Details((FoundImage(OLD, parse_manifest(manifest_text()), installed=True),), CHOICE, unhealthy=()),
)


def task(**values: Any) -> HostTask:
    return HostTask.model_validate({"version": 1, "mode": "upgrade", **values})


def code_of(error: UserError | None) -> str:
    assert error is not None
    return error.message.partition("[")[2].partition("]")[0]


def with_details(**changes: Any) -> FoundHost:
    return dataclasses.replace(HOST, details=dataclasses.replace(HOST.details, **changes))


def member(disk: Any, array: str = ARRAY) -> Any:
    return dataclasses.replace(disk, found=(Content(f"{disk.path}3", "linux_raid_member", array),))


def test_a_mirror_is_one_host_and_a_copy_is_another() -> None:
    both = (FOUND, dataclasses.replace(FOUND, disk="/dev/sdb"))
    mirror = facts(member(DISK), member(SECOND), installations=both)
    (host,) = group(mirror)
    assert (host.paths(), host.array, host.system) == ("/dev/sda and /dev/sdb", ARRAY, SYSTEM)
    copy = facts(DISK, SECOND, installations=both)
    assert [found.paths() for found in group(copy)] == ["/dev/sda", "/dev/sdb"]
    assert md_uuid(ARRAY) == "b2a81ee2:7f6f4b5a:8f3d2c6a:5d3f0001"


def test_several_images_of_one_host_are_one_host_with_its_name_now() -> None:
    renamed = dataclasses.replace(FOUND, names=("xen1", "xen9"), image=NEW, installed="2026-02-01", firmware="uefi")
    (host,) = group(facts(installations=(FOUND, renamed)))
    assert (host.name, host.firmware) == ("xen9", "uefi")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"host_name": "xen1.example"},
        {"host_name": "xen2.example", "system": SYSTEM},
        {"target": HostDisks(disk=DiskSelector(serial="DISK1"))},
        {"target": HostDisks(mirror=(DiskSelector(serial="gone"), DiskSelector(serial="DISK1")))},
    ],
)
def test_a_host_that_is_meant(values: dict[str, Any]) -> None:
    other = dataclasses.replace(HOST, system=str(uuid.UUID(int=1)), names=("xen7",), disks=(SECOND,))
    assert choose([HOST, other] if values else [HOST], task(**values)) == HOST


@pytest.mark.parametrize(
    "values",
    [
        {"host_name": "xen3.example"},
        {"system": str(uuid.UUID(int=7))},
        {"target": HostDisks(disk=DiskSelector(serial="DISK2"))},
        {"host_name": "xen1.example", "target": HostDisks(disk=DiskSelector(path="/dev/sdx"))},
    ],
)
def test_a_host_that_is_not_there(values: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"\[host-not-found\]") as caught:
        choose([HOST], task(**values))
    assert "xen2.example (0.1.0-abababab) on /dev/sda" in caught.value.message


def test_several_hosts_and_none_chosen() -> None:
    with pytest.raises(UserError, match=r"\[host-ambiguous\]"):
        choose([HOST, dataclasses.replace(HOST, disks=(SECOND,))], task(host_name="xen1.example"))
    with pytest.raises(UserError, match=r"no host is on the disks \[host-not-found\]"):
        choose([], task())


def test_a_host_without_obstacles() -> None:
    assert obstacle(HOST, "bios") is None


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (dataclasses.replace(HOST, firmware="uefi"), "host-other-firmware"),
        (dataclasses.replace(HOST, disks=(dataclasses.replace(DISK, mounts=("/srv",)),)), "host-in-use"),
        (dataclasses.replace(HOST, disks=(dataclasses.replace(DISK, mounts=("/run/dom0kit/medium",)),)), "host-in-use"),
        (with_details(images=()), "host-damaged"),
        (with_details(choice=dataclasses.replace(CHOICE, image=NEW)), "host-damaged"),
        (with_details(images=(FoundImage(OLD, None, installed=True),)), "host-damaged"),
        (with_details(images=(FoundImage(OLD, parse_manifest(manifest_text())),)), "host-damaged"),
        (
            with_details(choice=None, images=(FoundImage("0.1.0", parse_manifest(manifest_text()), installed=True),)),
            "host-old-layout",
        ),
    ],
)
def test_what_prevents_a_task(host: FoundHost, code: str) -> None:
    error = obstacle(host, "bios")
    assert code_of(error) == code
    assert error is not None
    assert error.hint


def test_a_lost_choice_leaves_the_only_image() -> None:
    host = with_details(choice=None)
    assert host.confirmed is not None
    assert obstacle(host, "bios") is None
    two = with_details(choice=None, images=(*HOST.details.images, dataclasses.replace(HOST.details.images[0], name=NEW)))
    assert two.confirmed is None


def test_a_try_that_ended_without_a_word_has_failed() -> None:
    tried = dataclasses.replace(CHOICE, trial=NEW)
    assert NEW in with_details(choice=tried).failed
    assert with_details(choice=dataclasses.replace(tried, left=1)).failed == {}
    assert with_details(choice=tried, failed={NEW: "it hung"}).failed == {NEW: "it hung"}
    assert "to be tried at its next start" in with_details(choice=dataclasses.replace(tried, left=1)).describe_health()


def test_health_is_said() -> None:
    assert HOST.describe_health() == "healthy"
    assert with_details(unhealthy=("ssh: no answer",)).describe_health() == "unhealthy: ssh: no answer"
    assert with_details(unhealthy=None).describe_health() == "it has not checked itself yet"


REPORT = json.dumps(
    {"checks": [{"name": "reach", "required": True, "state": "failed", "text": "no gateway"}, {"name": "xen"}, 7]}
)


def test_what_a_disk_says() -> None:
    text = json.loads(manifest_text())
    answered = {
        ("partx", ""): "2048 bios_grub\n4096 ESP\n528384 dom0kit-system\n",
        ("debugfs", "ls -p /images"): f"/13/040755/0/0/{OLD}//\n/14/040755/0/0/.new-x//\n/2/040755/0/0/..//\n",
        ("debugfs", f'cat "/images/{OLD}/manifest.json"'): json.dumps(text),
        ("debugfs", f'cat "/state/{OLD}/installed.json"'): "{}",
        ("debugfs", f'cat "/state/{OLD}/health.json"'): REPORT,
        ("debugfs", 'cat "/state/common/failed.json"'): json.dumps({NEW: {"reason": "it hung"}, "x": 1}),
        ("debugfs", "show_super_stats -h"): "Reserved block count:     10\nFree blocks:   110\nBlock size:               4096\n",
        ("mtype", ""): boot_choice.to_bytes(CHOICE).decode(),
    }
    seen = []

    def ask(argv: list[str]) -> str:
        seen.append(argv)
        return answered.get((argv[0], argv[3] if argv[0] == "debugfs" else ""), "")

    (host,) = find_hosts(facts(installations=(FOUND,)), ask)
    assert [image.name for image in host.details.images] == [OLD]
    assert host.confirmed is not None
    assert host.confirmed.installed
    assert host.details.choice == CHOICE
    assert host.details.failed == {NEW: "it hung"}
    assert host.details.unhealthy == ("reach: no gateway",)
    assert host.details.free == 100 * 4096
    assert ["mtype", "-i", "/dev/sda@@2097152", "::/EFI/dom0kit/env"] in seen
    assert all(argv[1] == "-c" for argv in seen if argv[0] == "debugfs"), "nothing is written"


def test_a_choice_for_another_system_is_none() -> None:
    other = boot_choice.to_bytes(dataclasses.replace(CHOICE, system=uuid.UUID(int=5))).decode()
    (host,) = find_hosts(facts(installations=(FOUND,)), lambda argv: {"partx": "4096 ESP\n", "mtype": other}.get(argv[0], ""))
    assert host.details == Details()


def test_damaged_reports_are_none() -> None:
    assert unhealthy("{") is None
    assert unhealthy('{"checks": []}') == ()
    assert free_bytes("Free blocks: 7") == 0
    assert was_ok("", "reach")
    assert not was_ok(REPORT, "reach")
