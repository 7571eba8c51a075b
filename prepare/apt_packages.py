"""The list of system packages, and what of it is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError

SERVICES = {"nginx-light": "nginx.service", "openssh-server": "ssh.service", "tgt": "tgt.service"}
"""Packages that bring a service of their own, which is not to run on a machine that only builds and tests."""
POLICY = Path("/usr/sbin/policy-rc.d")
LIST = Path(__file__).with_name("system-packages.txt")


@dataclass(frozen=True)
class Package:
    """A Debian package.

    :ivar suite: the suite it must come from on Debian 12, if not the main one.
    :ivar section: what needs it: ``environment``, ``image``, ``iso``, ``lab-servers`` or ``tests``.
    """

    name: str
    suite: str = ""
    section: str = ""


def parse(text: str) -> list[Package]:
    """Read the list: a name a line, a suite in brackets after it, ``[section]`` lines, comments after ``#``."""
    packages, section = [], ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].strip()
        if not words:
            continue
        if heading := re.fullmatch(r"\[([a-z-]+)\]", words):
            section = heading[1]
            continue
        match = re.fullmatch(r"([a-z0-9][a-z0-9.+-]*)(?:\s+\[([a-z-]+)\])?", words)
        if not match:
            raise UserError(f"{LIST.name}:{number}: cannot read {words!r}", "one package a line, a suite in brackets after it")
        packages.append(Package(match[1], match[2] or "", section))
    return packages


def installed(dpkg_query: str) -> dict[str, str]:
    r"""Return installed packages by name with version from the output of ``dpkg-query``.

    Its format is ``${db:Status-Abbrev} ${Package} ${Version}\n``.
    """
    rows = (line.split() for line in dpkg_query.splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}


def unwanted_services(names: Iterable[str], *, systemd: bool = True) -> list[str]:
    """Return the services of packages that were installed just now; services that existed before are not ours.

    :param systemd: whether the machine has systemctl(1). A container of Debian 12 may lack it, and starts no service.
    """
    return [SERVICES[name] for name in names if name in SERVICES] if systemd else []


def missing(wanted: list[Package], present: dict[str, str], *, bookworm: bool) -> list[Package]:
    """Return the packages to install. On Debian 12 a package from backports must have its backported version."""

    def satisfied(package: Package) -> bool:
        version = present.get(package.name)
        if version is None:
            return False
        return not (bookworm and package.suite) or "~bpo12" in version

    return [package for package in wanted if not satisfied(package)]


def backports_source(mirror: str) -> str:
    """Return the apt source of Debian 12's backports (sources.list(5), deb822 style)."""
    return (
        "# Written by dom0kit's preparation: QEMU 10 for the tests.\n"
        f"Types: deb\nURIs: {mirror}\nSuites: bookworm-backports\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def host_mirror(sources: str, default: str) -> str:
    """Return the Debian mirror of this machine's apt sources (both styles), or the default."""
    for line in sources.splitlines():
        words = line.split("#", 1)[0].split()
        for word in words:
            if re.match(r"https?://\S+/debian/?$", word):
                return word.rstrip("/")
    return default


@contextmanager
def services_stay_off(policy: Path = POLICY) -> Iterator[None]:
    """Within the block a package's service is not started when it is installed (invoke-rc.d(8): exit code 101 forbids it).

    A policy that the machine has already is left as it is.
    """
    try:
        with policy.open("x") as file:
            file.write("#!/bin/sh\n# Made by dom0kit's preparation for as long as it installs packages.\nexit 101\n")
    except FileExistsError:
        yield
        return
    try:
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)
