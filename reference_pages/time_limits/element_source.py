"""Time limits in the image's elements and in GRUB's templates: units, configuration files and shell scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from reference_pages.time_limits.record import Limit, duration, fields

FOLDERS = ("image/elements", "installer/bootloader/templates")
SETTINGS = (
    re.compile(r"^(?P<name>[A-Z]\w*Sec)=(?P<value>\S+)$"),  # systemd.service(5), systemd-system.conf(5), logind.conf(5)
    re.compile(r"^ExecStart=.*(?P<name>--timeout)=(?P<value>\d+)"),
    re.compile(r"^(?P<name>ServerAliveInterval|ConnectTimeout|LoginGraceTime) (?P<value>\d+)$"),  # ssh_config(5), sshd_config(5)
    re.compile(
        r"^\s*(?P<name>polling_interval|no_path_retry|fast_io_fail_tmo|dev_loss_tmo)\s+(?P<value>\d+)$"
    ),  # multipath.conf(5)
    re.compile(r"^set -g (?P<name>status-interval) (?P<value>\d+)$"),  # tmux(1)
    re.compile(r"^set (?P<name>timeout)=(?P<value>-?\d+)$"),  # GRUB
    re.compile(r"^\s*(?P<name>sleep) --interruptible (?P<value>\d+)$"),  # GRUB
)
"""Lines that set a time."""
VARIABLE = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>\d+)$")
"""A shell variable; it is a time when its comment says so."""
LITERAL = re.compile(
    r"\b(sleep|timeout|wait_for_udev) (?:[2-9]|\d\d)|wget .*-T \d|udhcpc6? .*-T \d|--timeout=\d|--max-time \d|-lt [2-9]\d"
)
"""A time inside a script that should be a variable. A pause of one second between two looks needs no name."""
SKIPPED = ("README.md",)


def limits(text: str, where: str) -> tuple[list[Limit], list[str]]:
    """Return the limits of a file, and what is wrong with those that lack a reason or a name."""
    found, wrong = [], []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip().lstrip("#").strip())
            continue
        known = fields(" ".join(comment))
        if known:
            known["what"] = known["what"].split(". ")[-1]  # a comment may say other things before
        setting = next((match for pattern in SETTINGS if (match := pattern.match(line))), None)
        variable = VARIABLE.match(line)
        match = setting or (variable if known else None)
        if match and known:
            found.append(Limit(where, match["name"], value_text(match["name"], match["value"]), **known))
        elif setting:
            wrong.append(f"{where}:{number}: {line.strip()} has no comment with 'Kind: ... Reason: ... Expiry: ...'")
        elif literal := LITERAL.search(line):
            wrong.append(f"{where}:{number}: {literal[0]!r} is a number, not a variable with a reason")
        comment = []
    return found, wrong


def value_text(name: str, value: str) -> str:
    """Return a setting's value with its unit; systemd's settings have their own (systemd.time(7))."""
    if name == "no_path_retry":
        return f"{value} checks"
    if re.fullmatch(r"\d+", value):
        return "none" if name == "StartLimitIntervalSec" and value == "0" else duration(int(value))
    if value == "-1":
        return "for ever"
    return re.sub(r"(?<=\d)(?=[a-z])", " ", value)


def files(project: Path) -> Iterator[Path]:
    """Return the files that are looked at: text, and no Python."""
    for folder in FOLDERS:
        for path in sorted((project / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.suffix != ".py" and path.name not in SKIPPED:
                yield path
