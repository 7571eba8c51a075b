"""The Debian packages of a tree, and the source packages that they were built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.process import run

FORMAT = (
    r"${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Homepage}"
    r"\t${Maintainer}\n"
)
"""Of ``dpkg-query --show``."""


@dataclass(frozen=True)
class DebianPackage:
    """An installed package.

    :ivar source: name of the source package.
    :ivar source_version: its version, which differs from the package's after a rebuild (``+b1``) and for signed kernels.
    :ivar homepage: of the software; "" without one.
    :ivar maintainer: name and address.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    homepage: str = ""
    maintainer: str = ""

    @property
    def file(self) -> str:
        """Return the name of its file in apt's cache."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def parse(text: str) -> list[DebianPackage]:
    """Return the installed packages by name, from the output of ``dpkg-query`` in :data:`FORMAT` (pure)."""
    rows = (line.split("\t") for line in text.splitlines())
    return sorted((DebianPackage(*row[1:]) for row in rows if row[0] == "installed"), key=lambda found: found.name)


def installed(tree: Path) -> list[DebianPackage]:
    """Return the packages that are installed in a tree."""
    return parse(run(["chroot", tree, "dpkg-query", "--show", "--showformat", FORMAT]).output)


def sources(packages: Sequence[DebianPackage]) -> list[dict[str, Any]]:
    """Return the source packages with the packages that were built from each, for the manifest (pure)."""
    found: dict[tuple[str, str], list[str]] = {}
    for package in packages:
        found.setdefault((package.source, package.source_version), []).append(package.name)
    return [{"name": name, "version": version, "packages": sorted(built)} for (name, version), built in sorted(found.items())]
