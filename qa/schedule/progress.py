"""Progress output: a line for each start and end, and on a terminal a status line that is kept up to date."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from dom0kit.units import human_seconds
from qa.history import Run
from qa.result_files import EXPLANATION_TEXT
from qa.scans.console_scan import strip_ansi
from qa.scenario import OUTPUT
from qa.schedule.plan import Job

TAIL = 40


def status(running: Sequence[tuple[Job, float]], waiting: int, ended: int, width: int) -> str:
    """Return the status in one line.

    :param running: each job with the seconds since its start.
    :param width: of the terminal in characters.
    """
    parts = [f"{job.name} {human_seconds(seconds)} of {human_seconds(job.minutes * 60)}" for job, seconds in running]
    text = f"{ended} ended, {waiting} waiting; running: {', '.join(parts) or 'none'}"
    return text if len(text) < width else f"{text[: width - 2]}…"


def end_line(run: Run) -> str:
    """Return the line about a run that has ended: result, duration, and the error's first line."""
    verdict = f" ({run.verdict})" if run.verdict else ""
    error = f": {run.error}" if run.error and run.result != "passed" else ""
    return f"{run.result:<11} {run.scenario}, {human_seconds(run.seconds)}{verdict}{error}"


def failure_block(folder: Path, lines: int = TAIL) -> str:
    """Return the explanation of a failure, or the end of the output when there is no explanation.

    :param folder: the scenario's artifacts.
    :param lines: how many lines of the output are shown when there is no explanation.
    """
    explanation = folder / EXPLANATION_TEXT
    if explanation.exists():
        return explanation.read_text(errors="replace").rstrip()
    output = folder / OUTPUT
    if not output.exists():
        return ""
    tail = output.read_text(errors="replace").rstrip().splitlines()[-lines:]
    return "\n".join([f"the end of {output}:", *(f"    {strip_ansi(line)}" for line in tail)])


class Progress:
    """Print lines, and below them the status when the output is a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._terminal = self._stream.isatty()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._stream.write(f"\r\033[K{text}\n" if self._terminal else f"{text}\n")
        self._stream.flush()

    def update(self, running: Sequence[tuple[Job, float]], waiting: int, ended: int) -> None:
        """Show the status line when the output is a terminal."""
        if self._terminal:
            self._stream.write(f"\r\033[K{status(running, waiting, ended, shutil.get_terminal_size().columns)}")
            self._stream.flush()

    def close(self) -> None:
        """Remove the status."""
        if self._terminal:
            self._stream.write("\r\033[K")
            self._stream.flush()
