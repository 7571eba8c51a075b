"""``dom0ctl health``, ``dom0ctl try-result``, and what ``dom0ctl status`` says of images."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runner import FakeRunner
from image_host import RUNNING, TRIED, finish_steps, start

from dom0kit.cli import build_parser
from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from firstboot.host import Host
from firstboot.image_status import FILE
from firstboot.status import read_status, status_text
from firstboot.status_screen import problems
from firstboot.steps.steps import STEPS
from programs.dom0ctl import PROGRAM
from upgrade.choice import esps
from upgrade.health import announce, cli, facts

CHOICE = Choice(uuid.UUID(int=1), 7, RUNNING, TRIED, 0)


@pytest.fixture(autouse=True)
def kmsg(host: Host, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the commands run on the host in the folder; return the kernel's log."""
    log = host.path("kmsg")
    monkeypatch.setattr(cli, "Host", lambda: Host(host.root, host.run))
    monkeypatch.setattr(cli, "KMSG", log)
    monkeypatch.setattr(announce, "VIRTIO_PORT", host.path("none"))
    monkeypatch.setattr(facts, "greeting_failure", lambda address, port: "")
    return log


def run(*words: str) -> int:
    given = build_parser(PROGRAM).parse_args(words)
    return int(given.function(given))


def test_a_healthy_host(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    finish_steps(host)
    assert run("health") == 0
    assert capsys.readouterr().out.startswith("healthy\n\ncheck")
    assert run("health", "--json") == 0
    assert json.loads(capsys.readouterr().out)["image"] == RUNNING


@pytest.mark.parametrize(
    ("service", "verdict"), [("auto-restart\n", "unhealthy: address"), ("running\n", "not healthy yet: address")]
)
def test_what_waits_has_failed_once_the_boot_is_over(
    host: Host, runner: FakeRunner, capsys: pytest.CaptureFixture[str], service: str, verdict: str
) -> None:
    finish_steps(host)
    assert run("health", "--record") == 0
    capsys.readouterr()
    runner.outputs |= {"ip -json address": "[]", "systemctl show --property=SubState --value dom0kit-health.service": service}
    assert run("health") == 1
    assert capsys.readouterr().out.startswith(verdict)


def test_the_service_records_and_announces(host: Host, runner: FakeRunner, kmsg: Path) -> None:
    start(host.root, TRIED, trial=True)
    finish_steps(host)
    script = host.path("etc/dom0kit/health/required.d/check")
    script.parent.mkdir(parents=True)
    script.write_text("")
    assert run("health", "--wait", "--record") == 1
    kept = json.loads(host.path(f"run/dom0kit/medium/state/{TRIED}/health.json").read_text())
    assert [check["name"] for check in kept["checks"] if check["state"] != "ok"] == ["check"]
    assert json.loads(host.read(announce.LOG))["state"] == "unhealthy"
    assert "this host is unhealthy: check" in kmsg.read_text()


def test_a_host_without_answers_is_an_error(host: Host) -> None:
    host.path("etc/dom0kit/host.json").unlink()
    with pytest.raises(UserError, match=r"host\.json"):
        run("health")


def test_a_failed_try_is_on_the_console_and_in_the_status(host: Host, kmsg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esps, "read_choice", lambda: CHOICE)
    assert run("try-result") == 0
    sentence = f"{TRIED} was tried and failed: it stopped before its system started"
    assert f"dom0kit: {sentence}" in kmsg.read_text()
    status = read_status(host, STEPS)
    assert f"image     {RUNNING}\n          {sentence}" in status_text(status)
    assert any(f"image {sentence}" in line for line in problems(status, "", ()))


def test_a_try_that_did_not_begin_is_withdrawn_and_no_failure(
    host: Host, kmsg: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    armed = replace(CHOICE, left=1)

    def change(function: Callable[[Choice], Choice]) -> tuple[Choice, list[str]]:
        return replace(function(armed), sequence=8), ["the second disk cannot be written to"]

    monkeypatch.setattr(esps, "read_choice", lambda: armed)
    monkeypatch.setattr(esps, "change_choice", change)
    assert run("try-result") == 0
    assert f"{TRIED} was not tried" in kmsg.read_text()
    assert f"dom0ctl image try {TRIED}" in kmsg.read_text()
    assert "the second disk" in capsys.readouterr().err
    status = read_status(host, STEPS)
    assert status["image"] is not None
    assert status["image"]["failed"] is None
    # What runs is what was to be tried: it goes on.
    start(host.root, TRIED, trial=True)
    monkeypatch.setattr(esps, "change_choice", None)
    assert run("try-result") == 0


def test_a_host_without_a_state_of_images(host: Host) -> None:
    status = read_status(host, STEPS)
    assert status["image"] is None
    assert "image  " not in status_text(status)


def test_a_choice_that_cannot_be_read_fails_the_unit(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> Choice:
        raise UserError("EFI/dom0kit/env is damaged")

    monkeypatch.setattr(esps, "read_choice", damaged)
    assert run("try-result") == 1
    assert not host.path(FILE).exists()
