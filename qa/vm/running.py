"""The machines of this process that run, and reading the lines of all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.vm.machine import Machine

RUNNING: list[Machine] = []
"""The machines that run. Code that waits for anything reads their lines meanwhile: a guest whose console is not read stops."""


def pump_all(seconds: float) -> None:
    """Read the lines of all running machines for at most ``seconds``; sleep when no machine runs.

    :raises ScenarioFailed: see :meth:`qa.vm.channels.Channels.pump`.
    """
    machines = [machine for machine in RUNNING if machine.running]
    for machine in machines:
        machine.channels.pump(seconds / len(machines))
    if not machines:
        time.sleep(seconds)


def drain_all(seconds: float) -> None:
    """Read the lines of all running machines for ``seconds``, however much they send.

    Only one thread may read at a time; in scenarios it is the main thread.

    :raises ScenarioFailed: see :meth:`qa.vm.channels.Channels.pump`.
    """
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        pump_all(min(rest, 0.5))
