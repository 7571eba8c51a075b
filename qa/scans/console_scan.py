"""Symptoms of a faulty system in console text. Pure functions.

>>> [f.kind for f in findings("[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs")]
['kernel panic']
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ESCAPE = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # operating system command, such as a window title
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # device control string: systemd asks terminals for their name so
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor movements
    r"|\x1b[()*+][0-9A-Za-z]"  # character sets
    r"|\x1b[0-9=>cDEHMNOZ78]"
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONGEST_ESCAPE = 256


class Cleaner:
    """Remove escape sequences and control characters from text that arrives in pieces; lines end with a line feed."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> str:
        """Return the readable part of the text so far; hold back an incomplete escape sequence."""
        text = self._rest + text
        self._rest = ""
        kept, place = [], 0
        while (start := text.find("\x1b", place)) >= 0:
            kept.append(text[place:start])
            escape = ESCAPE.match(text, start)
            if not escape and len(text) - start < LONGEST_ESCAPE:
                text, self._rest = text[:start], text[start:]
            place = escape.end() if escape else start + 1
        readable = "".join(kept) + text[place:]
        if not self._rest:
            # A line feed may still follow a carriage return.
            whole = readable.rstrip("\r")
            readable, self._rest = whole, readable[len(whole) :]
        return CONTROL.sub("", re.sub(r"\r*\n|\r+", "\n", readable))


def strip_ansi(text: str) -> str:
    """Return a text without escape sequences, as logs keep it."""
    return Cleaner().feed(text + "\n")[:-1]


@dataclass(frozen=True)
class Symptom:
    """A line that no healthy machine prints; after a fatal one a wait ends at once."""

    kind: str
    pattern: re.Pattern[str]
    fatal: bool = False


@dataclass(frozen=True)
class Allowed:
    """A line that matches a symptom and is harmless, with the reason."""

    pattern: re.Pattern[str]
    reason: str


@dataclass(frozen=True)
class Finding:
    """A symptom in a text: ``number`` is the line's number from 1, ``line`` its text."""

    kind: str
    number: int
    line: str
    fatal: bool

    def __str__(self) -> str:
        return f"{self.kind}, line {self.number}: {self.line.strip()}"


SYMPTOMS = (
    Symptom("kernel panic", re.compile(r"Kernel panic - not syncing"), fatal=True),
    Symptom("Xen panic", re.compile(r"Panic on CPU \d|\(XEN\).*FATAL TRAP"), fatal=True),
    Symptom("dom0 crash", re.compile(r"Hardware Dom0 crashed|[Dd]omain 0 crashed"), fatal=True),
    Symptom("kernel oops", re.compile(r"\bOops: |general protection fault|unable to handle (kernel|page fault)"), fatal=True),
    Symptom("soft lockup", re.compile(r"soft lockup|rcu_\w+ self-detected stall|hung_task|blocked for more than \d+ seconds")),
    Symptom("kernel bug", re.compile(r"\bkernel BUG at|\bBUG: "), fatal=True),
    Symptom("segfault", re.compile(r"\bsegfault at |Segmentation fault|traps: .*trap invalid opcode")),
    Symptom("out of memory", re.compile(r"Out of memory: Killed process|invoked oom-killer")),
    Symptom("failed unit", re.compile(r"\[FAILED\]|\[DEPEND\]|\bFailed to start ")),
    Symptom("maintenance shell", re.compile(r"Give root password for maintenance|emergency mode|\(initramfs\) *$"), fatal=True),
    Symptom("maintenance shell", re.compile(r"[Pp]ress Enter for maintenance"), fatal=True),
    Symptom(
        "boot loader", re.compile(r"grub rescue>|^error: .*(not found|unknown filesystem|no such)|No bootable device"), fatal=True
    ),
    Symptom("traceback", re.compile(r"Traceback \(most recent call last\)")),
    Symptom("file system error", re.compile(r"EXT4-fs error|SQUASHFS error|I/O error, dev (?!sr|fd)")),
)

ALLOWED: tuple[Allowed, ...] = (
    Allowed(
        re.compile(r"E9Z\|"),
        "output of the diagnosis after a failure: the guest's journal reports what happened before",
    ),
    Allowed(
        re.compile(r"I/O error, dev (loop|fd)\d+"),
        "blkid probes empty drives",
    ),
    Allowed(
        re.compile(r"error: file `\S*/(armed|boot/hosts)/[^/']+' not found"),
        "GRUB prints it over HTTP when the file that marks a host as installed, or names it by MAC address, is not there",
    ),
)


def findings(text: str, allowed: Sequence[Allowed] = ALLOWED, *, first: int = 1) -> list[Finding]:
    """Return the symptoms in console text without escape sequences, at most one for each line.

    :param first: number of the text's first line.
    """
    found = []
    for number, line in enumerate(text.splitlines(), first):
        symptom = next((symptom for symptom in SYMPTOMS if symptom.pattern.search(line)), None)
        if symptom and not any(entry.pattern.search(line) for entry in allowed):
            found.append(Finding(symptom.kind, number, line, symptom.fatal))
    return found
