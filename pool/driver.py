"""The one interface to all toolstacks, and the values that go through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Code = Literal[
    "unreachable", "pin", "token", "expired", "used-up", "version", "clock", "name", "address", "toolstack", "busy", "moved",
    "failed", "refused",
]  # fmt: skip


@dataclass(frozen=True)
class Joiner:
    """What a host that wants to join says of itself.

    :param version: of the image, as its manifest says.
    :param toolstack: name and version of the package, such as ``ganeti 3.1.0``.
    :param clock: seconds since 1970 UTC at the moment of asking; None stands for "read it when you ask".
    :param uuid: of the machine, from DMI; it tells a host that comes again from another one of the same name.
    """

    name: str
    addresses: tuple[str, ...]
    version: str
    toolstack: str
    uuid: str
    clock: float | None = None


@dataclass(frozen=True)
class Problem:
    """Why the pool would not take the host: one sentence, and how to mend it."""

    code: Code
    text: str
    hint: str = ""


@dataclass(frozen=True)
class PoolAnswer:
    """What the pool said when it was asked.

    :param hosts: how many are in it now.
    :param clock: how many seconds the host's clock is ahead of the pool's.
    :param problems: empty when the pool would take the host.
    """

    pool: str = ""
    master: str = ""
    address: str = ""
    version: str = ""
    hosts: int = 0
    clock: float = 0.0
    problems: tuple[Problem, ...] = ()

    @property
    def welcome(self) -> bool:
        """Would the pool take the host?"""
        return not self.problems


@dataclass(frozen=True)
class PoolState:
    """How the host's pool is, for the console and ``dom0ctl status``.

    :param role: ``alone`` when there is no pool.
    :param well: False with a reason.
    """

    toolstack: str
    pool: str = ""
    role: Literal["alone", "master", "candidate", "member"] = "alone"
    master: str = ""
    hosts: int = 0
    well: bool = True
    reason: str = ""


class Driver(Protocol):
    """A toolstack. Every method may run again after it was cut off at any moment.

    :raises UserError: from all but ``preflight`` and ``status``, with a sentence and a hint.
    """

    def preflight(self, joiner: Joiner) -> PoolAnswer:
        """Ask the pool whether it would take the host; changes nothing on either side."""
        ...

    def create(self) -> None:
        """Make the pool with this host as its first."""
        ...

    def join(self, joiner: Joiner) -> None:
        """Bring this host into its pool."""
        ...

    def leave(self) -> None:
        """Take this host out of its pool."""
        ...

    def status(self) -> PoolState:
        """How the pool is, as this host sees it, within some seconds."""
        ...
