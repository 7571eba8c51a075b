"""A guest's report about itself after a failure: one shell script, and its output as data. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MARK = "=dom0kit-"
"""Begins the lines that separate the parts of the script's output."""
SSH_LINES, CONSOLE_LINES = 200, 40
"""Lines of the journal by ssh, and by the serial console, which is slow."""
STATUS_LINES = 20
LAST_LINES = 4
"""How many of the console's last lines are looked at for a prompt: kernel messages may follow it."""


@dataclass(frozen=True)
class GuestState:
    """The guest's report.

    :param failed_units: the output of ``systemctl status`` in lines, by unit.
    :param warnings: the journal's last messages of priority ``warning`` or worse.
    :param journal: the journal's last lines; the kernel's messages where there is no journal.
    """

    failed_units: Mapping[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)


def script(lines: int) -> str:
    """Return the shell commands that print failed units and the journal's last ``lines`` lines; see :func:`parse`.

    The journal of this boot is read (journalctl(1), ``-b``). An initramfs has neither; it prints the kernel's messages.
    """
    failed = "systemctl --failed --no-legend --plain --no-pager"
    journal = f"journalctl -b --no-pager -o short-monotonic -n {lines}"
    status = f"systemctl status --no-pager -l -n {STATUS_LINES}"
    return (
        f"if command -v journalctl >/dev/null; then "
        f'for u in $({failed} | cut -d " " -f 1); do echo "{MARK}unit $u"; {status} "$u"; done; '
        f"echo {MARK}warnings; {journal} -p warning; echo {MARK}journal; {journal}; "
        f"else echo {MARK}journal; dmesg | tail -n {lines}; fi; true"
    )


def parse(output: str) -> GuestState:
    """Return the parts of the script's output; what an interrupted script did not print is empty."""
    units: dict[str, list[str]] = {}
    parts: dict[str, list[str]] = {"warnings": [], "journal": []}
    current: list[str] = []
    for line in output.splitlines():
        if not line.startswith(MARK):
            current.append(line.rstrip())
            continue
        name, _, unit = line.removeprefix(MARK).partition(" ")
        current = units.setdefault(unit, []) if name == "unit" else parts.setdefault(name, [])
    return GuestState(units, parts["warnings"], parts["journal"])


def unit_reason(status: list[str]) -> str:
    """Return why a unit failed, out of ``systemctl status``: ``Result: exit-code; main process: code=exited, status=3``."""
    text = "\n".join(status)
    result = re.search(r"^\s*Active:.*\(Result: ([\w-]+)\)", text, re.MULTILINE)
    process = re.search(r"^\s*(?:Main PID|Process): .*\(code=(\w+), status=([^)]+)\)", text, re.MULTILINE)
    parts = [f"result {result[1]}"] if result else []
    parts += [f"code={process[1]}, status={process[2]}"] if process else []
    return ", ".join(parts)


TAMED = re.compile(r"tame-\d+-")
LOGIN = re.compile(r"^[\w.-]+ login: *$")
INITRAMFS = re.compile(r"^\(initramfs\) *$")
SHELL = re.compile(r"^root@[\w.-]+:[^\n]{0,60}# *$|^# *$")


def prompt(text: str) -> str:
    """Return what waits for input on a console: ``login``, ``shell``, or "" when that is not known.

    Nothing is to be typed in the last case: it may be a screen whose button Enter presses.

    :param text: the console's text since the last reset.
    """
    last = [line for line in text.splitlines() if line.strip()][-LAST_LINES:]
    if any(LOGIN.match(line) for line in last):
        return "login"
    if any(INITRAMFS.match(line) or SHELL.match(line) for line in last):
        return "shell"
    # A shell that the harness has prepared has no prompt (qa.vm.serial_console.Console.tame).
    prepared = list(TAMED.finditer(text))
    if prepared and not re.search(r"^[\w.-]+ login: ", text[prepared[-1].end() :], re.MULTILINE):
        return "shell"
    return ""
