"""Works on the queue at the master: one host after the other, by itself, whether or not the hosts are connected at the moment."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

from dom0kit.errors import UserError
from pool.driver import Joiner, Problem
from pool.join.queue import Queue

UNIT = "dom0kit-pool-queue.service"
Add = Callable[[Joiner], None]


def work(
    queue: Queue,
    add: Add,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.time,
    *,
    ending: Callable[[], bool] = lambda: False,
) -> int:
    """Add every host that waits and is there; a second worker beside the first has nothing to do.

    :param add: adds a host to the pool, and may be run again for one that it was cut off at.
    :param ending: whether to stop after the one that is at it.
    :returns: how many were added.
    """
    queue.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    added = 0
    with (queue.folder / "worker").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        while not ending() and (taken := queue.take(clock())):
            ticket, joiner = taken
            say(f"adding {joiner.name}")
            start = time.monotonic()
            problem = None
            try:
                add(joiner)
            except UserError as error:
                problem = Problem("failed", f"the pool could not add {joiner.name}: {error.message.splitlines()[0]}", error.hint)
            seconds = time.monotonic() - start
            queue.finish(ticket, problem, seconds, clock())
            say(f"{joiner.name}: {problem.text if problem else f'added in {seconds:.0f} s'}")
            added += problem is None
    return added


def queue_folder(root: Path) -> Path:
    """Where the queue is; on this host alone."""
    return root / "var/lib/dom0kit/pool/queue"
