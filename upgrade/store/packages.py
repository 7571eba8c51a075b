"""What changes between two images: packages, kernel, Xen (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dom0kit.units import counted
from installer.model.image_manifest import Manifest
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
    number = int(epoch) if colon and epoch.isdigit() else 0
    upstream, _, revision = (rest if colon else version).rpartition("-")
    return number, version_key(upstream or revision), version_key(revision if upstream else "")


def changed_packages(old: Mapping[str, str], new: Mapping[str, str]) -> list[PackageChange]:
    """Return the packages that differ between two images, by name."""
    names = sorted(old.keys() | new.keys())
    return [PackageChange(name, old.get(name, ""), new.get(name, "")) for name in names if old.get(name) != new.get(name)]


def diff_lines(old: Manifest, new: Manifest) -> list[str]:
    """Return what changes from one image to another as lines of text."""
    changes = changed_packages(old.packages, new.packages)
    lines = [f"{old.name} -> {new.name}"]
    for what, before, after in (("kernel", old.kernel, new.kernel), ("Xen", old.xen, new.xen)):
        lines.append(f"{what}: {before} -> {after}" if before != after else f"{what}: {after}, the same")
    lines.append(f"packages: {counted(len(changes), 'change')}" if changes else "packages: the same")
    signs = {"added": "+", "removed": "-", "upgraded": " ", "downgraded": "!"}
    for change in changes:
        versions = " -> ".join(filter(None, (change.old, change.new)))
        lines.append(f"  {signs[change.kind]} {change.name} {versions}" + (" (older)" if change.kind == "downgraded" else ""))
    return lines
