"""The record on the disk of which steps are done, and of why one is not."""

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
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from firstboot.retry import Moment
from firstboot.secret_erasure import masked

FOLDER = "var/lib/dom0kit/firstboot"


def fingerprint(told: Mapping[str, Any], parts: Sequence[str], secrets: Sequence[str] = ()) -> str:
    """A hash of the parts of ``host.json`` that a step depends on.

    :param secrets: paths of those that are used up; they do not count, so that the hash is the same without them.
    """
    told = masked(told, secrets)
    text = json.dumps([told.get(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Busy(UserError):
    """Somebody else runs the steps at this moment."""


@dataclass(frozen=True)
class Stamps:
    """The stamps of one host, below its root."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where the stamps are."""
        return self.root / FOLDER

    def read(self, step: str) -> dict[str, Any] | None:
        """A step's stamp, or None when the step is not done; a stamp that cannot be read counts as none."""
        return _read(self.folder / f"{step}.json")

    def error(self, step: str) -> dict[str, Any] | None:
        """Why the step failed when it was last tried, how often, and when it is due again; or None."""
        return _read(self.folder / f"{step}.error.json")

    def done(self, step: str, mark: str, seconds: float, *, boot: str = "", warnings: Sequence[str] = ()) -> None:
        """Write the stamp of a step that has truly ended well.

        :param boot: which boot this is, for steps that run once in each.
        :param warnings: what is not well all the same, told again when the step is passed over in this boot.

        What the step wrote goes to the disk first: a stamp that outlives its step's files would hide their loss.
        """
        os.sync()
        self.folder.mkdir(parents=True, exist_ok=True)
        value = {"step": step, "answers": mark, "seconds": round(seconds, 2), "time": round(time.time(), 3)}
        value |= {"boot": boot, "warnings": list(warnings)}
        write_json(self.folder / f"{step}.json", value, 0o600)
        (self.folder / f"{step}.error.json").unlink(missing_ok=True)

    def failed(self, step: str, text: str, moment: Moment, pause: float | None) -> dict[str, Any]:
        """Note why a step failed, and when it is due again; what was noted.

        :param pause: seconds until then; None: it waits for a person.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self.error(step) or {}
        value = {"step": step, "error": text, "tries": int(before.get("tries", 0)) + 1, "time": round(time.time(), 3)}
        value |= {"boot": moment.boot, "row": self.row(step, moment) + 1}
        value["due"] = None if pause is None else round(moment.seconds + pause, 1)
        write_json(self.folder / f"{step}.error.json", value, 0o600)
        return value

    def row(self, step: str, moment: Moment) -> int:
        """How often a step has failed in a row in this boot."""
        before = self.error(step) or {}
        return int(before.get("row", 0)) if before.get("boot") == moment.boot else 0

    def clear(self, step: str) -> None:
        """Forget that a step is done."""
        (self.folder / f"{step}.json").unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the stamps alone: the service and a person must not work at once.

        :raises Busy: when somebody else holds them.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy("first boot is running already", "wait for it: journalctl -fu dom0kit-firstboot") from error
            yield


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
