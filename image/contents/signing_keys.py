"""The keys that the signatures of another image are accepted from, as fingerprints."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path

from dom0kit.linux.signatures import KEYS, REVOKED, SIGNERS

KEY = re.compile(r"(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-[\w.@-]+\s+([A-Za-z0-9+/]+={0,2})(?:\s|$)")
"""A public key of OpenSSH: its type and its blob in base64."""


def fingerprints(text: str) -> list[str]:
    """Return the fingerprints of the keys in a file of public keys or allowed signers, as ssh-keygen(1) prints them (pure)."""
    found = set()
    for line in text.splitlines():
        match = None if line.lstrip().startswith("#") else KEY.search(line)
        try:
            blob = base64.b64decode(match[1], validate=True) if match else b""
        except binascii.Error:
            continue
        if blob:
            found.add("SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("="))
    return sorted(found)


def keys_of(tree: Path) -> dict[str, list[str]]:
    """Return the accepted and the revoked keys of a tree."""
    found = {}
    for word, name in (("accepted", SIGNERS), ("revoked", REVOKED)):
        path = tree / KEYS / name
        found[word] = fingerprints(path.read_text(errors="replace")) if path.is_file() else []
    return found
