"""Report a path change.

To the kernel's log, which needs no disk, the event log and the administrator's hooks.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import EventFields, Reporter, first_line
from dom0kit.process import Runner, run
from firstboot.multipath_monitor.map_changes import Change

KMSG = Path("/dev/kmsg")
HOOKS = "etc/dom0kit/hooks/alert.d"
HOOK_SECONDS = 60.0
"""Run an administrator's program in /etc/dom0kit/hooks/alert.d.

Kind: configured. Reason: hooks run one after the other, and one that hangs would keep the next
alerts from all of them. Expiry: the program is killed, and the journal names it.
"""
STACK = 512 * 1024
"""Bytes of a thread's stack: it is locked in memory as a whole, where the default of 8 MiB is a
waste. @ ERROR, NOTICE Levels of the kernel's log (syslog(3)): errors are shown on the console.
"""
ERROR, NOTICE = 3, 5
"""Levels of the kernel's log (syslog(3)): errors are shown on the console."""


def kmsg_line(change: Change) -> str:
    """Return the line for the kernel's log."""
    return f"<{ERROR if change.bad else NOTICE}>dom0kit: {change.text}\n"


def to_kmsg(change: Change, path: Path | None = None) -> None:
    """Write into the kernel's log, which the console and the journal show."""
    try:
        with (path or KMSG).open("wb", buffering=0) as file:
            file.write(kmsg_line(change).encode())
    except OSError:
        pass  # in a container there is none


def event(change: Change) -> EventFields:
    """Return the change as values of an event."""
    return {
        "state": change.kind,
        "disk": change.wwid,
        "path": change.path,
        "left": change.left,
        "expected": change.expected,
        "text": change.text,
    }


def hooks(root: Path) -> list[Path]:
    """Return the administrator's programs in order: executable files except editors' backups."""
    folder = root / HOOKS
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_file() and os.access(path, os.X_OK) and not path.name.endswith(("~", ".dpkg-dist"))]


def hook_environment(change: Change) -> dict[str, str]:
    """Return the environment variables of a hook; its standard input is the event as JSON."""
    return {
        "DOM0KIT_EVENT": f"path-{change.kind}",
        "DOM0KIT_DISK": change.wwid,
        "DOM0KIT_PATH": change.path,
        "DOM0KIT_LEFT": str(change.left),
        "DOM0KIT_EXPECTED": str(change.expected),
        "DOM0KIT_TEXT": change.text,
    }


def run_hooks(programs: Sequence[Path], change: Change, note: Callable[[str], None], runner: Runner = run) -> None:
    """Run the programs one after the other; a failure of one does not affect the others."""
    message = json.dumps({"event": "path", **event(change)}, sort_keys=True) + "\n"
    for program in programs:
        try:
            runner([str(program)], env=hook_environment(change), stdin=message, timeout=HOOK_SECONDS)
        except (OSError, UserError) as error:
            note(f"alert hook: {first_line(error)}")


class Worker:
    """A thread that processes changes one after the other."""

    def __init__(self, work: Callable[[Change], None]) -> None:
        self.queue: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._work = work
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(self.queue.get())


class Alerts:
    """Report changes without blocking the monitor.

    The event log is a file, which blocks as long as its disk does; listeners and hooks do not wait
    for it.

    :param listeners: gets events that need no disk.
    :param log: gets events for the log file.
    """

    def __init__(self, root: Path, listeners: Reporter, log: Reporter, note: Callable[[str], None]) -> None:
        threading.stack_size(STACK)
        self._workers = (
            Worker(lambda change: listeners.emit("path", **event(change))),
            Worker(lambda change: run_hooks(hooks(root), change, note)),
            Worker(lambda change: log.emit("path", **event(change))),
        )

    def __call__(self, change: Change) -> None:
        """Report a change."""
        to_kmsg(change)
        for worker in self._workers:
            worker.queue.put(change)
