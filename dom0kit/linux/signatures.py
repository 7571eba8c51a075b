"""Signatures of release files: made and verified by OpenSSH (ssh-keygen(1), ``-Y sign`` and ``-Y verify``).

The keys are a folder with ``allowed_signers`` (ssh-keygen(1), ALLOWED SIGNERS; the principal is ``dom0kit``), in which a key may
have a time from which and until which it is valid, and ``revoked_keys``: public keys that are refused in any case.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS, Result, Runner, run

KEYS = Path("usr/share/dom0kit/keys")
"""Folder of the accepted keys below the root folder of a host."""
SIGNERS, REVOKED = "allowed_signers", "revoked_keys"
NAMESPACE = PRINCIPAL = "dom0kit"
"""A signature for another purpose, such as a Git commit, has another namespace and is refused."""
SOURCE_HINT = "get the image from its publisher again"


def sign(data: bytes, command: Sequence[str], runner: Runner = run) -> bytes:
    """Return the signature that a sign command makes.

    :param command: reads the data on standard input and writes the signature to standard output, such as
        ``ssh-keygen -Y sign -n dom0kit -f KEY``; the key may be in an agent or on another machine.
    :raises UserError: when it fails, or writes something else.
    """
    found = runner(list(command), stdin=data, timeout=QUERY_SECONDS, hint="check the sign command and its key").output
    if not found.startswith("-----BEGIN SSH SIGNATURE-----"):
        hint = "use a command such as: ssh-keygen -Y sign -n dom0kit -f KEY"
        raise UserError(f"the sign command {command[0]} wrote no signature of OpenSSH", hint)
    return found.encode()


def verify(data: bytes, signature: bytes, keys: Path, what: str, runner: Runner = run) -> str:
    """Check that data is signed by an accepted key.

    :param keys: the folder with the keys.
    :param what: what is signed, for messages, such as ``manifest.json of /dev/sdb``.
    :returns: the key's fingerprint, as ``SHA256:...``.
    :raises UserError: with the reason why not: unsigned, changed, another key, an expired or revoked one.
    """
    if not signature:
        raise UserError(f"{what} is not signed", "use a signed image: 'dom0kit iso' signs what it builds")
    with tempfile.TemporaryDirectory(prefix="dom0kit-signature-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)

        def call(verb: str, *options: str | Path) -> Result:
            command = ["ssh-keygen", "-Y", verb, "-n", NAMESPACE, "-s", file, *options]
            return runner(command, stdin=data, check=False, timeout=QUERY_SECONDS, hint="install the package openssh-client")

        accepted = ("-f", keys / SIGNERS, "-I", PRINCIPAL)
        revoked = ("-r", keys / REVOKED) if (keys / REVOKED).exists() else ()
        result = call("verify", *accepted, *revoked)
        if result.returncode == 0:
            return _fingerprint(result.output)
        signer = call("check-novalidate")
        is_revoked = bool(revoked) and call("verify", *accepted).returncode == 0
    raise _refusal(what, result.errors, signer, is_revoked=is_revoked)


def _refusal(what: str, errors: str, signer: Result, *, is_revoked: bool) -> UserError:
    """Return the error for a signature that was not accepted (pure)."""
    if signer.returncode:
        wrong = {"incorrect signature": f"{what} has changed since it was signed"}
        wrong["namespace"] = f"the signature of {what} was made for another purpose"
        sentence = next((wrong[word] for word in wrong if word in signer.errors), f"the signature of {what} is damaged")
        return UserError(sentence, SOURCE_HINT)
    signed = f"{what} is signed by the key {_fingerprint(signer.output)}"
    if is_revoked:
        return UserError(f"{signed}, which was revoked", SOURCE_HINT)
    if found := re.search(r"key has expired: .* valid-before (\S+)", errors):
        return UserError(f"{signed}, which expired on {found[1]}", "use an image signed by a current key")
    if found := re.search(r"key is not yet valid: .* valid-after (\S+)", errors):
        return UserError(f"{signed}, which is valid from {found[1]} on", "check the clock: 'date' shows it")
    hint = "use an image of the same publisher, or install the host again with one that accepts the key"
    return UserError(f"{signed}, which this host does not accept", hint)


def _fingerprint(output: str) -> str:
    found = re.search(r"SHA256:[A-Za-z0-9+/]+", output)
    return found[0] if found else ""
