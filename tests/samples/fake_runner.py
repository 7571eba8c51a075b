"""The stand-in of unit tests for :func:`dom0kit.process.run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from dom0kit.process import CommandFailed, Result

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One call of a runner, with every setting that it was given."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None
    stdin: str | bytes | None
    check: bool
    timeout: float | None
    hint: str

    @property
    def line(self) -> str:
        """Return the words joined by spaces, without quoting."""
        return " ".join(self.argv)


@dataclass(frozen=True)
class Ended:
    """How a command ends: exit code, standard output, standard error, and the seconds that it took."""

    code: int = 0
    output: str = ""
    errors: str = ""
    seconds: float = 0.0


Output = str | Ended | Callable[[Call], str | Ended]


@dataclass
class FakeRunner:
    """A :class:`dom0kit.process.Runner` that starts nothing: it records every call and replies from tables.

    The tables know a command by the first words of its line. The longest key wins; the key "" matches every command.
    A command that no key matches succeeds without output.

    :param outputs: standard output, an :class:`Ended`, or a function that returns either.
    :param failing: commands that exit with 1, with ``errors`` on standard error.
    :param acts: called before anything else is decided about the command.
    """

    outputs: dict[str, Output] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    acts: dict[str, Callable[[], object]] = field(default_factory=dict)
    errors: str = "it broke"
    calls: list[str] = field(default_factory=list)
    """The command lines, words joined by spaces."""
    requests: list[Call] = field(default_factory=list)
    """The same calls with all their settings."""

    def __call__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float | None = None,
        hint: str = "",
    ) -> Result:
        call = Call(tuple(os.fspath(word) for word in argv), dict(env or {}), cwd, stdin, check, timeout, hint)
        self.requests.append(call)
        self.calls.append(call.line)
        if act := longest(self.acts, call):
            act()
        output = longest(self.outputs, call) or ""
        if callable(output):
            output = output(call)
        ended = Ended(output=output) if isinstance(output, str) else output
        if longest(dict.fromkeys(self.failing, True), call):
            ended = Ended(1, ended.output, self.errors)
        if check and ended.code:
            raise CommandFailed(call.argv, ended.code, ended.errors or ended.output, hint)
        return Result(call.argv, ended.code, ended.output, ended.errors, ended.seconds)

    @property
    def words(self) -> list[list[str]]:
        """Return the words of every command."""
        return [list(call.argv) for call in self.requests]

    def ran(self, start: str) -> list[str]:
        """Return the command lines that begin with ``start``."""
        return [line for line in self.calls if line.startswith(start)]


def longest(table: Mapping[str, T], call: Call) -> T | None:
    """Return the value of the longest key whose words begin the command; None without one."""
    keys = [key for key in table if list(call.argv[: len(key.split())]) == key.split()]
    return table[max(keys, key=len)] if keys else None
