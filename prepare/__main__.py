"""``python3 -m prepare``: make this machine ready to build and test. Safe to run again: what is there is left alone."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.fs import sha256_file, write_atomic
from dom0kit.process import run, stream
from prepare import apt_packages
from prepare.checks import problems
from prepare.machine import look, missing_packages, os_release

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
LOCK = PROJECT / "requirements.lock"
LOG = PROJECT / "build" / "prepare.log"
LAUNCHER = '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/python" -m programs.build_machine "$@"\n'
BACKPORTS = Path("/etc/apt/sources.list.d/dom0kit-backports.sources")


def main() -> int:
    """Check, install, report."""
    parser = argparse.ArgumentParser(prog="python3 -m prepare", description=__doc__)
    parser.add_argument("--check-only", action="store_true", help="only say whether this machine can build")
    arguments = parser.parse_args()
    try:
        release = os_release()
        network_needed = arguments.check_only or bool(missing_packages(release)) or not venv_current()
        found = problems(look(release, with_mirror=network_needed))
        if found:
            first, *others = found
            rest = "".join(f"\nprepare: {p.sentence}\n  hint: {p.hint}" for p in others)
            raise UserError(first.sentence, first.hint + rest)
        if not arguments.check_only:
            prepare(release)
    except UserError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    return 0


def venv_stamp() -> str:
    """Return the key of the virtual environment: what it was made from."""
    return f"{sha256_file(LOCK)} {sys.version}\n"


def venv_current() -> bool:
    """Return whether the virtual environment exists, is complete, and was made from the current lock file."""
    stamp = VENV / "dom0kit-stamp"
    return stamp.exists() and stamp.read_text() == venv_stamp() and (VENV / "bin/python").exists()


def prepare(release: dict[str, str]) -> None:
    """Install what is missing; say nothing when nothing is."""
    LOG.parent.mkdir(exist_ok=True)
    reporter = Reporter("prepare", [TerminalSink()])
    with LOG.open("a") as log:
        lacking = missing_packages(release)
        if lacking:
            install(lacking, release, reporter, log)
        if not venv_current():
            make_venv(reporter, log)
    write_launcher()


def write_launcher() -> None:
    """Write .venv/bin/dom0kit, also into a virtual environment that an older checkout made."""
    path = VENV / "bin/dom0kit"
    if not path.exists() or path.read_text() != LAUNCHER:
        path.write_text(LAUNCHER)
        path.chmod(0o755)


def install(lacking: list[apt_packages.Package], release: dict[str, str], reporter: Reporter, log: TextIO) -> None:
    """apt-get install, from backports where the list says so on Debian 12."""
    bookworm = release.get("VERSION_CODENAME") == "bookworm"
    hint = f"the whole log is {LOG}"
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    later = [p.name for p in lacking if bookworm and p.suite]
    if later and not backports_configured():
        write_atomic(BACKPORTS, apt_packages.backports_source(own_mirror()))
    with reporter.step("update package lists"):
        stream(["apt-get", "-q", "update"], log=log, env=env, hint=hint)
    command = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"]
    with reporter.step(f"install {len(lacking)} system packages") as step:
        count = 0

        def follow(line: str) -> None:
            nonlocal count
            if line.startswith("Setting up"):
                count += 1
                step.progress(min(0.99, count / (4 * len(lacking))), line.partition(" (")[0].lower())

        now = [p.name for p in lacking if p.name not in later]
        with apt_packages.services_stay_off():
            if now:
                stream([*command, "install", *now], log=log, on_line=follow, env=env, hint=hint)
        if services := apt_packages.unwanted_services(now, systemd=shutil.which("systemctl") is not None):
            # Nor at the next boot: the servers of "answers serve" and of scenarios run only while those do.
            run(["systemctl", "disable", *services], check=False)
        if later:
            stream([*command, "-t", "bookworm-backports", "install", *later], log=log, on_line=follow, env=env, hint=hint)


def backports_configured() -> bool:
    """Return whether any apt source of this machine already names the backports."""
    return "bookworm-backports" in apt_sources()


def apt_sources() -> str:
    """All apt sources of this machine, one after the other."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    return "\n".join(f.read_text(errors="replace") for f in files if f.is_file())


def own_mirror() -> str:
    """Return the mirror this machine uses for Debian itself."""
    return apt_packages.host_mirror(apt_sources(), "http://deb.debian.org/debian")


def make_venv(reporter: Reporter, log: TextIO) -> None:
    """Make a virtual environment with exactly the locked packages, each checked against its hash."""
    hint = f"the whole log is {LOG}"
    with reporter.step("make the virtual environment"):
        shutil.rmtree(VENV, ignore_errors=True)
        stream([sys.executable, "-m", "venv", VENV], log=log, hint="on Debian the package python3-venv is needed; " + hint)
    with reporter.step("install Python packages") as step:
        total = LOCK.read_text().count("==")
        done = 0

        def follow(line: str) -> None:
            nonlocal done
            if line.startswith("Collecting"):
                done += 1
                step.progress(min(0.99, done / total), line.lower())

        settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        pip = [str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--require-hashes"]
        stream([*pip, "-r", str(LOCK)], log=log, on_line=follow, hint=hint, env=settings)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (VENV / "lib" / python / "site-packages" / "dom0kit.pth").write_text(f"{PROJECT}\n")
    write_atomic(VENV / "dom0kit-stamp", venv_stamp())


if __name__ == "__main__":
    sys.exit(main())
