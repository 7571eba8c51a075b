"""Every socket that an installed host listens on: what it is for, and who may reach it (pure data)."""

from __future__ import annotations

from dataclasses import dataclass

EVERYONE, MEMBERS, HOST = "everyone", "pool members", "this host"
"""Who may reach a listener: every machine, the hosts of this pool, or programs on this host."""


@dataclass(frozen=True)
class Listener:
    """A listening socket, or a range of ports for sockets of one kind.

    :ivar name: the program.
    :ivar protocol: ``tcp`` or ``udp``.
    :ivar first: its port, or the first one of a range.
    :ivar reach: who may reach it.
    :ivar purpose: what it is for.
    :ivar last: the last port of a range; 0 for one port.
    :ivar when: the condition under which it listens.
    :ivar client: it takes answers to this host's own requests, which begin on another machine's port.
    """

    name: str
    protocol: str
    first: int
    reach: str
    purpose: str
    last: int = 0
    when: str = "always"
    client: bool = False

    @property
    def ports(self) -> str:
        """The port, or the range as nft(8) writes it."""
        return f"{self.first}-{self.last}" if self.last else str(self.first)

    def holds(self, protocol: str, port: int) -> bool:
        """Return whether a socket on ``port`` is this listener's."""
        return self.protocol == protocol and self.first <= port <= (self.last or self.first)


IN_A_POOL = "in a pool of Ganeti"
LISTENERS = (
    Listener("sshd", "tcp", 22, EVERYONE, "administration, hosts that join the pool", when="unless the answers say `ssh: off`"),
    Listener(
        "ganeti-noded", "tcp", 1811, MEMBERS, "commands of the pool's master; TLS, both sides with certificates", when=IN_A_POOL
    ),
    Listener("ganeti-confd", "udp", 1814, MEMBERS, "questions on the pool's configuration, signed", when=IN_A_POOL),
    Listener("ganeti-mond", "tcp", 1815, HOST, "load of this host; it asks for no password", when=IN_A_POOL),
    Listener("ganeti-rapi", "tcp", 5080, MEMBERS, "the remote API; TLS and password", when="on the master of a pool of Ganeti"),
    Listener(
        "socat", "tcp", 8002, MEMBERS, "memory of a guest that migrates to this host; not encrypted", when="during a migration"
    ),
    Listener(
        "drbd, qemu",
        "tcp",
        11000,
        MEMBERS,
        "replication of guests' disks, screens of HVM guests (VNC)",
        last=14999,
        when=IN_A_POOL,
    ),
    Listener(
        "socat",
        "tcp",
        32768,
        MEMBERS,
        "disks of guests that are copied (`gnt-backup`, moves); TLS",
        last=60999,
        when="during a copy",
    ),
    Listener("systemd-networkd", "udp", 68, EVERYONE, "answers of DHCP servers, from port 67", when="with DHCP", client=True),
    Listener(
        "systemd-networkd",
        "udp",
        546,
        EVERYONE,
        "answers of DHCPv6 servers on the link, from port 547",
        when="with DHCPv6",
        client=True,
    ),
    Listener("systemd-resolved", "udp", 53, HOST, "name look-ups of this host"),
    Listener("systemd-resolved", "tcp", 53, HOST, "name look-ups of this host"),
    Listener("chronyd", "udp", 323, HOST, "commands of `chronyc`"),
)
"""By port within each kind of reader: services of the host and pool, then clients and what stays on the host."""


def listener_at(protocol: str, port: int) -> Listener | None:
    """Return the listener of a port; None for a port that is none of the image's."""
    return next((listener for listener in LISTENERS if listener.holds(protocol, port)), None)
