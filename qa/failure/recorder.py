"""Collect evidence while the machines of a failing scenario still run, and explain the failure at its end."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from dom0kit.fs import write_atomic, write_json
from dom0kit.redact import Redactor
from qa import history, result_files, timeouts
from qa.failure import evidence, explain, last_good, reach, reproduce, text
from qa.failure.evidence import MachineEvidence
from qa.failure.explain import Failure
from qa.failure.guest_state import GuestState
from qa.observers import Watcher
from qa.result_files import EXPLANATION_JSON, EXPLANATION_TEXT
from qa.vm.channels import Message
from qa.vm.machine import Machine
from qa.vm.machine_time import Deadline

if TYPE_CHECKING:
    from pathlib import Path

    from qa.scenario import Scenario

ALL_MACHINES = 2 * timeouts.DIAGNOSTIC
"""Seconds of machine time after which no more machines are queried: a pool's hosts may all be silent."""


class FailureRecorder(Watcher):
    """Record the evidence of a scenario's failure.

    Evidence is taken once for each exception, when it leaves the first ``with machine`` block or the scenario's function;
    and of a machine that ends without an exception although its console or events show an unexpected failure.

    :param may_type: use the serial consoles of guests that do not answer by ssh.
    :param on_failure: called with the exception after the evidence was taken, while the machines still run.
    """

    def __init__(
        self, scenario: Scenario, *, may_type: bool = True, on_failure: Callable[[BaseException], None] | None = None
    ) -> None:
        self._scenario = scenario
        self._may_type = may_type
        self.on_failure = on_failure
        self._open: list[str] = []
        self._broken: tuple[BaseException, str] | None = None
        self._seen: BaseException | None = None
        self._guests: dict[Machine, tuple[GuestState | None, str]] = {}
        self._ran: set[Machine] = set()

    def phase_began(self, name: str) -> None:
        """Take note of the phase."""
        self._open.append(name)

    def phase_ended(self, name: str, error: BaseException | None) -> None:
        """Take note of the innermost phase that an exception leaves."""
        self._open.remove(name)
        if error is not None and (self._broken is None or self._broken[0] is not error):
            self._broken = (error, name)

    def machine_ends(self, machine: Machine, error: BaseException | None) -> None:
        """Take evidence of all machines that run, or of the one that ends if only the final checks will fail."""
        if error is not None:
            self.failed(error)
        elif self._conspicuous(machine):
            self._take([machine])

    def failed(self, error: BaseException) -> None:
        """Take evidence of all machines that run, unless that was done for this exception; Ctrl-C is no failure."""
        if error is self._seen or not isinstance(error, Exception):
            return
        self._seen = error
        self._take([machine for machine in self._scenario.machines if machine.running])
        if self.on_failure:
            self.on_failure(error)

    def _conspicuous(self, machine: Machine) -> bool:
        if not machine.started:
            return False
        unexpected = [f for name, f in self._scenario.seen() if name == machine.name and f.kind not in self._scenario.expected]
        return bool(unexpected) or any(machine.channels.unexpected(event) for event in machine.events)

    def _take(self, machines: list[Machine]) -> None:
        """Query machines about themselves; no exception leaves it but Ctrl-C, see :func:`qa.failure.reach.ask`."""
        deadline = Deadline(ALL_MACHINES)
        for machine in machines:
            self._ran.add(machine)
            if deadline.expired:
                self._guests[machine] = (None, "there was no time left")
                continue
            self._guests[machine] = reach.ask(machine, self._scenario.settings.credentials, may_type=self._may_type)

    def phase_of(self, error: BaseException | None) -> str:
        """Return the phase that an exception left, or that is open; "" when there is none."""
        if self._broken and self._broken[0] is error:
            return self._broken[1]
        return self._open[-1] if self._open else ""

    def redactor(self) -> Redactor:
        """Return the filter for everything that is written."""
        redactor = Redactor()
        credentials = self._scenario.settings.credentials
        redactor.add([credentials.password, credentials.password_hash, *self._scenario.secrets])
        return redactor

    def evidence(self) -> list[MachineEvidence]:
        """Return the evidence about each machine that was started."""
        found = []
        for machine in self._scenario.machines:
            if machine.began:
                guest, way = self._guests.get(machine, (None, "the machine had ended"))
                found.append(evidence.of_machine(machine, running=machine in self._ran, guest=guest, way=way))
        return found

    def explain(self, error: BaseException | None, error_text: str = "", *, result: str = "failed") -> Failure:
        """Return the explanation.

        :param error: the exception, None when there is only a text.
        :param error_text: what is known of the error otherwise.
        """
        scenario, settings = self._scenario, self._scenario.settings
        message = explain.text_of(error) if error else error_text
        machines = self.evidence()
        failed_events: list[tuple[str, Message]] = [
            (m.name, event) for m in scenario.machines if m.started for event in m.events if m.channels.unexpected(event)
        ]
        commit, digest = result_files.commit(), result_files.iso_digest(settings.iso)
        timings = {"phases": {phase.name: phase.seconds for phase in scenario.phases}, "steps": scenario.steps()}
        return Failure(
            scenario=scenario.name,
            result=result,
            sentence=explain.sentence(
                message,
                machines,
                starved=explain.is_starved(error),
                allowed=scenario.expected,
                failed_events=failed_events,
            ),
            step=explain.step_text(self.phase_of(error), [phase.name for phase in scenario.phases], machines),
            expected=explain.expected(error) if error else "",
            where=explain.where(error) if error else [],
            reproduce=reproduce.command(
                scenario.name,
                commit=commit,
                iso=settings.iso,
                iso_sha256=digest,
                memory=settings.memory,
                cpus=settings.cpus,
                fresh=settings.fresh,
                env=os.environ,
            ),
            machines=machines,
            stages=scenario.stages,
            since_last_good=last_good.since(
                settings.artifacts, scenario.name, commit=commit, iso_sha256=digest, iso=settings.iso, timings=timings
            ),
            error=message,
        )

    def write(
        self,
        error: BaseException | None,
        error_text: str = "",
        *,
        result: str = "failed",
        folder: Path | None = None,
    ) -> Failure:
        """Write ``failure.json`` and ``failure.txt``, without secrets; return the explanation.

        A defect in here does not hide the failure: its traceback is kept with the error's text.

        :param folder: where to; None: the scenario's artifacts.
        """
        scenario = self._scenario
        folder = folder or scenario.folder
        folder.mkdir(parents=True, exist_ok=True)
        redactor = self.redactor()
        try:
            failure = self.explain(error, error_text, result=result)
        except Exception:
            message = explain.text_of(error) if error else error_text
            bug = f"{message}\nthe explanation failed:\n{traceback.format_exc()}"
            failure = Failure(scenario.name, result, explain.sentence(message, []), "unknown", "", [], "", error=bug)
        record = history.record_text(history.read(scenario.settings.artifacts), scenario.name)
        shown = text.block(failure, seconds=time.monotonic() - scenario.began, record=record, artifacts=str(scenario.folder))
        write_json(folder / EXPLANATION_JSON, redactor.value(failure.to_json()))
        write_atomic(folder / EXPLANATION_TEXT, redactor(shown) + "\n")
        return failure
