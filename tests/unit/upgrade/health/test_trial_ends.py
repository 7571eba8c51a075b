"""What the commands of images call before a try, and after a confirmation."""

from __future__ import annotations

import json
import uuid

import pytest
from fake_runner import FakeRunner
from image_host import BOOT, RUNNING, TRIED, start

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from firstboot.host import Host
from upgrade.health import baseline, facts, trial
from upgrade.health.after_try import FAILED, MOTD, publish, read_failed
from upgrade.health.boot_files import ENDED, HEALTH, STARTED

FAILED_TRY = Choice(uuid.UUID(int=1), 7, RUNNING, TRIED, 0)


@pytest.fixture(autouse=True)
def _sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "greeting_failure", lambda address, port: "")


def test_an_image_that_failed_is_refused_until_its_next_try_is_prepared(host: Host) -> None:
    trial.refuse_failed(host, TRIED)
    publish(host, FAILED_TRY)
    with pytest.raises(UserError, match=f"{TRIED} was tried and failed: it stopped before") as refusal:
        trial.refuse_failed(host, TRIED)
    assert "--force" in refusal.value.hint
    trial.prepare(host, TRIED)
    trial.refuse_failed(host, TRIED)
    assert read_failed(host.root) == {}


def test_preparing_forgets_what_an_earlier_try_left_and_keeps_other_records(host: Host) -> None:
    folder = host.path(f"run/dom0kit/medium/state/{TRIED}")
    folder.mkdir(parents=True)
    for name in (HEALTH, STARTED, ENDED):
        (folder / name).write_text(f"{BOOT}\n")
    host.path(FAILED).write_text(json.dumps({"0.0.9-cccccccc": {"time": 1.0, "reason": "x", "sequence": 1}}))
    written = trial.prepare(host, TRIED)
    assert not list(folder.iterdir())
    assert list(read_failed(host.root)) == ["0.0.9-cccccccc"]
    assert baseline.parse(host.read(baseline.FILE), TRIED) == written
    assert written.gateways
    assert written.xen


def test_a_confirmed_image_is_shown_as_such(host: Host, runner: FakeRunner) -> None:
    start(host.root, TRIED, trial=True)
    publish(host, FAILED_TRY)
    assert host.path(MOTD).exists()
    status = trial.confirmed(host, Choice(uuid.UUID(int=1), 8, TRIED, TRIED, 0))
    assert runner.ran("/usr/lib/dom0kit/bin/try") == ["/usr/lib/dom0kit/bin/try confirmed"]
    assert status["state"] == "confirmed"
    assert status["failed"] is None
    assert not host.path(MOTD).exists()
