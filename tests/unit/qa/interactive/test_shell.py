"""When the prompt opens, what it knows, and that the machines are read meanwhile."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from qa.failure import ScenarioFailed
from qa.guest.ssh_access import Credentials
from qa.interactive import command
from qa.interactive.guest import Guest
from qa.interactive.shell import Drainer, Prompt, ShellWatcher
from qa.scenario import Scenario, Settings
from qa.vm.serial_console import Answer


@pytest.fixture
def scenario(tmp_path: Path) -> Scenario:
    settings = Settings(artifacts=tmp_path)
    settings.__dict__["credentials"] = Credentials("password", "hash", tmp_path / "key", "public")
    return Scenario("s", settings)


def run_phases(scenario: Scenario, step: str) -> list[str]:
    """Run two phases, the second of which fails; return what was running when the prompt opened."""
    opened: list[str] = []
    now = ["start"]

    def prompt(names: dict[str, Any]) -> None:
        assert names["scenario"] is scenario
        opened.append(f"{now[0]}{' failed' if names['error'] else ''}")

    watcher = ShellWatcher(scenario, step, prompt)
    scenario.watchers.append(watcher)
    with scenario.phase("install"):
        now[0] = "in install"
    now[0] = "between"
    try:
        with scenario.phase("boot"):
            raise ScenarioFailed("x")
    except ScenarioFailed as error:
        watcher.failed(error)
        watcher.failed(error)
    return opened


@pytest.mark.parametrize(
    ("step", "opened"),
    [
        ("install", ["in install", "between failed"]),
        ("before:install", ["start", "between failed"]),
        ("before:boot", ["between", "between failed"]),
        ("", ["between failed"]),
    ],
)
def test_the_prompt_opens_at_the_step_and_at_the_failure(scenario: Scenario, step: str, opened: list[str]) -> None:
    assert run_phases(scenario, step) == opened


def test_machines_are_read_while_the_prompt_waits_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    read = threading.Event()

    def pump(seconds: float) -> None:
        read.set()

    def typed(prompt: str) -> str:
        assert read.wait(5)
        return "1 + 1"

    monkeypatch.setattr(builtins, "input", typed)
    assert Prompt({}, Drainer(pump)).raw_input("> ") == "1 + 1"
    read.clear()
    assert not read.wait(0.3)


def answering(*answers: tuple[int, str]) -> Callable[[str], Answer]:
    left = list(answers)

    def run(command: str) -> Answer:
        return Answer(command, 0, "") if command.startswith("sleep") else Answer(command, *left.pop(0))

    return run


def test_the_verbs_for_a_guest() -> None:
    assert Guest(answering((0, "a"), (0, "b"))).succeed("x", "y") == "a\nb"
    with pytest.raises(ScenarioFailed, match="exit code 1"):
        Guest(answering((1, "no"))).succeed("x")
    with pytest.raises(ScenarioFailed, match="succeeded"):
        Guest(answering((0, "yes"))).fail("x")
    Guest(answering((3, "activating"), (0, "active"))).wait_for_unit("a.service")
    with pytest.raises(ScenarioFailed, match=r"a\.service failed\nwhy"):
        Guest(answering((3, "failed"), (0, "why"))).wait_for_unit("a.service")
    assert Guest(answering((1, ""), (0, "there"))).wait_until_succeeds("x") == "there"


def test_wrong_steps_are_refused() -> None:
    phases = [{"name": "first boot", "started_at": 1.0, "seconds": 2.0}]
    command.check_step("before:first boot", phases)
    command.check_step("anything", [])
    with pytest.raises(UserError, match="no phase 'frist boot'"):
        command.check_step("frist boot", phases)
    assert "first boot" in command.steps_text("s", phases)
    with pytest.raises(UserError, match="no run of s"):
        command.steps_text("s", [])
    with pytest.raises(UserError, match="needs a terminal"):
        command.need_terminal("this", terminal=False)
