"""The worker of the join queue on the master: it adds one host after the other, connected or not."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from dom0kit.errors import UserError
from pool.driver import JoiningHost, Problem
from pool.join.queue import Queue

UNIT = "dom0kit-pool-queue.service"
Add = Callable[[JoiningHost], None]


def run_worker(
    queue: Queue,
    add: Add,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    *,
    ending: Callable[[], bool] = lambda: False,
) -> int:
    """Add every host that is waiting and present; return at once when another worker is running.

    :param add: adds a host to the pool; called again for a host whose addition was interrupted.
    :param say: takes log lines.
    :param ending: whether to stop after the current host.
    :returns: number of hosts added.
    """
    queue.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    added = 0
    with (queue.folder / "worker").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        while not ending() and (taken := queue.take(clock())):
            entry, host = taken
            say(f"adding {host.name}")
            start = time.monotonic()
            problem = None
            try:
                add(host)
            except UserError as error:
                problem = Problem("failed", f"the pool could not add {host.name}: {error.message.splitlines()[0]}", error.hint)
            seconds = time.monotonic() - start
            queue.finish(entry, problem, seconds, clock())
            say(f"{host.name}: {problem.text if problem else f'added in {seconds:.0f} s'}")
            added += problem is None
    return added


def queue_folder(root: Path) -> Path:
    """Return the folder of the queue, which exists on the master only."""
    return root / "var/lib/dom0kit/pool/queue"
