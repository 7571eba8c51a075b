"""Step records on disk: which steps are done, and why one failed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, cast

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.host_json import HostJson
from firstboot.retry import Moment, StepFailure
from firstboot.secret_erasure import masked

FOLDER = "var/lib/dom0kit/firstboot"


class StepDone(TypedDict, total=False):
    """The record of a finished step; one that an older dom0kit wrote may lack any of these.

    :ivar answers: hash of the answers that the step depends on.
    :ivar seconds: duration.
    :ivar time: seconds since 1970.
    :ivar boot: ID of the boot.
    :ivar warnings: repeated when the step is skipped in this boot.
    """

    step: str
    answers: str
    seconds: float
    time: float
    boot: str
    warnings: list[str]


def fingerprint(host_json: HostJson, parts: Sequence[str], secrets: Sequence[str] = ()) -> str:
    """Return a hash of the parts of ``host.json`` that a step depends on.

    :param secrets: paths of secrets that are erased later; they are masked in the hash.
    """
    known: Mapping[str, Any] = masked(host_json, secrets)
    text = json.dumps([known.get(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Busy(UserError):
    """Another process runs the steps."""


@dataclass(frozen=True)
class StepRecords:
    """The step records of one host.

    :param root: of its file system.
    """

    root: Path

    @property
    def folder(self) -> Path:
        """The folder of the records."""
        return self.root / FOLDER

    def read(self, step: str) -> StepDone | None:
        """Return a step's record; None when the step is not done or the record is damaged."""
        return cast("StepDone | None", _read(self.folder / f"{step}.json"))

    def error(self, step: str) -> StepFailure | None:
        """Return the failure record of a step: reason, number of tries, and when it is due again.

        Or None.
        """
        return cast("StepFailure | None", _read(self.folder / f"{step}.error.json"))

    def write_done(self, step: str, mark: str, seconds: float, *, boot: str = "", warnings: Sequence[str] = ()) -> None:
        """Record a step as done.

        What the step wrote is synced to disk first: a record that outlives its step's files would
        hide their loss.

        :param mark: hash of the answers that the step depends on.
        :param seconds: duration.
        :param boot: ID of this boot, for steps that run once per boot.
        :param warnings: repeated when the step is skipped in this boot.
        """
        os.sync()
        self.folder.mkdir(parents=True, exist_ok=True)
        value = StepDone(
            step=step, answers=mark, seconds=round(seconds, 2), time=round(time.time(), 3), boot=boot, warnings=list(warnings)
        )
        write_json(self.folder / f"{step}.json", value, 0o600)
        (self.folder / f"{step}.error.json").unlink(missing_ok=True)

    def write_failed(self, step: str, text: str, moment: Moment, pause: float | None) -> StepFailure:
        """Record a failure and when the step is due again.

        :param pause: seconds until the retry; None: no automatic retry.
        :returns: the record.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self.error(step) or {}
        value = StepFailure(
            step=step,
            error=text,
            tries=int(before.get("tries", 0)) + 1,
            time=round(time.time(), 3),
            boot=moment.boot,
            row=self.failures_in_boot(step, moment) + 1,
            due=None if pause is None else round(moment.seconds + pause, 1),
        )
        write_json(self.folder / f"{step}.error.json", value, 0o600)
        return value

    def failures_in_boot(self, step: str, moment: Moment) -> int:
        """Return how often a step has failed in a row in this boot."""
        before = self.error(step) or {}
        return int(before.get("row", 0)) if before.get("boot") == moment.boot else 0

    def clear(self, step: str) -> None:
        """Delete a step's record."""
        (self.folder / f"{step}.json").unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lock of the records, so that only one process runs steps.

        :raises Busy: when another process holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy("first boot is already running", "wait for it: journalctl -fu dom0kit-firstboot") from error
            yield


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
