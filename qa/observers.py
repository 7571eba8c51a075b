"""Observers of a scenario: its phases, the end of each machine, its failure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.vm.machine import Machine


@dataclass(frozen=True)
class Phase:
    """A part of a scenario; times in seconds, ``started_at`` since the scenario's start."""

    name: str
    started_at: float
    seconds: float


class Watcher:
    """An observer, called in the thread that runs the scenario; each method does nothing unless a subclass overrides it."""

    def phase_began(self, name: str) -> None:
        """Take note that a phase begins."""

    def phase_ended(self, name: str, error: BaseException | None) -> None:
        """Take note that a phase ends, by an exception or without one."""

    def machine_ends(self, machine: Machine, error: BaseException | None) -> None:
        """Take note that a machine is about to be ended, while it still runs.

        :param error: the exception that leaves the machine's ``with`` block.
        """

    def failed(self, error: BaseException) -> None:
        """Take note that the scenario's function has failed; machines of its fixtures still run."""


@contextmanager
def timed(phases: list[Phase], began: float, name: str, watchers: Sequence[Watcher]) -> Iterator[None]:
    """Add a phase to the list when the block ends, and inform the watchers.

    :param began: when the scenario started, by the monotonic clock.
    """
    for watcher in watchers:
        watcher.phase_began(name)
    start = time.monotonic()
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        phases.append(Phase(name, round(start - began, 1), round(time.monotonic() - start, 1)))
        for watcher in watchers:
            watcher.phase_ended(name, failure)
