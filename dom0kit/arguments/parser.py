"""The parser, whose errors are a sentence and a hint, and what it prints to."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from contextlib import suppress
from typing import NoReturn

from dom0kit.untrusted.text import escaped

HINT = "\n  hint: "
SHOWN = 60
CHOICE = re.compile(r"invalid choice: (?P<word>'.*'|\".*\") \(choose from (?P<names>.*)\)", re.S)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence and a hint, and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """End the program because of wrong arguments."""
        sentence, _, hint = message.partition(HINT)
        if choice := CHOICE.search(sentence):
            names = re.findall(r"[\w-]+", choice["names"])
            near = difflib.get_close_matches(choice["word"][1:-1], names, 1)
            hint = f"did you mean {near[0]!r}?" if near else ""
            sentence = sentence.replace(choice[0], f"{shown(choice['word'][1:-1])} is none of {', '.join(names)}")
        self.exit(2, f"{self.prog}: {escaped(sentence)}{HINT}{hint or f'see {self.prog} --help'}\n")


def shown(text: str) -> str:
    """Return a value for an error: quoted, and not longer than is useful."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def refusal(text: str, hint: str = "") -> argparse.ArgumentTypeError:
    """Return the error of a type."""
    return argparse.ArgumentTypeError(f"{text}{HINT}{hint}" if hint else text)


def prepare_output() -> None:
    """Let standard output and errors take file names that are no valid text."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def drop_output() -> None:
    """Send what is left of standard output nowhere: what it leads to is closed or full, and Python writes it out at its end."""
    with suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
