"""Screen that shows the elapsed time while a background job runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from installer.tui.pages import summary
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import Update
from installer.tui.wizard import Terminal, show_form

T = TypeVar("T")
MOMENT = 0.4
"""Wait for a job before the busy screen appears.

Kind: screen. Reason: a screen that is visible for less cannot be read. Expiry: the screen is shown.
"""


def wait_for(terminal: Terminal, job: Job[T], text: str) -> T:
    """Return the result of a job; show a busy screen if it takes longer than a moment.

    :raises BaseException: the exception of the job.
    """
    if not job.wait(MOMENT):
        while not job.over:
            show_form(terminal, lambda: summary.busy(text), update=busy_update(job))
    return job.result()


def busy_update(job: Job[Any]) -> Callable[[], Update | None]:
    """Return the update function of the busy screen for a job."""
    return lambda: Update(texts={"wait.time": f"{job.seconds:.0f} s"}, done="over" if job.over else "")
