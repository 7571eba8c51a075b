"""A screen that shows that time passes while a job runs in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from installer.tui.pages import summary
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import Update
from installer.tui.toolkit.wizard import Terminal, ask

T = TypeVar("T")
MOMENT = 0.4
"""Wait for a job before a screen says that it runs.

Kind: screen. Reason: a screen that flashes up for less cannot be read. Expiry: the screen is shown.
"""


def wait_for(terminal: Terminal, job: Job[T], text: str) -> T:
    """What a job gives, with a screen that shows that time passes when it takes more than a moment.

    :raises BaseException: what the job raised.
    """
    if not job.wait(MOMENT):
        while not job.over:
            ask(terminal, lambda: summary.looking(text), update=waiting(job))
    return job.result()


def waiting(job: Job[Any]) -> Callable[[], Update | None]:
    """What a screen shows while a job runs."""
    return lambda: Update(texts={"wait.time": f"{job.seconds:.0f} s"}, done="over" if job.over else "")
