"""The host as a driver sees it: its files, its commands, and the few things that a toolstack asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dom0kit.fs import write_atomic
from dom0kit.process import Runner, run


class Place(Protocol):
    """A host's file system and commands; :class:`firstboot.host.Host` is one. Paths are without the leading slash."""

    run: Runner

    def path(self, name: str) -> Path:
        """A path of the host."""
        ...

    def read(self, name: str) -> str:
        """A file's text; empty when it is not there."""
        ...

    def write(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Write a file atomically, with its folder. Was it written, or right already?"""
        ...


@dataclass
class Local:
    """The host that this runs on.

    :param root: where its file system begins; ``/`` but in tests.
    """

    root: Path = Path("/")
    run: Runner = run

    def path(self, name: str) -> Path:
        """A path of the host, named without the leading slash."""
        return self.root / name

    def read(self, name: str) -> str:
        """A file's text; empty when it is not there."""
        try:
            return self.path(name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Write a file atomically, with its folder; a file that is right already stays untouched. Was it written?"""
        path = self.path(name)
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o7777 == mode and self.read(name) == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text, mode)
        return True


@dataclass(frozen=True)
class Member:
    """What a toolstack must know of the host that it manages.

    :param name: with its domain, as in the answers.
    :param address: the management IPv4 address; None while there is none.
    :param port: the interface that has it, such as ``xenbr0`` or ``xenbr0.77``.
    :param bridge: the Open vSwitch bridge that guests are plugged into.
    :param vlan: the management network's VLAN on that bridge; None for untagged.
    :param volume_group: for guests' disks; None without.
    """

    name: str
    address: str | None
    port: str = "xenbr0"
    bridge: str = "xenbr0"
    vlan: int | None = None
    volume_group: str | None = None
