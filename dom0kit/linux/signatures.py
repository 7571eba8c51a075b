"""Signatures of release files: made by a sign command, verified by OpenSSH (ssh-keygen(1), ``-Y verify``) or sqv(1).

The keys are a folder with ``allowed_signers`` (ssh-keygen(1), ALLOWED SIGNERS; the principal is ``dom0kit``), in which a key may
have a time from which and until which it is valid, and ``revoked_keys``: public keys that are refused in any case. OpenPGP has
``openpgp.gpg`` instead, see :mod:`dom0kit.linux.openpgp`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import openpgp
from dom0kit.process import QUERY_SECONDS, Result, Runner, run

KEYS = Path("usr/share/dom0kit/keys")
"""Folder of the accepted keys below the root folder of a host."""
SIGNERS, REVOKED = "allowed_signers", "revoked_keys"
KEY_FILES = (SIGNERS, REVOKED, openpgp.KEYRING)
"""The files of a folder of keys."""
NAMESPACE = PRINCIPAL = "dom0kit"
"""A signature for another purpose, such as a Git commit, has another namespace and is refused."""
ARMOR = "-----BEGIN SSH SIGNATURE-----"
SIGN_SECONDS = 1800
"""Run a sign command.

Kind: cap. Reason: an administrator types a passphrase, or touches a token. Expiry: the command is killed, and the error names it
and the time.
"""
SOURCE_HINT = "get the image from its publisher again"
HOST_HINT = "use an image of the same publisher, or install the host again with one that accepts the key"


class UnknownKey(UserError):
    """The signature is right, and the key that made it is not among the accepted ones."""


def sign(
    data: bytes, command: Sequence[str], runner: Runner = run, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> bytes:
    """Return the signature that a sign command makes.

    :param command: reads the data on standard input and writes the signature to standard output, such as
        ``ssh-keygen -Y sign -n dom0kit -f KEY``; the key may be in an agent or on another machine.
    :param env: environment variables in addition, such as that of the agent.
    :param cwd: the folder that the command runs in.
    :raises UserError: when it fails, or writes something else.
    """
    hint = "check the sign command and its key"
    found = runner(list(command), stdin=data, timeout=SIGN_SECONDS, hint=hint, env=env, cwd=cwd).output
    if not found.startswith((ARMOR, openpgp.ARMOR)):
        hint = "use a command such as: ssh-keygen -Y sign -n dom0kit -f KEY; or: gpg --detach-sign --armor"
        raise UserError(f"the sign command {command[0]} wrote no signature of OpenSSH or OpenPGP", hint)
    return found.encode()


def has_keys(keys: Path) -> bool:
    """Return whether a folder names keys that are accepted."""
    return (keys / SIGNERS).exists() or (keys / openpgp.KEYRING).exists()


def verify(data: bytes, signature: bytes, keys: Path, what: str, runner: Runner = run, *, hint: str = HOST_HINT) -> str:
    """Check that data is signed by an accepted key.

    :param keys: the folder with the keys.
    :param what: what is signed, for messages, such as ``manifest.json of /dev/sdb``.
    :param hint: what to do about an unknown key.
    :returns: the key's fingerprint: ``SHA256:...``, or that of OpenPGP in hexadecimal digits.
    :raises UnknownKey: when the key is not among the accepted ones.
    :raises UserError: with the reason why not: unsigned, changed, an expired or revoked key.
    """
    if not signature:
        raise UserError(f"{what} is not signed", "use a signed image: 'dom0kit iso' signs what it builds")
    with tempfile.TemporaryDirectory(prefix="dom0kit-signature-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        if signature.startswith(openpgp.ARMOR.encode()):
            checked = openpgp.check(data, file, keys, runner)
            if checked.valid:
                return checked.fingerprint
            raise _refusal_of_openpgp(what, checked, hint)

        def call(verb: str, *options: str | Path) -> Result:
            command = ["ssh-keygen", "-Y", verb, "-n", NAMESPACE, "-s", file, *options]
            return runner(command, stdin=data, check=False, timeout=QUERY_SECONDS, hint="install the package openssh-client")

        signers = keys / SIGNERS
        accepted = ("-f", signers if signers.exists() else Path("/dev/null"), "-I", PRINCIPAL)
        revoked = ("-r", keys / REVOKED) if (keys / REVOKED).exists() else ()
        result = call("verify", *accepted, *revoked)
        if result.returncode == 0:
            return _fingerprint(result.output)
        signer = call("check-novalidate")
        is_revoked = bool(revoked) and call("verify", *accepted).returncode == 0
    raise _refusal(what, result.errors, signer, hint, is_revoked=is_revoked)


def _refusal_of_openpgp(what: str, checked: openpgp.Checked, hint: str) -> UserError:
    """Return the error for an OpenPGP signature that was not accepted (pure)."""
    if not checked.reason:
        return UnknownKey(f"{what} is signed by the key {checked.fingerprint}, which is not among the accepted keys", hint)
    if checked.fingerprint:
        return UserError(f"{what} is signed by the key {checked.fingerprint}, which {checked.reason}", SOURCE_HINT)
    return UserError(checked.reason.format(what=what), SOURCE_HINT)


def _refusal(what: str, errors: str, signer: Result, hint: str, *, is_revoked: bool) -> UserError:
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
    return UnknownKey(f"{signed}, which is not among the accepted keys", hint)


def _fingerprint(output: str) -> str:
    found = re.search(r"SHA256:[A-Za-z0-9+/]+", output)
    return found[0] if found else ""
