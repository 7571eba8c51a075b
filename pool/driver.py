"""The driver interface to toolstacks, and the values that pass through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pool.refusals import Code


@dataclass(frozen=True)
class JoiningHost:
    """What a host that wants to join a pool states about itself.

    :param version: version of its image, from the image's manifest.
    :param toolstack: name and version of the toolstack's package, such as ``ganeti 3.1.0``.
    :param uuid: of the machine, from DMI; it distinguishes a host that retries from another machine of the same name.
    :param clock: seconds since 1970 UTC at the time of the request; None: read when the request is sent.
    :param key: its SSH host key (ed25519), which has signed the request; empty until it is sent.
    :param macs: MAC addresses of its network cards.
    """

    name: str
    addresses: tuple[str, ...]
    version: str
    toolstack: str
    uuid: str
    clock: float | None = None
    key: str = ""
    macs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A reason for which the pool refuses a host.

    :param code: one of :data:`pool.refusals.POOL_REFUSALS`.
    :param text: one sentence with the details.
    :param hint: what to do; may be empty.
    """

    code: Code
    text: str
    hint: str = ""


@dataclass(frozen=True)
class PoolAnswer:
    """A pool's reply to a preflight request.

    :param hosts: number of hosts in the pool.
    :param clock: seconds by which the host's clock is ahead of the pool's.
    :param problems: reasons to refuse the host; empty when the pool accepts it.
    """

    pool: str = ""
    master: str = ""
    address: str = ""
    version: str = ""
    hosts: int = 0
    clock: float = 0.0
    problems: tuple[Problem, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the pool accepts the host."""
        return not self.problems


@dataclass(frozen=True)
class PoolState:
    """State of the host's pool, for the status screen and ``dom0ctl status``.

    :param role: ``alone`` when the host is in no pool.
    :param well: False when the pool is degraded; ``reason`` then says why.
    """

    toolstack: str
    pool: str = ""
    role: Literal["alone", "master", "candidate", "member"] = "alone"
    master: str = ""
    hosts: int = 0
    well: bool = True
    reason: str = ""


class Driver(Protocol):
    """A toolstack. Every method may run again after it was interrupted at any moment.

    :raises UserError: from all methods except ``preflight`` and ``status``.
    """

    def preflight(self, host: JoiningHost) -> PoolAnswer:
        """Ask the pool whether it would accept the host; change nothing on either side."""
        ...

    def create(self) -> None:
        """Create the pool with this host as its first member."""
        ...

    def join(self, host: JoiningHost) -> None:
        """Join this host to its pool."""
        ...

    def leave(self) -> None:
        """Remove this host from its pool."""
        ...

    def status(self) -> PoolState:
        """Return the state of the pool as this host sees it, within a few seconds."""
        ...
