"""Run commands and log each with its output and duration."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, CommandFailed, Result, Runner, run


@dataclass
class Commands:
    """Runner of commands that keeps a log.

    :param log: open text file.
    :param runner: :func:`dom0kit.process.run`, or a replacement in tests.
    :param redact: filter for all log text.
    """

    log: TextIO
    runner: Runner = field(default=run)
    redact: Callable[[str], str] = field(default=lambda text: text)

    def __call__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float | None = COMMAND_SECONDS,
        hint: str = "",
        quiet: bool = False,
    ) -> Result:
        """Run a command and wait for its end.

        :param quiet: do not log its output, for long listings.
        :param timeout: seconds after which it is killed.
        :raises CommandFailed: on a non-zero exit code when ``check`` is set.
        """
        words = [os.fspath(word) for word in argv]
        self.note(f"+ {shlex.join(words)}")
        try:
            result = self.runner(words, env=env, cwd=cwd, stdin=stdin, check=check, timeout=timeout, hint=hint)
        except CommandFailed as error:
            self.note(f"{error.tail}\n= exit code {error.returncode}")
            raise
        except UserError as error:
            self.note(f"= {error}")
            raise
        for text in () if quiet else (result.output, result.errors):
            if text.strip():
                self.note(text.rstrip())
        self.note(f"= exit code {result.returncode}, {result.seconds:.2f} s")
        return result

    def note(self, text: str) -> None:
        """Write a message to the log."""
        self.log.write(f"{time.strftime('%H:%M:%S')} {self.redact(text)}\n")
        self.log.flush()
