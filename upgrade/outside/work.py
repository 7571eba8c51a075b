"""What a task does with a host that was found, and its result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from answerfiles.model import HostTask
from installer.host_tasks import KeptHost
from installer.session import Session
from upgrade.outside import refusals
from upgrade.outside.found_host import FoundHost

RETURNED = "state/common/returned.json"
"""The last return to another image from outside."""
KEPT = (
    "the host's settings, accounts, keys and files",
    "the guests' volumes, which are not opened",
    "the pool's data, logs and saved guests, which all images share",
)
"""What an upgrade and a return keep."""


@dataclass(frozen=True)
class Outcome:
    """The result of a task; see :class:`installer.host_tasks.Done`."""

    text: str
    changed: bool
    warnings: list[str]


@dataclass(frozen=True)
class Work:
    """A task for one host.

    :param title: what is done, in a line.
    :param does: what is written; ``keeps``: what stays as it is.
    :param steps: titles of the steps in order.
    """

    title: str
    does: tuple[str, ...]
    keeps: tuple[str, ...]
    run: Callable[[Session], Outcome]
    steps: tuple[str, ...] = ()


def digest(task: HostTask, order: str) -> str:
    """Return what tells one task from another: its answers and the order of a network boot.

    A medium may stay in the machine, and start the installer each time that the host restarts.
    """
    text = task.model_dump_json(exclude={"san", "reports", "finish", "on_failure"})
    return hashlib.sha256(f"{text} {order}".encode()).hexdigest()[:16]


def done_before(host: FoundHost) -> KeptHost:
    """Return the error for a task that was carried out before."""
    error = refusals.TASK_DONE.error(f"{host.describe()}: this was done before, with the same answers")
    return KeptHost(host.name, host.disk.path, error)


def begin(host_name: str, paths: str, session: Session) -> list[str]:
    """Report that the work on the disks begins, and wait until a network boot's order has ended.

    :returns: warnings.
    """
    session.reporter.emit("writing", text=f"{host_name} on {paths}")
    return session.reports.wait_for_order_to_end(host_name) if session.order else []
