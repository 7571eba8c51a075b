"""The administrator's own checks: programs in ``/etc/dom0kit/health/required.d`` and ``wanted.d``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import Result
from dom0kit.untrusted.text import printable
from firstboot.host import Host
from upgrade.health.report import Check, State

FOLDER = "etc/dom0kit/health"
KINDS = {"required.d": True, "wanted.d": False}
"""Folders below :data:`FOLDER`, and whether what is in them is required."""
IGNORED = ("~", ".dpkg-dist", ".dpkg-new", ".dpkg-old", ".dom0kit-new", ".md")
SCRIPT_SECONDS = 300
"""Run one program of the administrator that checks the host.

Kind: configured. Reason: the programs run one after the other; a check that needs longer exits with 75 and is asked again.
Expiry: the program is killed, and its check has failed.
"""
GRACE_SECONDS = 10
"""Let a check of the administrator end after SIGTERM before SIGKILL.

Kind: configured. Reason: a program that cleans up needs a moment after its own limit. Expiry: timeout(1) kills it.
"""
KILL_SECONDS = 120
"""Wait for timeout(1) after it has killed a check, and for processes that the check has left with its output.

Kind: cap. Reason: timeout(1) only has to reap its child. Expiry: the check has failed.
"""
NOT_YET = 75
"""Exit code of a check that is not fulfilled yet (EX_TEMPFAIL of sysexits(3)): it is asked again."""
TIMED_OUT = 124
LONGEST_TEXT = 300


def programs(root: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files of both folders in the order of their names, each with whether it is required."""
    for name, required in KINDS.items():
        folder = root / FOLDER / name
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith(IGNORED) and path.name != "README":
                yield path, required


def run_all(host: Host, environment: Mapping[str, str]) -> tuple[Check, ...]:
    """Run all programs and return their results.

    :param environment: variables in addition to the base environment.
    """
    return tuple(run_one(host, path, required, environment) for path, required in programs(host.root))


def run_one(host: Host, path: Path, required: bool, environment: Mapping[str, str]) -> Check:
    """Run one program; a file that is not executable has failed, because nothing else would show the mistake."""
    name = path.name
    if not os.access(path, os.X_OK):
        return Check(name, required, "failed", f"{path} is not executable", f"run chmod +x {path}")
    argv = ["timeout", f"--kill-after={GRACE_SECONDS}", str(SCRIPT_SECONDS), str(path)]
    try:
        seconds = SCRIPT_SECONDS + GRACE_SECONDS + KILL_SECONDS
        result = host.run(argv, check=False, env=environment, timeout=seconds)
    except UserError as error:
        return Check(name, required, "failed", error.message.splitlines()[0], f"run {path}")
    return outcome(path, required, result)


def outcome(path: Path, required: bool, result: Result) -> Check:
    """Return the check of a program that has ended: exit code 0, 75 for not yet, anything else for failed."""
    said = (result.output.strip() or result.errors.strip()).splitlines()
    last = printable(said[-1].strip(), LONGEST_TEXT) if said else ""
    if result.returncode == 0:
        return Check(path.name, required, "ok", last or "exit code 0")
    if result.returncode == TIMED_OUT and result.seconds >= SCRIPT_SECONDS:
        return Check(path.name, required, "failed", f"did not end within {SCRIPT_SECONDS} s", f"run {path}")
    state: State = "waiting" if result.returncode == NOT_YET else "failed"
    return Check(path.name, required, state, last or f"exit code {result.returncode}", f"run {path}")
