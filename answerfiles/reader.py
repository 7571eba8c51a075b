"""Read an answer file: the answers, or all errors in it."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from answerfiles import yaml_positions
from answerfiles.checks.notes import notes
from answerfiles.model import Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError, validate_any
from answerfiles.xenserver.convert import convert
from answerfiles.yaml_positions import Position, dotted
from dom0kit.errors import UserError
from dom0kit.fs import read_limited
from dom0kit.units import MIB

Warn = Callable[[str], None]
"""Called with one sentence for each setting of another format that answers cannot express."""

LARGEST = 64 * MIB
"""Bytes that a file of answers or hosts may have: far more than any has, far less than a disk."""
DECLARED = re.compile(rb"<\?xml[^>]{1,80}encoding=[\"']([A-Za-z0-9-]+)[\"']")
OLD_ENCODINGS = ("iso-8859-1", "iso-8859-15", "latin1", "windows-1252")
"""Encodings of XML files from before UTF-8, whose comments have letters beyond ASCII."""


def to_stderr(text: str) -> None:
    """Print a warning, where it does not mix with results."""
    print(f"warning: {text}", file=sys.stderr)


def read_text(path: Path) -> str:
    """Read the text of a file.

    :raises UserError: when it cannot be read.
    """
    try:
        return decode_text(read_limited(path, LARGEST))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: byte {error.start}", "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read the answers {path}: {said}") from error


def decode_text(data: bytes) -> str:
    """Decode UTF-8; for XML also UTF-16 with its mark, and the encoding that its declaration names.

    :raises UnicodeDecodeError: when it is none of these.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and is_xml(text := data.decode("utf-16", "replace")):
        return text
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = DECLARED.match(data)
        name = declared[1].decode("ascii").lower() if declared else ""
        if name not in OLD_ENCODINGS:
            raise
        return data.decode(name)


def read_any(path: Path, warn: Warn = to_stderr) -> Answers | HostTask:
    """Read an answer file, or a task for a host that is on the disks; see :func:`read_answers`."""
    return parse_any(read_text(path), str(path), warn)


def read_answers(path: Path, warn: Warn = to_stderr) -> Answers:
    """Read an answer file of an installation in YAML or XenServer's XML.

    :param warn: called for each setting of the XML that answers cannot express.
    :raises AnswersError: with every problem at once.
    :raises UserError: when the file cannot be read.
    """
    return parse_answers(read_text(path), str(path), warn)


def is_xml(text: str) -> bool:
    """Return whether a text is XML: answers in YAML do not start with ``<``, except for a merge key, ``<<``."""
    start = text.lstrip("\ufeff \t\r\n")
    return start.startswith("<") and not start.startswith("<<")


@dataclass(frozen=True)
class Reading:
    """Valid answers, and the warnings about the file that they were read from."""

    answers: Answers | HostTask
    warnings: tuple[Problem, ...] = ()


def parse_answers(text: str, file: str = "answers", warn: Warn = to_stderr) -> Answers:
    """Read answers of an installation from a text; ``file`` is its name in error messages.

    :raises AnswersError: with every problem at once; or when they are a task for a host that is on the disks.
    """
    answers = parse_any(text, file, warn)
    if isinstance(answers, HostTask):
        problem = Problem(Position(1, 1), "mode", f"found {answers.mode!r}; allowed: install", "not-allowed")
        raise AnswersError(file, [problem])
    return answers


def parse_any(text: str, file: str = "answers", warn: Warn = to_stderr) -> Answers | HostTask:
    """Read answers of any mode from a text; see :func:`parse_answers`."""
    reading = examine_answers(text, file)
    for warning in reading.warnings:
        warn(warning.render(file))
    return reading.answers


def examine_answers(text: str, file: str = "answers") -> Reading:
    """Read answers from a text, with warnings as records.

    :raises AnswersError: with every problem at once.
    """
    if is_xml(text):
        converted = convert(text, file)
        return Reading(converted.answers, converted.warnings)
    document = yaml_positions.read_document(text)
    problems = [Problem(fault.position, dotted(fault.path), fault.text, fault.code) for fault in document.faults]
    if document.value is None and problems:
        raise AnswersError(file, problems)
    answers = validate_any(document.value, document.place, file, problems=problems)
    return Reading(answers, tuple(notes(document.value, document.place)))
