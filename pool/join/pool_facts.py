"""Facts about a pool for a request.

Read within milliseconds, without locks, by the toolstack's driver.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "run/dom0kit/image/manifest.json"


@dataclass(frozen=True)
class Member:
    """A host of the pool.

    :param offline: the pool has marked it as offline.
    """

    name: str
    address: str
    offline: bool = False


@dataclass(frozen=True)
class PoolFacts:
    """The pool as one of its hosts sees it.

    :param address: the pool's own address, which moves with the master; empty without one.
    :param me: name of the host that read the facts.
    :param master: name of the master as this host knows it.
    :param serving: whether the toolstack accepts jobs on this host; True only on a master whose
        daemons are up.
    :param version: of the image that this host runs.
    :param toolstack: name and version, such as ``ganeti 3.1.0~rc2``.
    :param networks: in which hosts may have their addresses; empty when unknown.
    :param own_addresses: all addresses of the host that read the facts.
    """

    pool: str
    address: str
    me: str
    master: str
    members: tuple[Member, ...]
    serving: bool
    version: str
    toolstack: str
    networks: tuple[str, ...] = ()
    own_addresses: tuple[str, ...] = ()

    @property
    def is_master(self) -> bool:
        """Whether the host that read the facts is the master."""
        return self.me == self.master

    def member(self, name: str) -> Member | None:
        """Return the host with this name, or None."""
        return next((member for member in self.members if member.name == name), None)

    @property
    def master_address(self) -> str:
        """The master's own address; empty when unknown."""
        found = self.member(self.master)
        return found.address if found else ""


def image_facts(manifest: str, toolstack: str) -> tuple[str, str]:
    """Return the version of an image and of its toolstack from the text of its manifest.

    The Debian revision is left out, because it does not affect compatibility.

    :returns: such as ``("0.1.0", "ganeti 3.1.0~rc2")``; what the manifest does not contain is
        empty.
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
    # Debian's ganeti depends on ganeti-3.1; both have the same version.
    return name in packages and re.fullmatch(rf"{re.escape(toolstack)}(-[0-9.]+)?", name) is not None


def read_image(root: Path, toolstack: str) -> tuple[str, str]:
    """Return :func:`image_facts` of the running image."""
    try:
        return image_facts((root / MANIFEST).read_text(), toolstack)
    except OSError:
        return "", ""
