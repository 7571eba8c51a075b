"""What changes from one image to another, by their manifests alone (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dom0kit.units import counted, human_bytes
from installer.model.image_manifest import Manifest, SourcePackage
from upgrade.store.compatibility import day
from upgrade.store.packages import PackageChange, changed_packages

ALWAYS = ("kernel", "Xen")
"""Facts that are shown also when they are the same."""
SIGNS = {"added": "+", "removed": "-", "upgraded": " ", "downgraded": "!"}
TRACKER = "https://tracker.debian.org/pkg/"
"""Debian's page of a source package, with its changelog: images carry no changelogs."""


@dataclass(frozen=True)
class Fact:
    """A value of both images; "" where an image does not have it."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class FileSize:
    """The size of a file of both images in bytes; 0 where it is not there."""

    name: str
    old: int
    new: int


@dataclass(frozen=True)
class Differences:
    """All differences of two images.

    :ivar facts: those that differ, and :data:`ALWAYS`.
    :ivar packages: Debian packages that differ.
    :ivar sources: source packages that differ; a source of several versions counts with its newest.
    :ivar sizes: of all four files, and of the whole.
    :ivar keys: fingerprints with a word each: ``added``, ``removed``, ``revoked``, ``no longer revoked``.
    """

    old: str
    new: str
    facts: tuple[Fact, ...]
    packages: tuple[PackageChange, ...]
    sources: tuple[PackageChange, ...]
    sizes: tuple[FileSize, ...]
    keys: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {
            "old": self.old,
            "new": self.new,
            "facts": [asdict(fact) for fact in self.facts],
            "packages": [change_to_json(change) for change in self.packages],
            "sources": [change_to_json(change) | {"page": TRACKER + change.name} for change in self.sources],
            "sizes": [asdict(size) for size in self.sizes],
            "keys": [{"key": key, "kind": kind} for kind, key in self.keys],
        }


def change_to_json(change: PackageChange) -> dict[str, str]:
    """Return a change as plain values."""
    return {"name": change.name, "kind": change.kind, "old": change.old, "new": change.new}


def compare(old: Manifest, new: Manifest) -> Differences:
    """Compare two images."""
    facts = [fact for fact in _facts(old, new) if fact.name in ALWAYS or fact.old != fact.new]
    before, after = ({file.name: file.size for file in image.files} for image in (old, new))
    names = sorted(before.keys() | after.keys())
    sizes = [FileSize(name, before.get(name, 0), after.get(name, 0)) for name in names]
    # An image of an earlier version does not list its sources: nothing can be said, rather than that all are new.
    both = bool(old.sources and new.sources)
    return Differences(
        old=old.name,
        new=new.name,
        facts=tuple(facts),
        packages=tuple(changed_packages(old.packages, new.packages)),
        sources=tuple(changed_packages(_versions(old.sources), _versions(new.sources))) if both else (),
        sizes=(*sizes, FileSize("all", old.size, new.size)),
        keys=tuple(_keys(old, new)),
    )


def _facts(old: Manifest, new: Manifest) -> list[Fact]:
    def values(image: Manifest) -> dict[str, str]:
        return {
            "kernel": image.kernel,
            "Xen": image.xen,
            "toolstack": image.toolstack,
            "Ganeti": image.packages.get("ganeti", ""),
            "state format": str(image.state_format),
            "architecture": image.architecture,
            "memory of dom0": f"{image.dom0_memory_mib} MiB",
            "packages of": day(image.epoch) if image.epoch else "",
            "commit": image.commit,
            **{f"archive {name}": day(date) for name, date in image.archives.items()},
        }

    before, after = values(old), values(new)
    return [Fact(name, before.get(name, ""), after.get(name, "")) for name in {**before, **after}]


def _versions(sources: Sequence[SourcePackage]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for source in sources:
        known = found.get(source.name, "")
        if not known or PackageChange(source.name, known, source.version).kind == "upgraded":
            found[source.name] = source.version
    return found


def _keys(old: Manifest, new: Manifest) -> list[tuple[str, str]]:
    pairs = (
        ("added", new.keys, old.keys),
        ("removed", old.keys, new.keys),
        ("revoked", new.revoked, old.revoked),
        ("no longer revoked", old.revoked, new.revoked),
    )
    return [(word, key) for word, there, other in pairs for key in there if key not in other]


def diff_lines(found: Differences) -> list[str]:
    """Return differences as lines of text."""
    lines = [f"{found.old} -> {found.new}"]
    for fact in found.facts:
        same = fact.old == fact.new
        lines.append(
            f"{fact.name}: {fact.new}, the same" if same else f"{fact.name}: {fact.old or 'none'} -> {fact.new or 'none'}"
        )
    lines += [f"signing key {key}: {word}" for word, key in found.keys]
    for size in found.sizes:
        if size.old != size.new:
            change = size.new - size.old
            sign = "+" if change > 0 else "-"
            lines.append(f"size of {size.name}: {human_bytes(size.new)} ({sign}{human_bytes(abs(change))})")
    lines += _change_lines("packages", found.packages)
    if found.sources:
        lines += _change_lines("source packages", found.sources)
        lines.append(f"changelogs: {TRACKER}NAME")
    return lines


def _change_lines(what: str, changes: Sequence[PackageChange]) -> list[str]:
    lines = [f"{what}: {counted(len(changes), 'change')}" if changes else f"{what}: the same"]
    for change in changes:
        versions = " -> ".join(filter(None, (change.old, change.new)))
        lines.append(f"  {SIGNS[change.kind]} {change.name} {versions}" + (" (older)" if change.kind == "downgraded" else ""))
    return lines
