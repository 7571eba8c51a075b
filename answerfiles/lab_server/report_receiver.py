"""Take what installing hosts report, keep it, and let a host start its disk once its installer begins to write.

``GET /answers/NAME`` decides who gets a host's answers (:mod:`answerfiles.lab_server.answer_access`); nginx sends the file.

``POST /report/HOST`` carries one event as a JSON object, or a bundle (``Content-Type: application/gzip``). The host proves itself
by the token that render put into its answers. A machine that has not read its answers has no token: what it sends and a
small bundle are taken as well, marked as unproven, but nothing that changes what a host boots.
"""

from __future__ import annotations

import hmac
import json
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from answerfiles.inventory.install_markers import disarm
from answerfiles.inventory.render import report_token
from answerfiles.lab_server.answer_access import AnswerAccess
from dom0kit.units import MIB
from dom0kit.untrusted.values import read_json

LARGEST_EVENT = 256 * 1024
LARGEST_BUNDLE = 64 * MIB
LARGEST_UNPROVEN = 256 * 1024
ALL_UNPROVEN = 256 * MIB
"""Bytes that all senders without a token may send while the server runs."""
SPACE = 512 * MIB
"""Free space in bytes below which only the reports are kept that an installation begins or has finished."""
AT_A_TIME = 16
"""Reports of hosts with their token that are read into memory at the same time; the others wait."""
UNPROVEN_AT_A_TIME = 4
"""Reports without a token that are read at the same time: they have places of their own, so that hosts never wait for them."""
STATES = ("started", "finished", "failed")
LONGEST_TEXT = 65536
"""Characters of a text in an event."""
MOST_FIELDS = 64
LARGEST_LOG = 32 * MIB
"""Bytes of events of one host; what comes after is refused."""
MOST_BUNDLES = 5
KINDS = ("started", "step", "progress", "note", "retrying", "writing", "finished", "failed")
SOURCES = ("installer", "firstboot", "boot")
DISARMING = {"installer": ("writing", "finished"), "firstboot": ("finished",)}
"""Reports, by source, of a host that must not be installed again without a new order."""

Tell = Callable[[str, dict[str, Any]], None]


class Refused(Exception):
    """A report that is not taken: HTTP status and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiver:
    """Keeps reports below a folder.

    :param tree: the network-boot tree: its ``hosts.json`` says which hosts there are; hosts whose installation begins are
        removed from its ``armed/``.
    :param tell: called with the host's name and each event that was taken.
    :param leases: dnsmasq's file of leases; None when another server assigns addresses.
    """

    def __init__(
        self, tree: Path, reports: Path, key: bytes, tell: Tell = lambda host, event: None, leases: Path | None = None
    ) -> None:
        self.tree = tree
        self.access = AnswerAccess(tree, key, leases)
        self.reports = reports
        self.key = key
        self.tell = tell
        self.slots = {True: threading.BoundedSemaphore(AT_A_TIME), False: threading.BoundedSemaphore(UNPROVEN_AT_A_TIME)}
        self._unproven = 0

    def limit(self, host: str, kind: str, authorization: str) -> tuple[bool, int]:
        """Return whether the sender is authenticated as the host, and how many bytes it may send.

        :raises Refused: for a host that is not in the tree, and for a wrong token.
        """
        if host not in self.access.hosts():
            raise Refused(404, "no such host")
        proven = hmac.compare_digest(authorization.encode(), f"Bearer {report_token(self.key, host)}".encode())
        if authorization and not proven:
            raise Refused(403, "wrong token")
        if kind == "application/gzip":
            return proven, LARGEST_BUNDLE if proven else LARGEST_UNPROVEN
        return proven, LARGEST_EVENT

    def answers(self, name: str, address: str) -> str:
        """Return the file below ``answers/`` that a client at an address gets for a name.

        :raises Refused: when it gets none.
        """
        host, why = self.access.decide(name, address)
        if not host:
            raise Refused(404, why)
        if why:
            self.tell(host, {"event": "refused", "text": why, "address": address})
            raise Refused(403, why)
        return f"{host}.yaml"

    def take(self, host: str, kind: str, body: bytes, *, proven: bool) -> None:
        """Keep a report.

        :raises Refused: when it is none, or the host has sent too much.
        """
        if not proven:
            self._unproven += len(body)
            if self._unproven > ALL_UNPROVEN:
                raise Refused(507, "too much was reported without a token")
        if kind == "application/gzip":
            self._check_space()
            self._bundle(host, body, proven)
            return
        event = parse_event(body)
        if event["event"] in DISARMING.get(event["source"], ()):
            if not proven:
                raise Refused(401, "a token is needed")
            # First of all: neither a full disk nor a full log may let the host be installed again.
            disarm(self.tree, host)
        if event["event"] not in ("writing", "finished"):
            self._check_space()
        record = {**event, "received": round(time.time(), 3), "proven": proven}
        path = self.reports / f"{host}.jsonl"
        # Unauthenticated senders must not use up the space reserved for the host itself.
        if path.exists() and path.stat().st_size > (LARGEST_LOG if proven else LARGEST_LOG // 4):
            raise Refused(507, "this host has reported too much")
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")
        self.tell(host, record)

    def _check_space(self) -> None:
        """Check that this report leaves space for the important ones.

        :raises Refused: when it does not.
        """
        if shutil.disk_usage(self.reports).free < SPACE:
            raise Refused(507, "the server's disk is full")

    def _bundle(self, host: str, body: bytes, proven: bool) -> None:
        if not body.startswith(b"\x1f\x8b"):
            raise Refused(400, "no gzip file")
        word = "bundle" if proven else "unproven"
        kept = sorted(self.reports.glob(f"{host}.{word}-*.tar.gz"))
        for old in kept[: max(0, len(kept) - MOST_BUNDLES + 1)]:
            old.unlink(missing_ok=True)
        path = self.reports / f"{host}.{word}-{time.time_ns()}.tar.gz"
        path.write_bytes(body)
        path.chmod(0o600)
        self.tell(host, {"event": "bundle", "file": str(path), "proven": proven})


def parse_event(body: bytes) -> dict[str, Any]:
    """Return an event that is what docs/reference/events.md says: a flat object, known kinds, sources and states, finite numbers.

    :raises Refused: for anything else.
    """
    try:
        event = read_json(body)
    except ValueError as error:
        raise Refused(400, "no JSON") from error
    if not isinstance(event, dict) or event.get("event") not in KINDS:
        raise Refused(400, "no event")
    if event.get("source") not in SOURCES:
        raise Refused(400, "no source")
    if "state" in event and event["state"] not in STATES:
        raise Refused(400, "no state")
    if len(event) > MOST_FIELDS or not all(is_field(name, value) for name, value in event.items()):
        raise Refused(400, "a field is none of an event")
    return event


def is_field(name: str, value: Any) -> bool:
    """Return whether an event may have this field: a short name, and a value or a list of values."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        return False
    values = value if isinstance(value, list) else [value]
    return all(
        inner is None or isinstance(inner, bool | int | float) or (isinstance(inner, str) and len(inner) <= LONGEST_TEXT)
        for inner in values
    )
