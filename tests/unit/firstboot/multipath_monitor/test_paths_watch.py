"""The watch over paths: uevents, looks, alerts."""

from __future__ import annotations

import json
import queue
import threading
from pathlib import Path as File

import pytest
from fake_runner import Call, FakeRunner
from test_paths_maps import disk

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.linux.multipath_maps import Map
from firstboot.multipath_monitor import alert_hooks, uevents
from firstboot.multipath_monitor.map_changes import Change
from firstboot.multipath_monitor.monitor import Monitor, read_expected

FAILED = (
    b"change@/devices/virtual/block/dm-0\0ACTION=change\0DEVPATH=/devices/virtual/block/dm-0\0SUBSYSTEM=block\0"
    b"DM_TARGET=multipath\0DM_ACTION=PATH_FAILED\0DM_SEQNUM=4\0DM_PATH=8:16\0DM_NR_VALID_PATHS=0\0DM_NAME=w\0"
    b"DM_UUID=mpath-w\0MAJOR=254\0DEVNAME=dm-0\0DEVTYPE=disk\0SEQNUM=2411\0"
)
"""As the kernel sends it (drivers/md/dm-uevent.c)."""


def shown(*maps: Map) -> str:
    groups = [[{"dev": path.dev, "dm_st": path.dm, "chk_st": path.check} for path in item.paths] for item in maps]
    return json.dumps(
        {"maps": [{"uuid": m.wwid, "name": m.name, "path_groups": [{"paths": g}]} for m, g in zip(maps, groups, strict=True)]}
    )


class Array:
    """A multipathd that says what a test wants, and the changes that the monitor reported."""

    def __init__(self, root: File) -> None:
        self.answer: str | None = shown(disk("sda", "sdb"))
        self.changes: list[tuple[str, str]] = []
        self.watcher = Monitor(root, self.ask, lambda change: self.changes.append((change.kind, change.path)))

    def ask(self, question: str) -> str:
        assert question == "show maps json"
        if self.answer is None:
            raise UserError("multipathd does not answer")
        return self.answer


def test_a_uevent_is_read() -> None:
    event = uevents.parse(FAILED)
    assert event["DM_PATH"] == "8:16"
    assert uevents.concerns_paths(event)
    assert uevents.last_path(event) == "w"
    assert uevents.last_path(event | {"DM_NR_VALID_PATHS": "1"}) == ""


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        ({"SUBSYSTEM": "block", "DEVTYPE": "disk", "DEVNAME": "sda", "ACTION": "remove"}, True),
        ({"SUBSYSTEM": "block", "DEVTYPE": "disk", "DEVNAME": "sda", "ACTION": "change"}, False),
        ({"SUBSYSTEM": "block", "DEVTYPE": "partition", "DEVNAME": "sda1", "ACTION": "add"}, False),
        ({"SUBSYSTEM": "block", "DEVTYPE": "disk", "DEVNAME": "dm-3", "ACTION": "change"}, True),
        ({"SUBSYSTEM": "net", "ACTION": "add"}, False),
        ({}, False),
    ],
)
def test_which_uevents_concern_paths(event: dict[str, str], concerns: bool) -> None:
    assert uevents.concerns_paths(event) is concerns


def test_loss_and_return_are_told_once(tmp_path: File) -> None:
    array = Array(tmp_path)
    array.watcher.check()
    assert array.changes == []
    assert read_expected(tmp_path) == {"w": 2}
    for answer, expected in ((disk("sda"), [("lost", "sdb")]), (disk("sda"), []), (disk("sda", "sdc"), [("returned", "sdc")])):
        array.changes.clear()
        array.answer = shown(answer)
        array.watcher.check()
        assert array.changes == expected


def test_a_multipathd_that_is_busy_changes_nothing(tmp_path: File) -> None:
    array = Array(tmp_path)
    array.watcher.check()
    for answer in (None, "fail\n", "timeout", "", "[]"):
        array.answer = answer
        array.watcher.check()
    array.answer = shown(disk("sda"))
    array.watcher.check()
    assert array.changes == [("lost", "sdb")]


def test_the_last_path_is_told_before_anybody_is_asked(tmp_path: File) -> None:
    array = Array(tmp_path)
    array.watcher.check()
    array.answer = None
    array.watcher.handle_uevent(uevents.parse(FAILED))
    array.watcher.handle_uevent(uevents.parse(FAILED))
    assert array.changes == [("down", "")]
    array.answer = shown(disk("sda", "sdb", bad=("sda", "sdb")))
    array.watcher.check()
    assert array.changes == [("down", "")]
    array.answer = shown(disk("sda", "sdb"))
    array.watcher.check()
    assert array.changes[1:] == [("returned", "sda"), ("returned", "sdb")]


def test_the_last_path_of_an_unknown_disk_is_nothing(tmp_path: File) -> None:
    array = Array(tmp_path)
    array.watcher.handle_uevent(uevents.parse(FAILED))
    assert array.changes == []


def test_what_was_known_before_the_boot_is_missed(tmp_path: File) -> None:
    first = Array(tmp_path)
    first.watcher.check()
    second = Array(tmp_path)
    second.watcher.expected = read_expected(tmp_path)
    second.answer = shown(disk("sdb"))
    second.watcher.check()
    assert second.changes == [("degraded", "")]
    assert read_expected(tmp_path) == {"w": 2}


@pytest.mark.parametrize("text", ["", "[]", '{"w": "many"}', "{"])
def test_a_damaged_memory_is_forgotten(tmp_path: File, text: str) -> None:
    (tmp_path / "var/lib/dom0kit").mkdir(parents=True)
    (tmp_path / "var/lib/dom0kit/paths.json").write_text(text)
    assert read_expected(tmp_path) == {}


def test_the_kernels_log_gets_a_line(tmp_path: File) -> None:
    log = tmp_path / "kmsg"
    log.touch()
    alert_hooks.to_kmsg(Change("lost", "w", "sda", 1, 2), log)
    assert log.read_text() == "<3>dom0kit: disk w has lost its path sda: 1 of 2 paths are left\n"
    assert alert_hooks.kmsg_line(Change("returned", "w", "sda", 2, 2)).startswith("<5>")
    alert_hooks.to_kmsg(Change("lost", "w", "sda", 1, 2), tmp_path / "none" / "kmsg")


def test_hooks_are_executable_files_in_their_order(tmp_path: File) -> None:
    folder = tmp_path / alert_hooks.HOOKS
    assert alert_hooks.hooks(tmp_path) == []
    folder.mkdir(parents=True)
    for name, mode in (("20-mail", 0o755), ("10-page", 0o700), ("README", 0o644), ("10-page~", 0o755)):
        (folder / name).write_text("")
        (folder / name).chmod(mode)
    assert [path.name for path in alert_hooks.hooks(tmp_path)] == ["10-page", "20-mail"]


def test_hooks_are_told_everything() -> None:
    environment = alert_hooks.hook_environment(Change("lost", "w", "sda", 1, 2))
    assert environment["DOM0KIT_EVENT"] == "path-lost"
    assert (
        environment["DOM0KIT_DISK"],
        environment["DOM0KIT_PATH"],
        environment["DOM0KIT_LEFT"],
        environment["DOM0KIT_EXPECTED"],
    ) == ("w", "sda", "1", "2")


def test_a_hook_that_cannot_run_keeps_nothing_up(tmp_path: File) -> None:
    notes: list[str] = []

    def hook(call: Call) -> str:
        assert json.loads(str(call.stdin))["state"] == "lost"
        if call.argv[0].endswith("gone"):
            raise UserError(f"the program {call.argv[0]} is not installed")
        return ""

    runner = FakeRunner({"": hook})

    alert_hooks.run_hooks([tmp_path / "gone", tmp_path / "next"], Change("lost", "w", "sda", 1, 2), notes.append, runner)
    assert len(notes) == 1
    assert "gone" in notes[0]
    assert runner.calls[-1].endswith("next")


def test_a_log_that_hangs_keeps_nobody_waiting(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    free, events = threading.Event(), queue.SimpleQueue[Event]()
    logged = queue.SimpleQueue[Event]()

    def hanging(event: Event) -> None:
        free.wait(10)
        logged.put(event)

    monkeypatch.setattr(alert_hooks, "KMSG", tmp_path / "kmsg" / "none")
    alerts = alert_hooks.Alerts(tmp_path, Reporter("paths", [events.put]), Reporter("paths", [hanging]), lambda text: None)
    for state in ("lost", "down"):
        alerts(Change(state, "w", "sda", 0, 2))
    seen = [events.get(timeout=5), events.get(timeout=5)]
    assert [(e["event"], e["source"], e["state"], e["disk"]) for e in seen] == [
        ("path", "paths", "lost", "w"),
        ("path", "paths", "down", "w"),
    ]
    assert logged.empty()
    free.set()
    assert logged.get(timeout=5)["state"] == "lost"
