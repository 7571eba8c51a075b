"""When the prompt opens, what it knows, and that the machines are read meanwhile."""

from __future__ import annotations

import builtins
import threading
from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials
from qa.interactive import command
from qa.interactive.shell import Drainer, Prompt, ShellWatcher
from qa.scenario import Scenario, Settings


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
