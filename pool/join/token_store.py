"""Join-token store: validity and uses of each token, and the file of keys derived from them.

The store holds public keys, not the tokens. sshd reads the keys from a file of their own, next to
root's ``authorized_keys`` that Ganeti and administrators write (``AuthorizedKeysFile`` in
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
from pool.driver import JoiningHost, Problem
from pool.join.token import NEW_HINT, is_id

FOLDER = "var/lib/dom0kit/pool"
KEPT = 30 * 86400
"""Keep a token that has expired or was revoked.

Kind: protocol. Reason: a late host gets the reason why its token is invalid. Expiry: the pool
reports an unknown token.
"""
Replicate = Callable[[list[Path]], None]
"""Copies files to the other master candidates; files that do not exist are deleted there."""


@dataclass(frozen=True)
class TokenUse:
    """A host that joined, or waits in the queue, by a token.

    :param key: its SSH host key, to which this use of the token is bound.
    """

    name: str
    uuid: str
    time: float
    key: str = ""


@dataclass(frozen=True)
class TokenRecord:
    """A token as the pool stores it; times in seconds since 1970.

    :param key: line of the public key.
    :param uses: number of hosts that may join by it; None: any number.
    :param host: name of the only host that may join by it; empty: any host.
    :param uuid: UUID of the only machine; empty: any machine with the name. ``mac`` likewise.
    :param approval: whether an administrator approves each host before it is added.
    :param denied: SSH host keys of hosts that an administrator denied.
    """

    id: str
    key: str
    made: float
    expires: float
    uses: int | None = 1
    revoked: float | None = None
    used: tuple[TokenUse, ...] = ()
    host: str = ""
    uuid: str = ""
    mac: str = ""
    approval: bool = False
    denied: tuple[str, ...] = ()

    def problem(self, now: float, host: JoiningHost | None = None) -> Problem | None:
        """Return why the token does not admit this host, or None.

        :param host: a host that has used the token already may use it again, with the same key.
        """
        if host is not None and (problem := self._host_problem(host)):
            return problem
        if self.revoked is not None:
            return Problem("token", f"the join token {self.id} was revoked", NEW_HINT)
        if now >= self.expires:
            return Problem("expired", f"the join token {self.id} expired {span_text(now - self.expires)} ago", NEW_HINT)
        if self.uses is not None and len(self.used) >= self.uses and not (host and self.has(host)):
            if host and any(use.name == host.name for use in self.used):
                text = f"the join token {self.id} was used by {host.name} with another SSH host key"
                return Problem("used-up", text, f"if the host was installed again, {NEW_HINT}")
            hosts = "one host" if self.uses == 1 else f"{self.uses} hosts"
            return Problem("used-up", f"the join token {self.id} allows {hosts} and is used up", NEW_HINT)
        return None

    def _host_problem(self, host: JoiningHost) -> Problem | None:
        """Return why this host was denied, or is not the one that the token was made for, or None.

        The text does not name the other host: whoever has the token need not know.
        """
        if host.key in self.denied:
            return Problem("denied", f"the pool's administrator denied {host.name}", "ask the administrator, and use a new token")
        hint = f"use the token of this host, or {NEW_HINT} --host {host.name}"
        if self.host and host.name != self.host:
            return Problem("wrong-host", f"the join token {self.id} was made for another host than {host.name}", hint)
        if self.uuid and host.uuid.lower() != self.uuid:
            text = f"the join token {self.id} was made for another machine: its UUID is not that of {host.name}"
            return Problem("wrong-host", text, hint)
        if self.mac and self.mac not in host.macs:
            text = f"the join token {self.id} was made for another machine: {host.name} has no network card with its MAC address"
            return Problem("wrong-host", text, hint)
        return None

    def has(self, host: JoiningHost) -> bool:
        """Whether this host has used the token: the same machine, name and key."""
        return bool(host.key) and any((use.name, use.uuid, use.key) == (host.name, host.uuid, host.key) for use in self.used)


def span_text(seconds: float) -> str:
    """Return a duration as text, in its largest unit that fits twice."""
    for unit, size in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


class TokenStore:
    """The token store on this host.

    :param root: root of the file system; ``/`` except in tests and test networks.
    :param command: the command that a key runs; the token's ID is appended.
    :param replicate: called with the changed files after each change.
    """

    def __init__(
        self, root: Path, command: str = "/usr/bin/dom0ctl pool answer", replicate: Replicate = lambda files: None
    ) -> None:
        self.folder = root / FOLDER
        self._command, self._replicate = command, replicate

    @property
    def keys_file(self) -> Path:
        """The file of keys that sshd reads for root."""
        return self.folder / "keys/root"

    def path(self, name: str) -> Path:
        """Return the path of a token's record.

        :raises UserError: when the name is not a token's ID.
        """
        if not is_id(name):
            raise UserError(f"{name!r} is not a token's ID", "list the tokens: dom0ctl pool token list")
        return self.folder / f"tokens/{name}.json"

    def read(self, name: str) -> TokenRecord | None:
        """Return a token's record; None when there is none.

        :raises UserError: when it is damaged.
        """
        path = self.path(name)
        try:
            return parse_record(json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is damaged: {error}", f"delete it, and create a new token ({name} is lost)") from error

    def records(self) -> list[TokenRecord]:
        """Return all token records, the oldest first; damaged ones are left out."""
        found = []
        for path in sorted((self.folder / "tokens").glob("*.json")):
            try:
                entry = self.read(path.stem)
            except UserError:
                continue
            if entry is not None:
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.made, entry.id))

    def add(self, entry: TokenRecord, now: float) -> None:
        """Store a new token and authorize its key."""
        with self.lock():
            write_json(self.path(entry.id), asdict(entry), 0o600)
            self._finish(now, [self.path(entry.id)])

    def revoke(self, name: str, now: float) -> TokenRecord:
        """Revoke a token's key.

        :raises UserError: when there is no such token.
        """
        with self.lock():
            entry = self.read(name)
            if entry is None:
                raise UserError(f"there is no join token {name}", "list the tokens: dom0ctl pool token list")
            entry = replace(entry, revoked=entry.revoked or now)
            write_json(self.path(name), asdict(entry), 0o600)
            self._finish(now, [self.path(name)])
        return entry

    def use(self, name: str, host: JoiningHost, now: float) -> Problem | None:
        """Count a host for a token; a host that asks again is counted once.

        :returns: why it may not join by the token, or None.
        """
        with self.lock():
            entry = self.read(name)
            if entry is None:
                return Problem("token", f"the pool does not know the join token {name}", NEW_HINT)
            problem = entry.problem(now, host)
            if problem is not None or entry.has(host):
                return problem
            changed = replace(entry, used=(*entry.used, TokenUse(host.name, host.uuid, round(now, 3), host.key)))
            write_json(self.path(name), asdict(changed), 0o600)
        return None

    def deny(self, name: str, key: str) -> None:
        """Refuse the host with an SSH host key from now on; an unknown token is passed over."""
        with self.lock():
            entry = self.read(name)
            if entry is not None and key not in entry.denied:
                write_json(self.path(name), asdict(replace(entry, denied=(*entry.denied, key))), 0o600)
                self._replicate([self.path(name)])

    def replicate(self, name: str) -> None:
        """Copy a token's record to the other master candidates."""
        self._replicate([self.path(name)])

    def keys(self) -> dict[str, str]:
        """Return the SSH host key of the machine that joined last under each name."""
        uses = sorted((use for entry in self.records() for use in entry.used), key=lambda use: use.time)
        return {use.name: use.key for use in uses}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store's lock, for one writer at a time."""
        for path in (self.folder, self.folder / "tokens", self.keys_file.parent):
            # sshd ignores a file of keys below a folder that is writable by others (StrictModes).
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _finish(self, now: float, changed: list[Path]) -> None:
        for entry in self.records():
            if now > (entry.revoked or entry.expires) + KEPT and not entry.used:
                self.path(entry.id).unlink()
                changed.append(self.path(entry.id))
        write_atomic(self.keys_file, keys_text(self.records(), now, self._command), 0o600)
        self._replicate([*changed, self.keys_file])


def keys_text(entries: list[TokenRecord], now: float, command: str) -> str:
    """Return the file of keys: one line for each token that is not revoked.

    Expired tokens stay in it for a while, so that their hosts get the reason.
    """
    lines = ["# Written by 'dom0ctl pool token'; manual changes are lost."]
    for entry in entries:
        if entry.revoked is None and now < entry.expires + KEPT:
            lines.append(f'restrict,command="{command} {entry.id}" {entry.key} dom0kit-pool-{entry.id}')
    return "\n".join(lines) + "\n"


def parse_record(value: Any) -> TokenRecord:
    """Parse a token record from JSON.

    :raises ValueError, KeyError, TypeError: when it is invalid.
    """
    used = tuple(
        TokenUse(str(use["name"]), str(use["uuid"]), float(use["time"]), str(use.get("key", ""))) for use in value["used"]
    )
    uses, revoked = value["uses"], value["revoked"]
    return TokenRecord(
        id=str(value["id"]),
        key=str(value["key"]),
        made=float(value["made"]),
        expires=float(value["expires"]),
        uses=None if uses is None else int(uses),
        revoked=None if revoked is None else float(revoked),
        used=used,
        host=str(value.get("host", "")),
        uuid=str(value.get("uuid", "")),
        mac=str(value.get("mac", "")),
        approval=bool(value.get("approval", False)),
        denied=tuple(str(key) for key in value.get("denied", ())),
    )
