"""Fixtures of all scenarios, and the final checks that each ends with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa.errors import MachineStarved
from qa.failure import last_good
from qa.guest.ssh_access import close_all
from qa.install.installed_disk import InstalledDisks
from qa.interactive.command import add_watchers
from qa.lab.lab import Lab
from qa.metadata import declared, parameters
from qa.network_boot import Trees
from qa.observers import Watcher
from qa.pool.checks import pool_of_one
from qa.pool.pool_hosts import SNAPSHOT, PoolDisks, PoolLab
from qa.result_files import record
from qa.scenario import Scenario, Settings
from qa.selection import PLUGIN, Selection, result_key, starved_key
from qa.vm.machine import Machine

raised_key = pytest.StashKey[BaseException]()
watchers_key = pytest.StashKey[list[Watcher]]()


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Return the run's settings: those of ``dom0kit qa``, or the defaults when pytest was called directly."""
    plugin = request.config.pluginmanager.getplugin(PLUGIN)
    value = plugin.settings if isinstance(plugin, Selection) else Settings()
    if not isinstance(plugin, Selection):
        value.check()
    yield value
    value.close()


@pytest.fixture(scope="session")
def installed_disks() -> InstalledDisks:
    """Return the installed disks, shared by the scenarios of the run."""
    return InstalledDisks()


@pytest.fixture(scope="session")
def trees(settings: Settings) -> Trees:
    """Return the network-boot tree, shared by the scenarios of the run."""
    return Trees(settings)


@pytest.fixture
def scenario(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Scenario]:
    """Make the scenario named by the test's parameter; check and record it at its end."""
    value = Scenario(request.param, settings)
    value.prepare()
    recorder = add_watchers(value, settings)
    request.node.stash[watchers_key] = value.watchers
    start = time.monotonic()
    yield value
    report = request.node.stash.get(result_key, None)
    # A test without a report was interrupted, which is no success.
    starved = request.node.stash.get(starved_key, False)
    raised: BaseException | None = request.node.stash.get(raised_key, None)
    error = "interrupted" if report is None else "" if report.passed else str(report.longrepr)
    try:
        if not error:
            value.final_check()
    except AssertionError as verdict:
        error, starved, raised = str(verdict), isinstance(verdict, MachineStarved), verdict
        raise
    finally:
        for machine in value.machines:
            machine.crash()
        outcome = "interrupted" if report is None else "starved" if starved else "failed" if error else "passed"
        if outcome in ("failed", "starved"):
            error = f"{recorder.write(raised, error, result=outcome).sentence}\n{error}"
        record(value, outcome, error, time.monotonic() - start)
        if outcome == "passed":
            last_good.keep(settings.artifacts, value.name, settings.iso)


@pytest.fixture
def lab(scenario: Scenario) -> Iterator[Lab]:
    """Make the scenario's own network; what does not end with it is a problem of the scenario."""
    with Lab(scenario.folder, scenario.work) as value:
        yield value
        close_all()
        for machine in scenario.machines:
            machine.crash()
        scenario.problems += value.close()


@pytest.fixture(scope="session")
def pool_disks() -> PoolDisks:
    """Return the disks of a host before its first boot and of a pool of one, shared by the scenarios of the run."""
    return PoolDisks()


@pytest.fixture
def pool(scenario: Scenario, lab: Lab) -> PoolLab:
    """Return the scenario's hosts."""
    return PoolLab(scenario, lab)


@pytest.fixture
def master_disk(scenario: Scenario, pool: PoolLab, pool_disks: PoolDisks) -> Path:
    """Copy the disk of a pool's first host, with the snapshot in which it runs; make the pool when it is not cached."""
    disk = pool_disks.master(scenario, pool_of_one(scenario, pool, pool_disks))
    scenario.secrets.append(pool_disks.token)
    return disk


@pytest.fixture
def master(pool: PoolLab, master_disk: Path) -> Iterator[Machine]:
    """Run the first host of a pool, from the snapshot."""
    with pool.running(1, master_disk, restore=SNAPSHOT) as machine:
        yield machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each scenario that a function is declared to be; see :mod:`qa.metadata`."""
    if declared(metafunc.function):
        names, values, ids = parameters(metafunc.function, metafunc.fixturenames)
        metafunc.parametrize(names, values, indirect=["scenario"], ids=ids)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Pass the test's result on to the fixtures, and record that a machine was starved."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    # A scenario whose fixtures failed has failed as well.
    if report.when == "call" or (report.when == "setup" and report.failed):
        item.stash[result_key] = report
    if call.excinfo and report.when != "teardown":
        item.stash[raised_key] = call.excinfo.value
        for watcher in item.stash.get(watchers_key, []):
            watcher.failed(call.excinfo.value)
    if call.excinfo and isinstance(call.excinfo.value, MachineStarved):
        item.stash[starved_key] = True
        report.user_properties.append(("starved", item.name))
    return report  # type: ignore[return-value]
