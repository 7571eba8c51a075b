"""The pool's book of tokens: what each is good for, who used it, and the file of keys that follows from it.

The tokens themselves are not kept: the book has their public keys. The keys have a file of their own beside root's
``authorized_keys``, which Ganeti and administrators write as well: sshd reads both (``AuthorizedKeysFile`` in
``/etc/ssh/sshd_config.d/50-dom0kit-pool.conf``).
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic, write_json
from pool.driver import Joiner, Problem
from pool.join.token import NEW, is_id

FOLDER = "var/lib/dom0kit/pool"
KEPT = 30 * 86400
"""Keep a token that has expired or was revoked.

Kind: protocol. Reason: a host that comes late is told why its token is of no use. Expiry: the pool says only that it does not
know the token.
"""
Spread = Callable[[list[Path]], None]
"""Brings files to the other master candidates; the files may be gone, then they go there too."""


@dataclass(frozen=True)
class Use:
    """A host that joined, or stands in the queue, by a token."""

    name: str
    uuid: str
    time: float


@dataclass(frozen=True)
class Entry:
    """A token as the pool knows it; times in seconds since 1970.

    :param key: the public key's line.
    :param uses: how many hosts may join by it; None: any number.
    """

    id: str
    key: str
    made: float
    expires: float
    uses: int | None = 1
    revoked: float | None = None
    used: tuple[Use, ...] = ()

    def problem(self, now: float, joiner: Joiner | None = None) -> Problem | None:
        """Why the token does not let this host in; a host that comes again has its use already."""
        if self.revoked is not None:
            return Problem("token", f"the join token {self.id} was revoked", NEW)
        if now >= self.expires:
            return Problem("expired", f"the join token {self.id} expired {since(now - self.expires)} ago", NEW)
        if self.uses is not None and len(self.used) >= self.uses and not (joiner and self.has(joiner)):
            hosts = "one host" if self.uses == 1 else f"{self.uses} hosts"
            return Problem("used-up", f"the join token {self.id} was good for {hosts} and is used up", f"{NEW} --uses N")
        return None

    def has(self, joiner: Joiner) -> bool:
        """Did this host use it already?"""
        return any(use.name == joiner.name and use.uuid == joiner.uuid for use in self.used)


def since(seconds: float) -> str:
    """A span of time for a person."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class Ledger:
    """The book on this host.

    :param root: where the file system begins; ``/`` but in tests and laboratories.
    :param command: what a key runs; the token's name is appended.
    :param spread: called with the changed files after each change.
    """

    def __init__(self, root: Path, command: str = "/usr/bin/dom0ctl pool answer", spread: Spread = lambda files: None) -> None:
        self.folder = root / FOLDER
        self._command, self._spread = command, spread

    @property
    def keys_file(self) -> Path:
        """What sshd reads for root."""
        return self.folder / "keys/root"

    def path(self, name: str) -> Path:
        """A token's page."""
        if not is_id(name):
            raise UserError(f"{name!r} is no token's name", "dom0ctl pool token list")
        return self.folder / f"tokens/{name}.json"

    def read(self, name: str) -> Entry | None:
        """A token's page; None when there is none.

        :raises UserError: when it is damaged.
        """
        path = self.path(name)
        try:
            return parse_entry(json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged: {error}", f"dom0ctl pool token revoke {name}, and make a new one") from error

    def all(self) -> list[Entry]:
        """Every token, the oldest first; damaged pages are left out."""
        found = []
        for path in sorted((self.folder / "tokens").glob("*.json")):
            try:
                entry = self.read(path.stem)
            except UserError:
                continue
            if entry is not None:
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.made, entry.id))

    def add(self, entry: Entry, now: float) -> None:
        """Write a new token down and let its key in."""
        with self.lock():
            write_json(self.path(entry.id), asdict(entry), 0o600)
            self._finish(now, [self.path(entry.id)])

    def revoke(self, name: str, now: float) -> Entry:
        """Let a token's key in no more.

        :raises UserError: when there is none of the name.
        """
        with self.lock():
            entry = self.read(name)
            if entry is None:
                raise UserError(f"there is no join token {name}", "dom0ctl pool token list")
            entry = replace(entry, revoked=entry.revoked or now)
            write_json(self.path(name), asdict(entry), 0o600)
            self._finish(now, [self.path(name)])
        return entry

    def use(self, name: str, joiner: Joiner, now: float) -> Problem | None:
        """Count a host for a token, once however often it comes.

        :returns: why it may not join by it.
        """
        with self.lock():
            entry = self.read(name)
            if entry is None:
                return Problem("token", f"the pool does not know the join token {name}", NEW)
            problem = entry.problem(now, joiner)
            if problem is not None or entry.has(joiner):
                return problem
            changed = replace(entry, used=(*entry.used, Use(joiner.name, joiner.uuid, round(now, 3))))
            write_json(self.path(name), asdict(changed), 0o600)
        return None

    def spread(self, name: str) -> None:
        """Bring a token's page to the other candidates."""
        self._spread([self.path(name)])

    def uuids(self) -> dict[str, str]:
        """The machine that joined last under each name."""
        uses = sorted((use for entry in self.all() for use in entry.used), key=lambda use: use.time)
        return {use.name: use.uuid for use in uses}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One writer at a time."""
        for path in (self.folder, self.folder / "tokens", self.keys_file.parent):
            # sshd passes over a file of keys below a folder that others may write to (StrictModes).
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _finish(self, now: float, changed: list[Path]) -> None:
        for entry in self.all():
            if now > (entry.revoked or entry.expires) + KEPT and not entry.used:
                self.path(entry.id).unlink()
                changed.append(self.path(entry.id))
        write_atomic(self.keys_file, keys_text(self.all(), now, self._command), 0o600)
        self._spread([*changed, self.keys_file])


def keys_text(entries: list[Entry], now: float, command: str) -> str:
    """The file of keys: a line for each token that is not revoked; one that has expired may still ask, and is told so."""
    lines = ["# Written by 'dom0ctl pool token'; what is changed here by hand is lost."]
    for entry in entries:
        if entry.revoked is None and now < entry.expires + KEPT:
            lines.append(f'restrict,command="{command} {entry.id}" {entry.key} dom0kit-pool-{entry.id}')
    return "\n".join(lines) + "\n"


def parse_entry(value: Any) -> Entry:
    """A page from its JSON.

    :raises ValueError, KeyError, TypeError: when it is none.
    """
    used = tuple(Use(str(use["name"]), str(use["uuid"]), float(use["time"])) for use in value["used"])
    uses, revoked = value["uses"], value["revoked"]
    return Entry(
        id=str(value["id"]),
        key=str(value["key"]),
        made=float(value["made"]),
        expires=float(value["expires"]),
        uses=None if uses is None else int(uses),
        revoked=None if revoked is None else float(revoked),
        used=used,
    )
