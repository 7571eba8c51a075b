"""A finished installation of this host is kept, unless it was ordered to be replaced."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from installer_samples import DISK, NIC, OPTIONS, answers, facts, manifest

from answerfiles.reader import parse_answers
from installer.hardware.installations import parse_installation, read_installations, system_places
from installer.model.actions import Finish
from installer.model.installation import Installation
from installer.plan.own_installation import is_ordered, is_own
from installer.plan.plan import OwnInstallation, Plan, PlanError, make_plan

MACHINE = "4c4c4544-0042-3110-8052-b4c04f4d3432"
OTHER = "4c4c4544-0042-3110-8052-b4c04f4d3433"
FOUND = Installation(disk=DISK.path, names=("xen1",), machine=MACHINE, version="0.1.0", installed="2026-01-01T00:00:00Z")
EARLIER, LATER = "20260101T000000.000Z", "20260102T000000.000Z"


def plan(found: Installation = FOUND, more: str = "", *, machine: str = MACHINE, wipe: bool = True, **options: Any) -> Plan:
    disk = dataclasses.replace(DISK, contents=("gpt signature", "part /dev/sda3 with ext4 'dom0kit-system'"))
    there = facts(disk, machine_uuid=machine, installations=(found,))
    return make_plan(there, answers(wipe=wipe, more=more), manifest(), dataclasses.replace(OPTIONS, **options))


@pytest.mark.parametrize("wipe", [True, False])
def test_r2_it_is_kept_whatever_wipe_says(wipe: bool) -> None:
    with pytest.raises(
        OwnInstallation, match=r"^this machine is installed already: xen1 on /dev/sda .*\[own-installation\]"
    ) as caught:
        plan(wipe=wipe)
    assert isinstance(caught.value, PlanError)
    assert "reinstall: true" in caught.value.hint
    assert caught.value.disk.path == DISK.path


@pytest.mark.parametrize(
    ("more", "options"),
    [
        ("reinstall: true", {}),
        ("install_id: 2", {}),
        ("", {"confirmed": True}),
        ("", {"order": LATER}),
        ("reinstall: true", {"order": "new"}),
        ("install_id: b", {"order": "new"}),
    ],
)
def test_what_replaces_it(more: str, options: dict[str, Any]) -> None:
    assert plan(more=more, **options).paths == (DISK.path,)


@pytest.mark.parametrize(
    ("found", "more", "options"),
    [
        ({}, "reinstall: false", {}),
        ({"install_id": "2"}, "install_id: 2", {}),
        ({"install_id": "2"}, "", {}),
        # The mark of a network boot that made this installation could not be removed.
        ({"order": "new"}, "reinstall: true", {"order": "new"}),
        ({"order": "new"}, "", {"order": "new"}),
        ({"order": LATER}, "reinstall: true", {"order": LATER}),
        ({"order": LATER}, "", {"order": LATER}),
        # A tree that was restored, or rendered elsewhere.
        ({"order": LATER}, "reinstall: true", {"order": EARLIER}),
        ({}, "", {"order": "new"}),
    ],
)
def test_what_does_not(found: dict[str, str], more: str, options: dict[str, Any]) -> None:
    with pytest.raises(OwnInstallation):
        plan(dataclasses.replace(FOUND, **found), more, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "machine", "own"),
    [
        (FOUND, MACHINE, True),
        (FOUND, OTHER, False),
        (FOUND, "", True),
        (dataclasses.replace(FOUND, names=("xen2",)), MACHINE, False),
        (dataclasses.replace(FOUND, names=("old", "xen1")), MACHINE, True),
        (dataclasses.replace(FOUND, machine=""), MACHINE, True),
        (dataclasses.replace(FOUND, machine="", names=("xen2",)), MACHINE, False),
        (dataclasses.replace(FOUND, names=()), MACHINE, True),
        (dataclasses.replace(FOUND, names=()), OTHER, False),
    ],
)
def test_whose_it_is(found: Installation, machine: str, own: bool) -> None:
    assert is_own(found, "xen1", machine) == own


def test_a_name_that_a_silent_dhcp_server_does_not_give_is_no_other_name() -> None:
    text = "version: 1\nhost_name: dhcp\ntarget: {disk: {serial: DISK1}, wipe: true}\n"
    text += (
        "root: {ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPnBRbMEdnMNvxD5eUDkqi+QJrcrngSFVQw4sCbJyCwE me'], lock: true}\n"
    )
    there = facts(DISK, machine_uuid=MACHINE, installations=(FOUND,))
    with pytest.raises(OwnInstallation):
        make_plan(there, parse_answers(text), manifest(), OPTIONS)
    named = facts(DISK, machine_uuid=MACHINE, installations=(FOUND,), nics=(dataclasses.replace(NIC, dhcp_name="xen2"),))
    assert make_plan(named, parse_answers(text), manifest(), OPTIONS).host_name == "xen2"


def test_an_installation_on_another_disk_does_not_count() -> None:
    assert plan(dataclasses.replace(FOUND, disk="/dev/sdb")).paths == (DISK.path,)


def test_it_comes_before_every_other_problem() -> None:
    with pytest.raises(OwnInstallation):
        plan(more="network: {management: {mac: '52:54:00:99:99:99'}}")


def test_the_marker_says_what_the_next_installer_compares() -> None:
    made = plan(more="install_id: 2", order=LATER)
    [finish] = [action for action in made.actions if isinstance(action, Finish)]
    again = parse_installation(DISK.path, "0.1.0", finish.marker, made.answers)
    assert again == dataclasses.replace(FOUND, install_id="2", order=LATER, firmware="bios", image="0.1.0")
    assert not is_ordered(again, answers(more="install_id: 2"), LATER)


def test_damaged_markers_keep_what_can_be_read() -> None:
    assert parse_installation("/dev/sda", "1.2", "{", '{"host_name": "xen1"}').names == ("xen1",)
    assert parse_installation("/dev/sda", "1.2", "[]", "\0").version == "1.2"
    assert parse_installation("/dev/sda", "1.2", '{"host_name": 1, "machine": null}', "").names == ()
    assert parse_installation("/dev/sda", "1.2", '{"host_name": "a"}', '{"host_name": "b"}').names == ("a", "b")


def test_where_it_is_looked_for() -> None:
    assert system_places("/dev/sda", "2048 bios_grub\n4096 ESP\n528384 dom0kit-system\n21499904 guests\n") == [
        "/dev/sda?offset=270532608"
    ]
    # Without names, as in an MBR, every partition may be it.
    assert system_places("/dev/sda", "2048 \n4096\n\n") == ["/dev/sda?offset=1048576", "/dev/sda?offset=2097152"]
    assert system_places("/dev/sda", "") == []
    assert system_places("/dev/sda", "partx: /dev/sda: failed\n") == []


SYSTEM = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"


def test_only_finished_installations_count() -> None:
    marker = json.dumps({"host_name": "xen1", "version": "1.2"})

    def ask(argv: list[str]) -> str:
        if argv[0] == "partx":
            return "528384 dom0kit-system\n"
        lines = ["/12/040755/0/0/.//", "/2/040755/0/0/..//", "/13/040755/0/0/1.2//", "/14/040755/0/0/1.3//", ""]
        if argv[3] == "show_super_stats -h":
            return f"Filesystem volume name:   dom0kit-system\nFilesystem UUID:          {SYSTEM}\n"
        return {"ls -p /state": "\n".join(lines), 'cat "/state/1.2/installed.json"': marker}.get(argv[3], "")

    assert read_installations("/dev/sda", ask) == (
        Installation("/dev/sda", ("xen1",), version="1.2", image="1.2", system=SYSTEM),
    )


@pytest.mark.parametrize(("firmware", "warned"), [("bios", False), ("uefi", True), ("", False)])
def test_a_medium_that_was_started_in_the_other_firmware_mode_is_named(firmware: str, warned: bool) -> None:
    made = plan(dataclasses.replace(FOUND, firmware=firmware), more="install_id: 2")
    assert [text for text in made.warnings if "was installed in UEFI mode, this system was started in BIOS mode" in text] == (
        list(made.warnings) if warned else []
    )
