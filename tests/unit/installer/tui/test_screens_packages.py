"""Drivers and packages from a stick: what is listed, what is asked, what becomes of it."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from fake_runner import FakeRunner
from screen_samples import BLANK, DIRTY, FACTS, NICS, chosen, state, with_disks

from dom0kit.errors import UserError
from installer.command_log import Commands
from installer.model.deb_package import Package
from installer.model.hardware import MEDIUM
from installer.tui.operations import add_packages
from installer.tui.operations.add_packages import PackageOperations
from installer.tui.pages import packages
from installer.tui.state import document, plan_of
from installer.tui.toolkit.forms import BACK, NEXT, Form, Reply, Update, Value
from installer.tui.toolkit.text_terminal import draw

DRIVER = Package("/stage/x.deb", "fast-disk", "2.0", "amd64", 10, "a" * 64, firmware=("usr/lib/firmware/x",))


def device(path: str, **changes: Any) -> dict[str, Any]:
    base = {"path": path, "type": "disk", "size": 4 << 30, "fstype": "vfat", "label": "DRIVERS", "uuid": "1234-ABCD"}
    return {**base, "model": "Stick", "rm": True, "hotplug": True, "tran": "usb", "mountpoints": [None], **changes}


LISTED = json.dumps(
    {
        "blockdevices": [
            device("/dev/sda", rm=False, hotplug=False, tran="sata", fstype="ext4"),
            device("/dev/sdb"),
            device("/dev/sdc", fstype=None, label=None, uuid=None, children=[device("/dev/sdc1", type="part", label="My stick")]),
            device("/dev/sr0", type="rom", fstype="iso9660", mountpoints=[MEDIUM]),
            device("/dev/sr1", type="rom", fstype="iso9660", label="", uuid="2026-01-01-00-00-00-00"),
            device("/dev/sdd", fstype="LVM2_member"),
        ]
    }
)


def test_sticks_and_cds_are_listed_and_named_for_answers() -> None:
    found = packages.parse_volumes(LISTED)
    assert [volume.device for volume in found] == ["/dev/sdb", "/dev/sdc1", "/dev/sr1"]
    assert [volume.source("debs") for volume in found] == [
        "label:DRIVERS/debs",
        "uuid:1234-ABCD/debs",
        "uuid:2026-01-01-00-00-00-00/debs",
    ]


@pytest.mark.parametrize(
    "form",
    [
        packages.packages(state()),
        packages.packages(dataclasses.replace(state(), packages=(DRIVER,) * 30)),
        packages.volumes(()),
        packages.volumes(packages.parse_volumes(LISTED)),
        packages.folders({"": 1, "debs": 3}),
        packages.review((DRIVER,) * 40, "6.12"),
    ],
    ids=lambda form: form.title,
)
def test_every_screen_fits(form: Form) -> None:
    assert draw(form)
    assert form.help


def test_new_devices_are_reported() -> None:
    assert packages.new_devices(FACTS, FACTS) == "No new disk or network card has appeared."
    text = packages.new_devices(with_disks(BLANK, nics=NICS[:1]), with_disks(BLANK, DIRTY, nics=NICS))
    assert "/dev/sdb" in text
    assert "/dev/sda" not in text
    assert "ens1f0np0" in text


class Script:
    """A terminal with a scripted user."""

    def __init__(self, *turns: tuple[str, str, dict[str, Value]]) -> None:
        self.turns, self.told = list(turns), list[tuple[str, str]]()

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        draw(form, problem)
        title, button, typed = self.turns.pop(0)
        assert (form.title, button in dict(form.buttons)) == (title, True)
        return Reply(button, {**form.values(), **typed})

    def set_status(self, text: str) -> None:
        """Accept any text."""

    def show_message(self, title: str, text: str) -> None:
        self.told.append((title, text))


def effects(script: Script, *, demo: bool = False) -> PackageOperations:
    runner = FakeRunner({"lsblk": LISTED})
    return PackageOperations(script, Commands(io.StringIO(), runner=runner), lambda: with_disks(BLANK, DIRTY, nics=NICS), demo)


STICK: tuple[str, str, dict[str, Value]] = ("USB stick or CD", NEXT, {"volume.device": "/dev/sdb"})


class Store:
    """Stands for the packages in RAM."""

    asked: list[str]

    def __init__(self, *_: Any) -> None:
        """Accept the arguments of the real class."""

    def prepare(self, sources: list[Any], fresh: str) -> tuple[Package, ...]:
        Store.asked = [str(source) for source in sources]
        return (DRIVER,)


@pytest.fixture
def stick(monkeypatch: pytest.MonkeyPatch) -> list[Package]:
    """Simulate a stick with two folders; return the installed packages."""
    installed: list[Package] = []
    monkeypatch.setattr(add_packages, "folders", lambda root: {"": 1, "debs": 2, "no good": 1})
    monkeypatch.setattr(add_packages, "install_here", lambda found, commands: installed.extend(found))
    monkeypatch.setattr(add_packages, "Store", Store)
    return installed


def test_from_the_stick_to_the_new_disk(stick: list[Package]) -> None:
    script = Script(
        ("USB stick or CD", "rescan", {}),
        STICK,
        ("Folder with packages", NEXT, {"folder.name": "debs"}),
        ("Packages found", "install", {}),
    )
    before = dataclasses.replace(chosen(), facts=with_disks(BLANK))
    after = effects(script).add(before, {})
    assert stick == [DRIVER]
    assert Store.asked == ["label:DRIVERS/debs"]
    assert after.packages == (DRIVER,)
    assert after.disk("/dev/sdb") == DIRTY
    assert "/dev/sdb" in script.told[0][1]
    assert document(after)["packages"] == [{"folder": "label:DRIVERS/debs"}]
    assert "add the packages" in [action.title for action in plan_of(after).actions]


def test_cancel_changes_nothing(stick: list[Package]) -> None:
    folder: tuple[str, str, dict[str, Value]] = ("Folder with packages", NEXT, {"folder.name": ""})
    for turns in (
        [("USB stick or CD", BACK, {})],
        [STICK, ("Folder with packages", BACK, {})],
        [STICK, folder, ("Packages found", BACK, {})],
    ):
        before = state()
        assert effects(Script(*turns)).add(before, {}) == before  # type: ignore[arg-type]
    assert stick == []


@pytest.mark.usefixtures("stick")
def test_unsuitable_packages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Store, sources: list[Any], fresh: str) -> None:
        raise UserError("the packages cannot be installed: no", "take others")

    monkeypatch.setattr(Store, "prepare", refuse)
    monkeypatch.setattr(add_packages, "folders", lambda root: {"": 1})
    script, before = Script(STICK), state()
    assert effects(script).add(before, {}) == before
    assert "cannot be installed" in script.told[0][1]
    monkeypatch.setattr(add_packages, "folders", lambda root: {})
    script = Script(STICK)
    assert effects(script).add(before, {}) == before
    assert "no .deb file found on /dev/sdb" in script.told[0][1]


def test_the_demonstration_reads_no_stick() -> None:
    script = Script()
    assert effects(script, demo=True).add(state(), {}) == state()
    assert script.told
