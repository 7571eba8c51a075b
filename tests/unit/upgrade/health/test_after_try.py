"""A try that failed: whether it did, why, and who hears of it."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_runner import FakeRunner
from image_host import BOOT, RUNNING, TRIED, start

from dom0kit.linux.boot_choice import Choice
from firstboot.host import Host
from firstboot.image_status import image_lines, image_problems, read_image_status
from upgrade.health import announce
from upgrade.health.after_try import FAILED, MOTD, Kept, failed_try, pending_try, publish, read_failed, read_kept, reason
from upgrade.health.assess import Assessment
from upgrade.health.boot_files import forget_try, running_image, tried_image
from upgrade.health.report import Check, Report

CHOICE = Choice(uuid.UUID(int=1), 7, RUNNING, TRIED, 0)
LAST_BOOT = "5d0b7d5e-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("choice", "running", "known", "image"),
    [
        (CHOICE, RUNNING, {}, TRIED),
        (CHOICE, TRIED, {}, ""),  # it runs
        (replace(CHOICE, left=1), RUNNING, {}, ""),  # it was not started yet
        (replace(CHOICE, trial=""), RUNNING, {}, ""),
        (replace(CHOICE, image=TRIED), "0.0.9-cccccccc", {}, ""),  # it was confirmed
        (CHOICE, RUNNING, {TRIED: {"sequence": 7}}, ""),  # recorded
        (CHOICE, RUNNING, {TRIED: {"sequence": 5}}, TRIED),  # an earlier try was
        (CHOICE, "", {}, TRIED),
    ],
)
def test_whether_a_try_has_failed(choice: Choice, running: str, known: dict[str, Any], image: str) -> None:
    assert failed_try(choice, running, known) == image


@pytest.mark.parametrize(
    ("choice", "running", "image"),
    [
        (replace(CHOICE, left=1), RUNNING, TRIED),
        (replace(CHOICE, left=1), "0.0.9-cccccccc", TRIED),  # a third one was chosen in the menu
        (replace(CHOICE, left=1), TRIED, ""),  # one of two tries
        (CHOICE, RUNNING, ""),  # it was tried
        (replace(CHOICE, trial="", left=1), RUNNING, ""),
    ],
)
def test_whether_a_try_is_still_to_come(choice: Choice, running: str, image: str) -> None:
    assert pending_try(choice, running) == image


@pytest.mark.parametrize(
    ("kept", "start"),
    [
        (Kept(), "it stopped before its system started"),
        (Kept("b", "the boot ended in emergency mode"), "the boot ended in emergency mode"),
        (Kept("b", "dom0kit-health.service failed", ("address: none", "ssh: none")), "unhealthy: address: none; ssh: none"),
        (Kept("b", "dom0kit-confirm.service failed", ()), "dom0kit-confirm.service failed"),
        (Kept("b", "", (), "the last words"), "the host was healthy, and was reset or lost power before it was confirmed; its"),
        (
            Kept("b", "", None, "the last words"),
            "the host hung, was reset or lost power before its health was known; its journal",
        ),
        (Kept("b"), "the host hung, was reset or lost power before its health was known"),
    ],
)
def test_why(kept: Kept, start: str) -> None:
    assert reason(kept).startswith(start)


def leave(host: Host, *, started: str = LAST_BOOT, ended: str = "", report: dict[str, Any] | None = None) -> Path:
    """Leave what a try leaves in its folder of the state."""
    folder = host.path(f"run/dom0kit/medium/state/{TRIED}")
    folder.mkdir(parents=True, exist_ok=True)
    if started:
        (folder / "try-started").write_text(f"{started}\n")
    if ended:
        (folder / "try-ended").write_text(f"{LAST_BOOT}\n{ended}\n")
    if report is not None:
        (folder / "health.json").write_text(json.dumps(report))
    return folder


CHECKS = [
    {"name": "address", "required": True, "state": "failed", "text": "xenbr0 has no IPv4 address"},
    {"name": "units", "required": False, "state": "failed", "text": "failed: x"},
    {"name": "xen", "required": True, "state": "ok", "text": "fine"},
]


def test_what_a_try_left(host: Host) -> None:
    folder = leave(host, ended="dom0kit-health.service failed", report={"boot": LAST_BOOT, "checks": CHECKS})
    assert read_kept(folder, "x") == Kept(
        LAST_BOOT, "dom0kit-health.service failed", ("address: xenbr0 has no IPv4 address",), "x"
    )


def test_what_another_boot_of_the_image_left_does_not_count(host: Host) -> None:
    folder = leave(host, started=BOOT, ended="old", report={"boot": LAST_BOOT, "checks": CHECKS})
    assert read_kept(folder) == Kept(BOOT)
    (folder / "health.json").write_text("{")
    assert read_kept(folder) == Kept(BOOT)
    forget_try(host.root, TRIED)
    assert read_kept(folder) == Kept()


def test_a_failed_try_is_recorded_once_and_shown(host: Host, runner: FakeRunner) -> None:
    leave(host, report={"boot": LAST_BOOT, "checks": CHECKS})
    status = publish(host, CHOICE)
    record = json.loads(host.read(FAILED))[TRIED]
    assert record["reason"] == "unhealthy: address: xenbr0 has no IPv4 address"
    assert record["hint"] == f"journalctl --boot={LAST_BOOT.replace('-', '')}"
    assert status["state"] == "confirmed"
    assert read_image_status(host.root) == status
    assert image_lines(status) == [RUNNING, f"{TRIED} was tried and failed: {record['reason']}"]
    assert image_problems(status) == [f"image {TRIED} was tried and failed: {record['reason']}"]
    assert record["hint"] in host.read(MOTD)
    again = publish(host, CHOICE)
    assert again == status
    assert json.loads(host.read(FAILED))[TRIED] == record


def test_the_journal_in_the_images_own_state(host: Host, runner: FakeRunner) -> None:
    folder = leave(host)
    journal = folder / "upper/var/log/journal"
    (journal / "id").mkdir(parents=True)
    (journal / "id/system.journal").touch()
    runner.outputs["journalctl"] = "one\n\nthe last words\n"
    publish(host, CHOICE)
    record = read_failed(host.root)[TRIED]
    assert record["reason"].endswith("; its journal ends with: the last words")
    assert record["hint"].startswith(f"journalctl --directory={journal} --boot=")


def test_an_image_that_did_not_start_its_system_has_no_journal(host: Host, runner: FakeRunner) -> None:
    publish(host, CHOICE)
    record = read_failed(host.root)[TRIED]
    assert "stopped before its system started" in record["reason"]
    assert record["hint"] == ""
    assert not runner.ran("journalctl")


def test_a_host_without_a_failure_is_silent(host: Host) -> None:
    host.path(MOTD).parent.mkdir(parents=True)
    host.path(MOTD).write_text("old")
    status = publish(host, replace(CHOICE, trial=""))
    assert status == {"running": RUNNING, "confirmed": RUNNING, "state": "confirmed", "failed": None}
    assert not host.path(MOTD).exists()
    assert not host.path(FAILED).exists()
    assert image_problems(status) == []


def test_a_damaged_record_is_no_crash(host: Host) -> None:
    host.path(FAILED).write_text("[")
    publish(host, CHOICE)
    assert TRIED in read_failed(host.root)
    host.path("run/dom0kit/image-status.json").write_text("[]")
    assert read_image_status(host.root) is None


@pytest.mark.parametrize(("trial", "state"), [(True, "trying"), (False, "unconfirmed")])
def test_an_image_that_is_not_confirmed(host: Host, trial: bool, state: str) -> None:
    start(host.root, TRIED, trial=trial)
    status = publish(host, CHOICE)
    assert status["state"] == state
    assert status["failed"] is None
    assert f"a restart returns to {RUNNING}" in image_lines(status)[0]
    assert "dom0ctl image confirm" in host.read(MOTD)


def test_names_of_images(host: Host, tmp_path: Path) -> None:
    assert running_image(host.root) == RUNNING
    assert running_image(tmp_path / "elsewhere") == ""
    assert tried_image(f"a dom0kit.try={TRIED} dom0kit.try-limit=5") == TRIED
    assert tried_image("dom0kit.try-limit=5") == ""


def events(host: Host) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.read(announce.LOG).splitlines()]


def after(host: Host, report: Report) -> None:
    announce.after_assessment(Assessment.of(host), report, lambda text: None, port=host.path("none"))


def test_a_failed_try_is_announced_once(host: Host) -> None:
    fine = Report((Check("a", True, "ok", "x"),))
    after(host, fine)
    assert events(host) == []
    publish(host, CHOICE)
    after(host, fine)
    after(host, fine)
    (event,) = events(host)
    assert (event["event"], event["source"], event["state"], event["name"]) == ("image", "image", "failed", TRIED)
    assert event["text"].startswith(f"xen1.example.net: {TRIED} was tried and failed: ")


def test_a_failed_try_that_the_webhook_missed_is_announced_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost:
        def release(self) -> None:
            pass

        def close(self) -> int:
            return 1

    publish(host, CHOICE)
    monkeypatch.setattr(announce, "attach", lambda host, reporter, say: Lost())
    fine = Report((Check("a", True, "ok", "x"),))
    after(host, fine)
    after(host, fine)
    assert len(events(host)) == 2


@pytest.mark.parametrize(("state", "word"), [("ok", "healthy"), ("failed", "unhealthy")])
def test_a_try_is_announced(host: Host, state: Any, word: str) -> None:
    start(host.root, TRIED, trial=True)
    after(host, Report((Check("a", True, state, "x"),)))
    (event,) = events(host)
    assert (event["state"], event["name"]) == (word, TRIED)
