"""Signed requests: a host proves with each request that it holds its SSH host key.

The request is a text that names the nonce of this connection, the token and the request's name; the
signature is OpenSSH's (SSHSIG, ssh-keygen(1) ``-Y``) by the host's ed25519 key. The pool binds the
token to this key and later contacts no machine at the host's address that does not have it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, Runner, run
from dom0kit.untrusted.values import read_json
from pool.driver import JoiningHost
from pool.join.messages import host_from_json, host_to_json
from pool.join.openssh_keys import is_ed25519_line

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
"""The key that signs. Ganeti replaces the RSA and ECDSA host keys of its hosts by the pool's own; this
one stays the host's."""
NAMESPACE = "dom0kit-pool-join"
"""Purpose of the signatures; one that the key made for anything else is not valid here."""
SIGNER = "host"
LONGEST_SIGNATURE = 4096


class Signer(Protocol):
    """The key by which a host signs its requests.

    :ivar public: line of the public key, without a comment.
    """

    public: str

    def sign(self, text: str) -> str:
        """Return the signature of a text."""
        ...


class HostKey:
    """A private key in a file.

    :raises UserError: when there is no such key, or it is no ed25519 key.
    """

    def __init__(self, path: Path, runner: Runner = run) -> None:
        self._path, self._run = path, runner
        try:
            self.public = " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])
        except OSError as error:
            raise UserError(f"this host has no SSH host key {path}: {error.strerror}", "create it: ssh-keygen -A") from error
        if not is_ed25519_line(self.public):
            raise UserError(f"{path}.pub is no ed25519 key", "remove both files, and create them: ssh-keygen -A")

    def sign(self, text: str) -> str:
        """Return the signature of a text."""
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self._path), "-n", NAMESPACE]
        return self._run(argv, stdin=text, timeout=COMMAND_SECONDS, hint="create the host's keys: ssh-keygen -A").output


def make_key(folder: Path, runner: Runner = run) -> HostKey:
    """Make a key in a folder in RAM, for a request of a machine that has no host key yet."""
    path = folder / "request_key"
    runner(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], timeout=COMMAND_SECONDS)
    return HostKey(path, runner)


def new_nonce() -> str:
    """Return a nonce for one connection."""
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Purpose:
    """What a signature is good for: one request by one token on one connection.

    :param nonce: that the pool sent on this connection.
    :param token: ID of the token.
    :param word: name of the request.
    """

    nonce: str
    token: str
    word: str


def signed_request(signer: Signer, purpose: Purpose, host: JoiningHost, clock: float) -> dict[str, Any]:
    """Return a request with its signature, as it is sent; the host states the signer's public key."""
    stated = host_to_json(replace(host, key=signer.public), clock)
    text = json.dumps({**asdict(purpose), "host": stated}, sort_keys=True)
    return {"request": text, "signature": signer.sign(text)}


Verify = Callable[[str, str, str], bool]
"""Tells whether a signature is that of a key over a text: ``(key, text, signature)``."""


def read_request(line: bytes, purpose: Purpose, verify: Verify) -> JoiningHost:
    """Return the host of a received request after its signature was verified.

    :param purpose: of this connection; a request that was recorded in another one has another nonce.
    :param verify: as :func:`verify_signature`.
    :raises ValueError: with the reason.
    """
    value = read_json(line)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    text, signature = value.get("request"), value.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str):
        raise ValueError("it is not signed")
    request = read_json(text)
    if not isinstance(request, dict):
        raise ValueError("the signed request is not an object")
    host = host_from_json(request.get("host"))
    if not host.key:
        raise ValueError("it states no SSH host key")
    if len(signature) > LONGEST_SIGNATURE or not verify(host.key, text, signature):
        raise ValueError("its signature is not that of the host key that it states")
    for name, wanted in asdict(purpose).items():
        if request.get(name) != wanted:
            raise ValueError(f"it was signed for another {'connection' if name == 'nonce' else name}")
    return host


def verify_signature(key: str, text: str, signature: str, runner: Runner = run) -> bool:
    """Whether a signature of a text was made by a key (ssh-keygen(1) ``-Y verify``).

    :param key: line of an ed25519 public key.
    """
    with tempfile.TemporaryDirectory(prefix="dom0kit-pool-") as folder:
        allowed, file = Path(folder) / "allowed", Path(folder) / "signature"
        allowed.write_text(f'{SIGNER} namespaces="{NAMESPACE}" {key}\n')
        file.write_text(signature)
        argv = ["ssh-keygen", "-q", "-Y", "verify", "-f", str(allowed), "-I", SIGNER, "-n", NAMESPACE, "-s", str(file)]
        return not runner(argv, stdin=text, check=False, timeout=COMMAND_SECONDS).returncode


def fingerprint(key: str) -> str:
    """Return the fingerprint of a public key as OpenSSH prints it (``ssh-keygen -l``); empty without a key."""
    words = key.split()
    if len(words) < 2:
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(words[1])).digest()).decode().rstrip("=")
