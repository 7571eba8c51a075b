"""The sentence that names the fault, the step, and what was expected."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qa.checks import host_checks
from qa.errors import MachineStarved, ScenarioFailed
from qa.failure import explain
from qa.failure.evidence import MachineEvidence
from qa.failure.guest_state import GuestState
from qa.failure.text import block
from qa.scans.console_scan import findings
from qa.vm.channels import Channels
from qa.vm.machine import Machine
from qa.vm.qemu_args import MachineSpec

PANIC = "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs"
STATUS = ["   Active: failed (Result: exit-code) since Mon", "   Main PID: 4 (code=exited, status=3)"]
WITH_UNIT = MachineEvidence("host", guest=GuestState({"a.service": STATUS}))
TIMEOUT = "no event finished from firstboot after 2400 s of machine time; last step: network"


def test_a_panic_names_the_fault() -> None:
    machine = MachineEvidence("host", findings=findings(f"fine\n{PANIC}\n"))
    text = "kernel panic on host: Kernel panic - not syncing: VFS: Unable to mount root fs"
    assert explain.sentence(TIMEOUT, [machine]) == text
    assert explain.sentence(TIMEOUT, [machine], allowed={"kernel panic"}) == TIMEOUT


def test_the_products_report_names_the_fault() -> None:
    event = {"event": "failed", "source": "installer", "text": "the disk is not empty\nmore"}
    assert explain.sentence("x", [], failed_events=[("install", event)]) == "installer failed on install: the disk is not empty"


def test_a_failed_unit_names_a_wait_in_vain_and_a_check_for_units() -> None:
    unit = "the unit a.service failed on host (result exit-code, code=exited, status=3)"
    assert explain.sentence(TIMEOUT, [WITH_UNIT]) == f"{unit}; {TIMEOUT}"
    assert explain.sentence("failed units:\na.service", [WITH_UNIT]) == unit
    assert explain.sentence("the ESP is 200 MiB", [WITH_UNIT]) == "the ESP is 200 MiB"


def test_a_unit_on_the_console_is_named_when_the_guest_could_not_be_asked() -> None:
    line = "[FAILED] Failed to start b.service - A thing."
    judged = f"install-bios: 1 findings\n    host: failed unit, line 3: {line}"
    machine = MachineEvidence("host", findings=findings(line))
    assert explain.sentence(judged, [machine]) == "the unit b.service failed on host: A thing"


def test_the_final_check_is_shortened_to_its_first_finding() -> None:
    assert explain.sentence("x: 2 findings\n    a secret is in a.log\n    b", []) == "a secret is in a.log (and 1 more)"


def test_starved_machines_are_named_before_everything_else() -> None:
    machine = MachineEvidence("host", findings=findings(PANIC))
    assert explain.sentence("the machines were starved: of 9 s", [machine], starved=True) == "the machines were starved: of 9 s"
    assert explain.is_starved(MachineStarved("x"))
    assert not explain.is_starved(ScenarioFailed("x"))
    assert explain.sentence("", []) == "no reason was given"


def caught(action: Callable[[], object]) -> BaseException:
    with pytest.raises(ScenarioFailed) as error:
        action()
    return error.value


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Machine]:
    """Return a machine that sends nothing."""
    pairs = [socket.socketpair() for _ in range(3)]
    machine = Machine(MachineSpec(tmp_path), "silent", tmp_path)
    with closing(Channels(*(near for near, _ in pairs), console_log=io.StringIO(), event_log=io.StringIO())) as channels:
        machine._channels = channels
        yield machine
    for _, far in pairs:
        far.close()


def test_what_a_wait_was_for(silent: Machine) -> None:
    """The functions that wait are known by name: this fails when one of them is renamed."""
    error = caught(lambda: silent.wait_for_event("installer", limit=0.01))
    assert explain.expected(error).startswith("event finished from installer (limit: 0 s")
    error = caught(lambda: silent.console().expect("login: ", limit=0.01))
    assert explain.expected(error).startswith("match on the console for login: ")


def test_what_a_check_looked_at() -> None:
    listing = '{"blockdevices": [{"children": [{"type": "part", "size": 1}]}]}'
    error = caught(lambda: host_checks.check_layout(listing))
    assert explain.expected(error).startswith("the check at qa/checks/host_checks.py:")
    assert "need(len(found) == 4" in explain.expected(error)
    assert explain.text_of(ValueError("x")) == "ValueError: x"


def test_the_step() -> None:
    started = {"event": "step", "source": "installer", "name": "wipe", "state": "started", "at": 9.6}
    running = MachineEvidence("install", running=True, events=[started])
    ended = MachineEvidence("host", events=[started, {**started, "state": "finished"}])
    text = "phase 'install'; install: installer step 'wipe', which started 10 s after power-on"
    assert explain.step_text("install", [], [ended, running]) == text
    assert explain.step_text("", ["a", "b"], [ended]).startswith("after phase 'b'; host: the last step was installer step 'wipe'")
    assert explain.step_text("", [], []) == "before the first phase"


def test_the_block_begins_with_the_sentence() -> None:
    machine = MachineEvidence("host", running=True, console_tail=["    1.0 | hello"], guest=WITH_UNIT.guest, way="ssh")
    failure = explain.Failure(
        "s", "failed", "it broke", "phase 'p'", "that", ["qa/x.py:1: y"], "make it", [machine], error="it broke"
    )
    text = block(failure, seconds=61.2, record="3 of 4", artifacts="artifacts/s")
    assert text.splitlines()[0] == "it broke"
    for part in ("failed after 61 s; passed before: 3 of 4", "reproduce  make it", "1.0 | hello", "code=exited, status=3"):
        assert part in text
    value = failure.to_json()
    assert value["failed_units"] == {"host": ["a.service: result exit-code, code=exited, status=3"]}
    assert value["console_tail"] == {"host": ["    1.0 | hello"]}
