"""Ganeti's remote API: a user with a password made here. TLS it speaks by itself, with a certificate that the pool makes."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool.host_access import Place

USER = "dom0kit"
REALM = "Ganeti Remote API"
USERS = "var/lib/ganeti/rapi/users"
CREDENTIALS = "etc/dom0kit/rapi.json"
"""User, password and port for root of this host; the pool itself knows the password's digest alone."""
PORT = 5080


def users_line(user: str, password: str) -> str:
    """A line of the file of users with the password's digest and the right to write (ganeti-rapi(8))."""
    digest = hashlib.md5(f"{user}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
    return f"{user} {{HA1}}{digest} write\n"


def give_user(place: Place) -> None:
    """Make the user of a new pool; one that is there stays. Ganeti copies the file to all masters to be."""
    if place.read(USERS).strip():
        return
    password = secrets.token_urlsafe(18)
    value = {"user": USER, "password": password, "port": PORT}
    place.write(CREDENTIALS, json.dumps(value, sort_keys=True) + "\n", 0o600)
    place.write(USERS, users_line(USER, password), 0o640)
    shutil.chown(place.path(USERS), group="gnt-rapi")
