"""Signatures of OpenPGP, verified by sqv(1), which apt of Debian 13 uses and depends on.

``openpgp.gpg`` in the folder of keys has the accepted certificates, as ``gpg --export`` writes them; a certificate brings its own
expiry and revocation. A signature that was made before its key expired stays valid.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dom0kit.process import QUERY_SECONDS, Runner

KEYRING = "openpgp.gpg"
ARMOR = "-----BEGIN PGP SIGNATURE-----"


@dataclass(frozen=True)
class Checked:
    """What was found out about a signature.

    :ivar valid: an accepted key has made it.
    :ivar fingerprint: of the key; "" when no key is to blame.
    :ivar reason: why it is not valid; "" for a key that is not accepted. It has ``{what}`` when there is no fingerprint.
    """

    valid: bool
    fingerprint: str
    reason: str = ""


def check(data: bytes, signature: Path, keys: Path, runner: Runner) -> Checked:
    """Check a detached, armored signature.

    :param keys: the folder with the keyring; without one no key is accepted.
    """
    ring = keys / KEYRING
    with tempfile.TemporaryDirectory(prefix="dom0kit-signature-") as folder:
        file = Path(folder) / "data"
        file.write_bytes(data)
        command = ["sqv", "--verbose", "--keyring", ring if ring.exists() else "/dev/null", signature, file]
        result = runner(command, check=False, timeout=QUERY_SECONDS, hint="install the package sqv")
    if result.returncode == 0:
        return Checked(True, result.output.split()[-1] if result.output.strip() else "")
    return explain(result.errors)


def explain(errors: str) -> Checked:
    """Return why sqv has refused a signature, from its standard error (pure)."""
    if "has been manipulated" in errors:
        return Checked(False, "", "{what} has changed since it was signed")
    if found := re.search(r"Missing key ([0-9A-F]{16,})", errors):
        return Checked(False, found[1])
    if found := re.search(r"Signing key on ([0-9A-F]{16,}) is bad", errors):
        if "revoked" in errors:
            return Checked(False, found[1], "was revoked")
        if when := re.search(r"Expired on (\d{4}-\d\d-\d\d)", errors):
            return Checked(False, found[1], f"expired on {when[1]}")
        return Checked(False, found[1], "sqv does not accept for signatures")
    return Checked(False, "", "the signature of {what} is damaged")
