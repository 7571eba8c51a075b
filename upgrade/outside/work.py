"""What a task does with a host that was found, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from installer.session import Session

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
    """

    title: str
    does: tuple[str, ...]
    keeps: tuple[str, ...]
    run: Callable[[Session], Outcome]


def begin(host_name: str, paths: str, session: Session) -> list[str]:
    """Report that the work on the disks begins, and wait until a network boot's order has ended.

    :returns: warnings.
    """
    session.reporter.emit("writing", text=f"{host_name} on {paths}")
    return session.reports.wait_for_order_to_end(host_name) if session.order else []
