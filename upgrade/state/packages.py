"""Packages that were installed by hand, or by the answers: which of them the new image needs again (pure)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from dom0kit.untrusted.values import whole_number

INSTALLED = re.compile(r"^(?:install|hold) ok (?:installed|half-configured|triggers-awaited|triggers-pending)$")
"""Field ``Status`` of a package that is there, see dpkg(1)."""
PIECE = re.compile(r"([^0-9]*)([0-9]*)")


@dataclass(frozen=True)
class Installed:
    """A package in dpkg's database."""

    name: str
    version: str
    architecture: str

    @property
    def file_name(self) -> str:
        """Return the name of its file as apt writes it."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


@dataclass(frozen=True)
class PackagePlan:
    """What becomes of the packages.

    :param again: installed by hand, and not part of the new image.
    :param missing: those of ``again`` of which no file was kept.
    :param satisfied: installed by hand, and part of the new image.
    :param older: upgraded by hand to a version newer than the new image's: the host's, the new image's.
    :param back: removed by hand, and part of the new image.
    """

    again: tuple[Installed, ...] = ()
    missing: tuple[Installed, ...] = ()
    satisfied: tuple[Installed, ...] = ()
    older: tuple[tuple[Installed, Installed], ...] = ()
    back: tuple[Installed, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Return why the host cannot change to the new image."""
        return tuple(
            f"the package {package.name} {package.version} was installed by hand, and no file of it was kept"
            for package in self.missing
        )


def parse_status(text: str) -> dict[str, Installed]:
    """Return the installed packages of ``/var/lib/dpkg/status`` by name and architecture."""
    found = {}
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version|Architecture): (.*)$", paragraph, re.MULTILINE))
        if INSTALLED.match(fields.get("Status", "")) and {"Package", "Version"} <= fields.keys():
            package = Installed(fields["Package"], fields["Version"], fields.get("Architecture", "all"))
            found[package.name if package.architecture in ("all", "amd64") else f"{package.name}:{package.architecture}"] = (
                package
            )
    return found


def make_package_plan(
    old: Mapping[str, Installed], host: Mapping[str, Installed], new: Mapping[str, Installed], kept: Collection[str]
) -> PackagePlan:
    """Compare the packages of the old image, of the host and of the new image.

    :param kept: names of the package files that the host has.
    """
    added = [package for name, package in host.items() if name not in old]
    again = tuple(package for package in added if not _has(new, package))
    newer = [
        (package, new[name])
        for name, package in host.items()
        if name in new and package != old.get(name) and compare(package.version, new[name].version) > 0
    ]
    return PackagePlan(
        again=again,
        missing=tuple(package for package in again if package.file_name not in kept),
        satisfied=tuple(package for package in added if _has(new, package)),
        older=tuple(newer),
        back=tuple(package for name, package in new.items() if name in old and name not in host),
    )


def _has(packages: Mapping[str, Installed], package: Installed) -> bool:
    return any(there.name == package.name and there.architecture in (package.architecture, "all") for there in packages.values())


def compare(one: str, other: str) -> int:
    """Return whether a Debian version is older (-1), the same (0) or newer (1), see deb-version(7)."""
    keys = []
    for version in (one, other):
        epoch, colon, rest = version.partition(":")
        if not colon:
            epoch, rest = "0", version
        upstream, dash, revision = rest.rpartition("-")
        keys.append((whole_number(epoch, 0, 2**31, 0), upstream if dash else rest, revision if dash else "0"))
    mine, theirs = keys
    return _sign(mine[0] - theirs[0]) or _compare_part(mine[1], theirs[1]) or _compare_part(mine[2], theirs[2])


def _compare_part(one: str, other: str) -> int:
    for (text, number), (other_text, other_number) in zip_longest(PIECE.findall(one), PIECE.findall(other), fillvalue=("", "")):
        for letter, other_letter in zip_longest(text, other_text, fillvalue=""):
            if found := _sign(_weight(letter) - _weight(other_letter)):
                return found
        if found := _sign(int(number or 0) - int(other_number or 0)):
            return found
    return 0


def _weight(letter: str) -> int:
    """Return the order of a character: a tilde before the end, the end before letters, letters before the rest."""
    if letter == "~":
        return -1
    return 0 if not letter else ord(letter) if letter.isalpha() else ord(letter) + 256


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
