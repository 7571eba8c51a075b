"""Credentials for Ganeti's remote API, whose TLS certificate the pool makes itself."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool.host_access import HostAccess

USER = "dom0kit"
REALM = "Ganeti Remote API"
USERS = "var/lib/ganeti/rapi/users"
CREDENTIALS = "etc/dom0kit/rapi.json"
"""User, password and port, readable by root of this host; the pool stores only a digest of the
password.
"""
PORT = 5080


def users_line(user: str, password: str) -> str:
    """Return a users-file line with the password's digest and write permission (ganeti-rapi(8))."""
    digest = hashlib.md5(f"{user}:{REALM}:{password}".encode(), usedforsecurity=False).hexdigest()
    return f"{user} {{HA1}}{digest} write\n"


def create_user(access: HostAccess) -> None:
    """Create the user of a new pool unless it exists.

    Ganeti copies the file to all master candidates.
    """
    if access.read(USERS).strip():
        return
    password = secrets.token_urlsafe(18)
    value = {"user": USER, "password": password, "port": PORT}
    access.write(CREDENTIALS, json.dumps(value, sort_keys=True) + "\n", 0o600)
    access.write(USERS, users_line(USER, password), 0o640)
    shutil.chown(access.path(USERS), group="gnt-rapi")
