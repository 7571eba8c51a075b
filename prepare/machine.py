"""Find out about the build machine, and whether ``dom0kit iso`` can work on it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import run
from dom0kit.units import counted
from prepare import apt_packages
from prepare.checks import NEEDED_DISK, NEEDED_MEMORY, Machine, problems

PROJECT = Path(__file__).resolve().parent.parent
BUILD_SECTIONS = ("image", "iso")
"""The sections of the list of system packages that a build of the ISO needs."""


def os_release() -> dict[str, str]:
    """Return the machine's os-release(5)."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def look(release: dict[str, str], *, with_mirror: bool) -> Machine:
    """Find out about this machine; the mirror is asked only when something must be fetched."""
    family = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    mirror = tomllib.loads((PROJECT / "image/recipe.toml").read_text())["debian"]["mirror"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        root=os.geteuid() == 0,
        distribution=next((name for name in family if name in ("debian", "ubuntu")), release.get("ID", "")),
        architecture=platform.machine(),
        python=sys.version_info[:2],
        free_disk=shutil.disk_usage(PROJECT).free,
        memory=memory,
        loop_devices=Path("/dev/loop-control").exists(),
        mirror=mirror,
        mirror_error=ask(mirror) if with_mirror else "",
    )


def ask(mirror: str) -> str:
    """Return why a mirror does not answer; "" if it does."""
    try:
        with urllib.request.urlopen(f"{mirror}/dists/trixie/Release", timeout=20) as answer:  # noqa: S310
            return "" if answer.status == 200 else f"HTTP status {answer.status}"
    except (urllib.error.URLError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def missing_packages(release: dict[str, str], sections: Sequence[str] = ()) -> list[apt_packages.Package]:
    """Return the system packages that are not installed.

    :param sections: those of the list that count, all when empty. For these any version will do; else Debian 12 needs the
        backported versions.
    """
    if shutil.which("dpkg-query") is None:
        return []
    query = run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\\n"], check=False).output
    listed = apt_packages.parse(apt_packages.LIST.read_text())
    wanted = [package for package in listed if not sections or package.section in sections]
    bookworm = not sections and release.get("VERSION_CODENAME") == "bookworm"
    return apt_packages.missing(wanted, apt_packages.installed(query), bookworm=bookworm)


def require_builder() -> None:
    """Check that this machine can build an image.

    Free disk space and memory are not checked: a build that finds most results in its caches needs little.

    :raises UserError: when this is not root or there are no loop devices, and with the Debian packages that are missing.
    """
    release = os_release()
    machine = look(release, with_mirror=False)
    found = problems(replace(machine, free_disk=NEEDED_DISK, memory=NEEDED_MEMORY))
    if found:
        raise UserError(found[0].sentence, found[0].hint)
    names = [package.name for package in missing_packages(release, BUILD_SECTIONS)]
    if names:
        raise UserError(lacking_sentence(names), f"apt-get install --no-install-recommends {' '.join(names)}")


def lacking_sentence(names: list[str]) -> str:
    """Return the sentence that names the missing packages."""
    verb = "is" if len(names) == 1 else "are"
    return f"{counted(len(names), 'Debian package')} that a build needs {verb} not installed: {', '.join(names)}"
