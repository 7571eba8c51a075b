"""Tells of a change: the kernel's log first, which needs no disk, then the log of events, then the administrator's programs."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import Reporter, first_line
from dom0kit.process import Runner, run
from firstboot.multipath_monitor.map_changes import Change

KMSG = Path("/dev/kmsg")
HOOKS = "etc/dom0kit/hooks/alert.d"
HOOK_SECONDS = 60.0
"""Run an administrator's program in /etc/dom0kit/hooks/alert.d.

Kind: configured. Reason: hooks run one after the other, and one that hangs would keep the next alerts from all of them. Expiry:
the program is killed, and the journal names it.
"""
STACK = 512 * 1024
"""Bytes of a thread's stack: all of it stays in memory, where the usual 8 MiB would be a waste."""
ERROR, NOTICE = 3, 5
"""Levels of the kernel's log (syslog(3)): errors are shown on the console."""


def kmsg_line(change: Change) -> str:
    """The line for the kernel's log."""
    return f"<{ERROR if change.bad else NOTICE}>dom0kit: {change.text}\n"


def to_kmsg(change: Change, path: Path | None = None) -> None:
    """Write into the kernel's log: the console and the journal show it."""
    try:
        with (path or KMSG).open("wb", buffering=0) as file:
            file.write(kmsg_line(change).encode())
    except OSError:
        pass  # in a container there is none


def event(change: Change) -> dict[str, object]:
    """The change as values of an event."""
    return {
        "state": change.kind,
        "disk": change.wwid,
        "path": change.path,
        "left": change.left,
        "expected": change.expected,
        "text": change.text,
    }


def hooks(root: Path) -> list[Path]:
    """The administrator's programs in their order: executable files, the names of editors' copies left out."""
    folder = root / HOOKS
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_file() and os.access(path, os.X_OK) and not path.name.endswith(("~", ".dpkg-dist"))]


def hook_environment(change: Change) -> dict[str, str]:
    """What a program is told; its standard input is the event as JSON."""
    return {
        "DOM0KIT_EVENT": f"path-{change.kind}",
        "DOM0KIT_DISK": change.wwid,
        "DOM0KIT_PATH": change.path,
        "DOM0KIT_LEFT": str(change.left),
        "DOM0KIT_EXPECTED": str(change.expected),
        "DOM0KIT_TEXT": change.text,
    }


def run_hooks(programs: Sequence[Path], change: Change, note: Callable[[str], None], runner: Runner = run) -> None:
    """Run the programs one after the other; what goes wrong in one concerns no other."""
    message = json.dumps({"event": "path", **event(change)}, sort_keys=True) + "\n"
    for program in programs:
        try:
            runner([str(program)], env=hook_environment(change), stdin=message, timeout=HOOK_SECONDS)
        except (OSError, UserError) as error:
            note(f"alert hook: {first_line(error)}")


class Worker:
    """Does one thing after the other beside everything else; what is asked of it waits its turn."""

    def __init__(self, work: Callable[[Change], None]) -> None:
        self.queue: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._work = work
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            self._work(self.queue.get())


class Alerts:
    """Tells of changes without ever keeping the watch waiting.

    The log of events is a file, which waits as long as the disk that it is on; neither listeners nor hooks wait for it.

    :param listeners: gets events that need no disk.
    :param log: gets events that do.
    """

    def __init__(self, root: Path, listeners: Reporter, log: Reporter, note: Callable[[str], None]) -> None:
        threading.stack_size(STACK)
        self._workers = (
            Worker(lambda change: listeners.emit("path", **event(change))),
            Worker(lambda change: run_hooks(hooks(root), change, note)),
            Worker(lambda change: log.emit("path", **event(change))),
        )

    def __call__(self, change: Change) -> None:
        to_kmsg(change)
        for worker in self._workers:
            worker.queue.put(change)
