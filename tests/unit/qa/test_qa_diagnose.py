"""What is kept for readers never fails a scenario; a starved guest's complaints are no failure."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qa.errors import MachineStarved, ScenarioFailed
from qa.scenario import Scenario, Settings
from qa.vm.guest import CommandResult, Guest


def scenario(tmp_path: Path) -> Scenario:
    value = Scenario("example", Settings(artifacts=tmp_path))
    value.folder.mkdir()
    return value


def test_a_diagnostic_that_fails_is_kept_as_not_available(tmp_path: Path) -> None:
    class Silent(Guest):
        def execute(self, command: str, *, limit: float = 0) -> CommandResult:
            raise ScenarioFailed(f"no end of {command} after {limit} s")

    value = scenario(tmp_path)
    value.diagnose("blame.txt", Silent(), "systemd-analyze blame")
    assert (value.folder / "blame.txt").read_text().startswith("not available: no end of systemd-analyze blame")


def test_a_diagnostic_with_an_exit_code_is_kept(tmp_path: Path) -> None:
    class Failing(Guest):
        def execute(self, command: str, *, limit: float = 0) -> CommandResult:
            return CommandResult(command, 1, "x.service")

    value = scenario(tmp_path)
    value.diagnose("units.txt", Failing(), "systemctl --failed")
    assert (value.folder / "units.txt").read_text() == "x.service\n"


LOCKUP = "[ 99.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]\n"


def machine(text: str, starved: float) -> Any:
    return SimpleNamespace(
        name="host", started=True, console_text=text, events=[], seconds=100.0, starved_seconds=starved, channels=None
    )


@pytest.mark.parametrize(
    ("text", "starved", "error"),
    [
        (LOCKUP, 80.0, MachineStarved),
        (LOCKUP, 5.0, ScenarioFailed),
        (LOCKUP + "[ 99.1] Kernel panic - not syncing: x\n", 80.0, ScenarioFailed),
    ],
)
def test_lost_time_is_the_build_hosts_doing_on_a_starved_machine_alone(
    tmp_path: Path, text: str, starved: float, error: type[ScenarioFailed]
) -> None:
    value = scenario(tmp_path)
    value.machines.append(machine(text, starved))
    with pytest.raises(ScenarioFailed) as caught:
        value.final_check()
    assert type(caught.value) is error
