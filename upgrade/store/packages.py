"""Packages that differ between two images (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dom0kit.untrusted.values import whole_number
from upgrade.store.compatibility import version_key


@dataclass(frozen=True)
class PackageChange:
    """A package that differs: its versions, "" where it is not there."""

    name: str
    old: str
    new: str

    @property
    def kind(self) -> str:
        """Return ``added``, ``removed``, ``upgraded`` or ``downgraded``."""
        if not self.old:
            return "added"
        if not self.new:
            return "removed"
        return "upgraded" if _key(self.new) > _key(self.old) else "downgraded"


def _key(version: str) -> tuple[int, object, object]:
    """Return a key for a package's version: epoch, upstream version, Debian revision (deb-version(7))."""
    epoch, colon, rest = version.partition(":")
    number = whole_number(epoch, 0, 2**31, 0) if colon else 0
    upstream, _, revision = (rest if colon else version).rpartition("-")
    return number, version_key(upstream or revision), version_key(revision if upstream else "")


def changed_packages(old: Mapping[str, str], new: Mapping[str, str]) -> list[PackageChange]:
    """Return the packages that differ between two images, by name."""
    names = sorted(old.keys() | new.keys())
    return [PackageChange(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name)]
