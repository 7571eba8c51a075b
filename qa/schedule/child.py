"""A scenario in a process of its own, its lock in the folder of artifacts, and its outcome."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dom0kit.fs import write_json
from qa import history
from qa.result_files import PROJECT, commit, iso_digest, utc_now
from qa.scenario import OUTPUT, Settings

PRIVATE = ".schedule"
"""Folder below the artifacts for locks and first attempts; reports skip it."""
FIRST_ATTEMPT = "attempt-1"
INTERRUPT_SECONDS = 60.0
"""Seconds that an interrupted child gets to end its machines and servers before it is killed."""
TAIL_LINES = 15
PDEATHSIG = ("setpriv", "--pdeathsig", "TERM")
"""The child ends when its parent does, even when that is killed."""


def child_argv(scenario: str, settings: Settings) -> list[str]:
    """Return the command that runs one scenario with these settings."""
    return [
        *(*PDEATHSIG, sys.executable, "-m", "qa", scenario, "--child"),
        *("--iso", str(settings.iso), "--artifacts", str(settings.artifacts)),
        *("--memory", str(settings.memory), "--cpus", str(settings.cpus)),
        *(["--keep"] if settings.keep else []),
        *(["--fresh"] if settings.fresh else []),
    ]


def lock(artifacts: Path, scenario: str, *, wait: bool = False) -> IO[str] | None:
    """Lock the scenario's folder of artifacts against other runs; it is released when all copies of the file are closed.

    :return: None when another run has it and ``wait`` is false.
    """
    (artifacts / PRIVATE).mkdir(parents=True, exist_ok=True)
    file = (artifacts / PRIVATE / f"{scenario}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    return file


def clear(artifacts: Path, scenario: str) -> Path:
    """Empty the scenario's folder of artifacts and return it."""
    folder = artifacts / scenario
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def set_first_attempt_aside(artifacts: Path, scenario: str) -> None:
    """Move the artifacts of a failed run out of the way of its repetition."""
    aside = artifacts / PRIVATE / f"{scenario}-{FIRST_ATTEMPT}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(exist_ok=True)
    (artifacts / scenario).rename(aside)


def keep_first_attempt(artifacts: Path, scenario: str) -> None:
    """Move the artifacts of the first run into those of the repetition, as ``attempt-1``."""
    aside = artifacts / PRIVATE / f"{scenario}-{FIRST_ATTEMPT}"
    if aside.is_dir():
        aside.rename(artifacts / scenario / FIRST_ATTEMPT)


def read_result(artifacts: Path, scenario: str) -> dict[str, Any] | None:
    """Return the content of ``result.json``, None when there is none."""
    try:
        value: dict[str, Any] = json.loads((artifacts / scenario / "result.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return value


def outcome(
    scenario: str, settings: Settings, *, code: int, started: str, seconds: float, attempt: int = 1, verdict_on: str = ""
) -> history.Run:
    """Return the result of a run from the files in its folder; a run without files has failed.

    :param code: exit code of the child.
    :param verdict_on: the result of the first attempt, for the verdict on both.
    """
    folder = settings.artifacts / scenario
    result = read_result(settings.artifacts, scenario)
    if result is None:
        output = folder / OUTPUT
        tail = output.read_text(errors="replace").splitlines()[-TAIL_LINES:] if output.exists() else []
        interrupted = code in (130, -signal.SIGTERM, -signal.SIGKILL)
        error = "interrupted" if interrupted else f"the scenario's process ended with exit code {code} and left no result"
        result = {
            "scenario": scenario,
            "result": "interrupted" if interrupted else "failed",
            "error": "\n".join([error, *tail]),
            "seconds": round(seconds, 1),
            "started": started,
            "finished": utc_now(),
            "commit": commit(),
            "iso": {"path": str(settings.iso), "sha256": iso_digest(settings.iso)},
        }
    verdict = history.verdict(verdict_on, str(result["result"])) if attempt > 1 else ""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "result.json", {**result, "attempt": attempt, "verdict": verdict})
    timings = folder / "timings.json"
    return history.from_result(
        result, json.loads(timings.read_text()) if timings.exists() else {}, attempt=attempt, verdict=verdict
    )


class Child:
    """A running scenario.

    :param show: leave its output on this terminal instead of in ``output.txt``.
    """

    def __init__(self, scenario: str, settings: Settings, held: IO[str], *, show: bool, attempt: int = 1) -> None:
        self.scenario, self.settings, self.attempt = scenario, settings, attempt
        self.began, self.started = time.monotonic(), utc_now()
        self._held = held
        folder = clear(settings.artifacts, scenario)
        self._output = None if show else (folder / OUTPUT).open("wb")
        # A session of its own: Ctrl-C comes to the scheduler alone, which ends its children one by one. The child holds the
        # lock as well: it is still busy when its parent was killed.
        self._process = subprocess.Popen(
            child_argv(scenario, settings),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output and subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(PROJECT), "PYTHONUNBUFFERED": "1"},
            pass_fds=(held.fileno(),),
            start_new_session=True,
        )

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.began

    @property
    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self._process.poll() is not None

    def interrupt(self) -> None:
        """Ask the process to end its machines and to end."""
        if not self.ended:
            self._process.terminate()

    def finish(self, verdict_on: str = "") -> history.Run:
        """Wait for the end, and kill a process that does not end after an interruption; return the outcome."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(INTERRUPT_SECONDS)
        if not self.ended:
            self._process.kill()
        code = self._process.wait()
        if self._output:
            self._output.close()
        keep_first_attempt(self.settings.artifacts, self.scenario)
        value = outcome(
            self.scenario,
            self.settings,
            code=code,
            started=self.started,
            seconds=self.seconds,
            attempt=self.attempt,
            verdict_on=verdict_on,
        )
        self._held.close()
        return value


def ignore_signals(signals: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)) -> None:
    """Ignore additional signals while children are ended, so that an impatient second Ctrl-C leaves nothing behind."""
    for number in signals:
        signal.signal(number, signal.SIG_IGN)
