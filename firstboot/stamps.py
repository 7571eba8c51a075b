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
from dom0kit.files import write_json

FOLDER = "var/lib/dom0kit/firstboot"


def fingerprint(told: Mapping[str, Any], parts: Sequence[str]) -> str:
    """A hash of the parts of ``host.json`` that a step depends on."""
    text = json.dumps([told.get(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
        """Why the step failed when it was last tried, or None."""
        return _read(self.folder / f"{step}.error.json")

    def done(self, step: str, mark: str, seconds: float) -> None:
        """Write the stamp of a step that has truly ended well.

        What the step wrote goes to the disk first: a stamp that outlives its step's files would hide their loss.
        """
        os.sync()
        self.folder.mkdir(parents=True, exist_ok=True)
        value = {"step": step, "answers": mark, "seconds": round(seconds, 2), "time": round(time.time(), 3)}
        write_json(self.folder / f"{step}.json", value, 0o600)
        (self.folder / f"{step}.error.json").unlink(missing_ok=True)

    def failed(self, step: str, text: str) -> None:
        """Note why a step failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        before = self.error(step) or {}
        value = {"step": step, "error": text, "tries": int(before.get("tries", 0)) + 1, "time": round(time.time(), 3)}
        write_json(self.folder / f"{step}.error.json", value, 0o600)

    def clear(self, step: str) -> None:
        """Forget that a step is done."""
        (self.folder / f"{step}.json").unlink(missing_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the stamps alone: the service and a person must not work at once.

        :raises UserError: when somebody else holds them.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError("first boot is running already", "wait for it: journalctl -fu dom0kit-firstboot") from error
            yield


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
