"""File and command access to a host, and the facts that a toolstack needs about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dom0kit.fs import write_atomic
from dom0kit.process import Runner, run


class HostAccess(Protocol):
    """A host's file system and commands.

    :class:`firstboot.host.Host` is one. Paths have no leading slash.
    """

    run: Runner

    def path(self, name: str) -> Path:
        """Return the path of a file of the host."""
        ...

    def read(self, name: str) -> str:
        """Return a file's text; empty when the file does not exist."""
        ...

    def write(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Write a file atomically and create its folder.

        :returns: False when the file already had this content and mode.
        """
        ...


@dataclass
class LocalHost:
    """The host that this process runs on.

    :param root: root of its file system; ``/`` except in tests.
    """

    root: Path = Path("/")
    run: Runner = run

    def path(self, name: str) -> Path:
        """Return the path of a file of the host, named without a leading slash."""
        return self.root / name

    def read(self, name: str) -> str:
        """Return a file's text; empty when the file does not exist."""
        try:
            return self.path(name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def write(self, name: str, text: str, mode: int = 0o644) -> bool:
        """Write a file atomically and create its folder.

        Leave a file with the same content and mode untouched.

        :returns: whether the file was written.
        """
        path = self.path(name)
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o7777 == mode and self.read(name) == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, text, mode)
        return True


@dataclass(frozen=True)
class ManagedHost:
    """What a toolstack needs to know about the host that it manages.

    :param name: with its domain, as in the answers.
    :param address: management IPv4 address; None while there is none.
    :param port: interface that has the address, such as ``xenbr0`` or ``xenbr0.77``.
    :param bridge: Open vSwitch bridge that guests are connected to.
    :param vlan: VLAN of the management network on that bridge; None for untagged.
    :param volume_group: for guests' disks; None without.
    """

    name: str
    address: str | None
    port: str = "xenbr0"
    bridge: str = "xenbr0"
    vlan: int | None = None
    volume_group: str | None = None
