"""What a pool knows of itself when it is asked: read within milliseconds, without locks, by the toolstack's own part."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "run/dom0kit/image/manifest.json"


@dataclass(frozen=True)
class Member:
    """A host of the pool.

    :param offline: the pool itself says that it is away.
    """

    name: str
    address: str
    offline: bool = False


@dataclass(frozen=True)
class PoolFacts:
    """One look at the pool, from one of its hosts.

    :param address: the pool's own address, which follows the master; empty without one.
    :param me: the name of the host that looks.
    :param master: the name of the master as this host knows it.
    :param serving: whether the toolstack takes jobs here; False on all but the master, and there when it is not up.
    :param version: of the image that this host runs.
    :param toolstack: name and version, such as ``ganeti 3.1.0~rc2``.
    """

    pool: str
    address: str
    me: str
    master: str
    members: tuple[Member, ...]
    serving: bool
    version: str
    toolstack: str

    @property
    def is_master(self) -> bool:
        """Is the host that looks the master?"""
        return self.me == self.master

    def member(self, name: str) -> Member | None:
        """The host of this name."""
        return next((member for member in self.members if member.name == name), None)

    @property
    def master_address(self) -> str:
        """The master's own address; empty when nobody knows."""
        found = self.member(self.master)
        return found.address if found else ""


def image_facts(manifest: str, toolstack: str) -> tuple[str, str]:
    """The version of an image, and its toolstack's as ``ganeti 3.1.0~rc2``, from the text of its manifest.

    What the manifest does not say is empty. Debian's part of the version is left out: it says nothing of what fits.
    """
    try:
        value = json.loads(manifest)
        version, packages = str(value["version"]), dict(value.get("packages", {}))
    except (ValueError, KeyError, TypeError):
        return "", ""
    found = next((str(packages[name]) for name in (toolstack, *sorted(packages)) if _is_package(name, toolstack, packages)), "")
    upstream = found.partition(":")[2] or found
    return version, f"{toolstack} {upstream.rpartition('-')[0] or upstream}" if upstream else ""


def _is_package(name: str, toolstack: str, packages: dict[str, object]) -> bool:
    # Debian's ganeti is a package that needs ganeti-3.1; both have the same version.
    return name in packages and re.fullmatch(rf"{re.escape(toolstack)}(-[0-9.]+)?", name) is not None


def read_image(root: Path, toolstack: str) -> tuple[str, str]:
    """The same of the image that runs here."""
    try:
        return image_facts((root / MANIFEST).read_text(), toolstack)
    except OSError:
        return "", ""
