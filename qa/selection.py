"""Selection of scenarios by exact names, sets and tags, and the pytest plugin that runs them."""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from qa.metadata import SETS, Metadata, declared
from qa.requirements import LAB
from qa.scenario import Settings

PLUGIN = "dom0kit-qa"
FOLDER = Path(__file__).parent / "scenarios"
result_key = pytest.StashKey[pytest.TestReport]()
starved_key = pytest.StashKey[bool]()
OPTIONS = ("-p", "no:cacheprovider", "-o", "addopts=", "--strict-markers", "--tb=short", "-rN", "-s", "-v")


def scenario_name(item: pytest.Item) -> str:
    """Return the name of the scenario that a test is."""
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("scenario", item.name)) if callspec else item.name


def choose(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the selected scenarios in their own order; all when none is named.

    :raises UserError: for a name that is no scenario.
    """
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"did you mean {near[0]}? " if near else ""
            raise UserError(f"there is no scenario {name}", f"{guess}use one of: {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


def metadata_of(item: pytest.Item) -> Metadata | None:
    """Return what the test's scenario declares about itself, None for a test that is no scenario."""
    name = scenario_name(item)
    return next((m for m in declared(getattr(item, "function", None)) if m.name == name), None)


def filter_scenarios(
    known: Sequence[Metadata], names: Sequence[str] = (), sets: Sequence[str] = (), tags: Sequence[str] = ()
) -> list[Metadata]:
    """Return the scenarios that are named or in one of the sets, and have all tags; all when neither is given.

    :raises UserError: for an unknown name, set or tag.
    """
    choose(names, [m.name for m in known])
    all_tags = sorted({tag for m in known for tag in m.tags})
    for kind, given, allowed in (("set", sets, list(SETS)), ("tag", tags, all_tags)):
        for word in given:
            if word not in allowed:
                raise UserError(f"there is no {kind} {word}", f"use one of: {', '.join(allowed)}")
    chosen = [m for m in known if m.name in names or any(m.in_set(s) for s in sets) or not (names or sets)]
    return [m for m in chosen if m.tags.issuperset(tags)]


class Selection:
    """A pytest plugin that keeps the selected scenarios and records the result of each."""

    def __init__(self, settings: Settings, wanted: Sequence[str] = ()) -> None:
        self.settings = settings
        self.wanted = list(wanted)
        self.known: list[str] = []
        self.metadata: dict[str, Metadata] = {}
        self.chosen: list[str] = []
        self.programs: list[str] = []
        self.lab = False
        self.error: UserError | None = None
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the selected scenarios; an unknown name ends the run before anything starts."""
        self.known = [scenario_name(item) for item in items]
        self.metadata = {found.name: found for item in items if (found := metadata_of(item))}
        try:
            self.chosen = choose(self.wanted, self.known)
        except UserError as error:
            self.error = error
        left_out = [item for item in items if scenario_name(item) not in self.chosen]
        items[:] = [item for item in items if scenario_name(item) in self.chosen]
        config.hook.pytest_deselected(items=left_out)
        for item in items:
            if found := metadata_of(item):
                self.lab |= found.lab
                self.programs += [*(LAB if found.lab else ()), *found.needs]
            item.user_properties.append(("scenario", scenario_name(item)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result: a scenario passes when its test and its final checks pass; a skipped one does not."""
        name = str(dict(report.user_properties).get("scenario", report.nodeid))
        if not report.passed:
            self.failed.add(name)
        elif report.when == "call":
            self.passed.add(name)

    @property
    def all_passed(self) -> bool:
        """Return whether at least one scenario was selected and every selected one passed."""
        return bool(self.chosen) and set(self.chosen) == self.passed - self.failed


def run_pytest(selection: Selection, *options: str) -> int:
    """Run pytest on the selected scenarios and return its exit code.

    :raises UserError: for an unknown scenario.
    """
    plugins: list[Any] = [_Registrar(selection)]
    arguments = [*OPTIONS, f"--rootdir={FOLDER.parent.parent}", *options, str(FOLDER)]
    code = int(pytest.main(arguments, plugins=plugins))
    if selection.error:
        raise selection.error
    return code


class _Registrar:
    """Register the selection under its name, so that fixtures find it."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def pytest_configure(self, config: pytest.Config) -> None:
        """Register the selection when pytest starts."""
        config.pluginmanager.register(self._selection, PLUGIN)


def collect(wanted: Sequence[str] = ()) -> Selection:
    """Return the known and the selected scenarios and their requirements without running anything.

    :raises UserError: for a name that is no scenario, and when the scenarios cannot be read.
    """
    selection = Selection(Settings(), wanted)
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = run_pytest(selection, "--collect-only", "-q")
    check_collected(code, printed.getvalue())
    return selection


def check_collected(code: int, output: str) -> None:
    """Refuse a collection that did not come to its end: a part of the scenarios would pass for all of them.

    :param code: pytest's exit code; 5 is that no test was selected.
    :raises UserError: when a scenario's file cannot be read.
    """
    if code == pytest.ExitCode.INTERRUPTED and "KeyboardInterrupt" in output:
        raise KeyboardInterrupt
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        wrong = next((line for line in output.splitlines() if line.startswith(("E  ", "ERROR "))), f"pytest exited with {code}")
        raise UserError(f"the scenarios cannot be read: {wrong.removeprefix('E  ').strip()}", "correct the file: make check unit")


def catalog() -> list[Metadata]:
    """Return what every scenario declares about itself, in the order of their files."""
    return list(collect().metadata.values())
