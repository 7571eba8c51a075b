"""The verbs for a guest, against prepared results of commands."""

from __future__ import annotations

import pytest

from qa import timeouts
from qa.errors import ScenarioFailed, TimedOut
from qa.vm import guest
from qa.vm.guest import CommandResult, Guest


class Scripted(Guest):
    """A guest whose commands have the given exit codes and outputs, one after the other; the last one stays."""

    def __init__(self, *results: tuple[int, str]) -> None:
        self._left = list(results)
        self.commands: list[str] = []

    def execute(self, command: str, *, limit: float = timeouts.COMMAND) -> CommandResult:
        self.commands.append(command)
        return CommandResult(command, *(self._left.pop(0) if len(self._left) > 1 else self._left[0]))


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "INTERVAL", 0.01)


def test_succeed_and_fail() -> None:
    assert Scripted((0, "a"), (0, "b")).succeed("x", "y") == "a\nb"
    with pytest.raises(ScenarioFailed, match="exit code 1"):
        Scripted((1, "no")).succeed("x")
    assert Scripted((2, "no")).fail("x") == "no"
    with pytest.raises(ScenarioFailed, match="a failure was expected"):
        Scripted((0, "yes")).fail("x")


def test_wait_until_succeeds_or_fails() -> None:
    assert Scripted((1, ""), (1, ""), (0, "there")).wait_until_succeeds("x") == "there"
    assert Scripted((0, ""), (3, "gone")).wait_until_fails("x") == "gone"
    with pytest.raises(TimedOut, match=r"no success of 'x' .*(?s:.)*still nothing"):
        Scripted((1, "still nothing")).wait_until_succeeds("x", limit=0.05)
    with pytest.raises(TimedOut, match="no failure of 'x'"):
        Scripted((0, "")).wait_until_fails("x", limit=0.05)


def test_wait_for_a_unit() -> None:
    Scripted((3, "activating"), (0, "active")).wait_for_unit("a.service")
    with pytest.raises(ScenarioFailed, match=r"a\.service failed\nwhy"):
        Scripted((3, "failed"), (0, "why")).wait_for_unit("a.service")
    with pytest.raises(TimedOut, match=r"no active unit a\.service .* it is activating"):
        Scripted((3, "activating")).wait_for_unit("a.service", limit=0.05)


def test_wait_for_ports_and_files() -> None:
    ports, files = Scripted((1, ""), (0, "")), Scripted((1, ""), (0, ""))
    ports.wait_for_open_port(22)
    assert ":22" in ports.commands[0]
    files.wait_for_file("/run/x")
    assert files.commands == ["test -e /run/x"] * 2


def test_wait_for_the_end_of_the_boot() -> None:
    Scripted((0, "No jobs running.")).wait_for_boot()
    with pytest.raises(TimedOut, match=r"xen\.service"):
        Scripted((0, "119 xen.service start running")).wait_for_boot(limit=0)
