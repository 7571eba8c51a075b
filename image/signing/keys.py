"""The keys of a build: the public ones that go into the image, and the development key of this user."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import read_limited
from dom0kit.linux.signatures import KEY_FILES, NAMESPACE, PRINCIPAL, SIGNERS, has_keys
from dom0kit.process import QUERY_SECONDS, Runner, run
from dom0kit.units import MIB

DEVELOPMENT_KEY = "development-key"
"""The name of the private key in the user's configuration folder."""
FILES_HINT = f"put {' or openpgp.gpg, '.join((SIGNERS, 'or both'))} there; see docs/how-to/sign-releases.md"


def config_folder() -> Path:
    """Return dom0kit's folder in the user's configuration (XDG base directories)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dom0kit"


def development_key(*, make: bool, runner: Runner = run) -> tuple[Path | None, bool]:
    """Return the path of this user's development key, and whether it was made now; None when there is none.

    :param make: make it when it is missing: ed25519, whose signatures of the same data are the same, without a passphrase.
    :raises UserError: when it cannot be made.
    """
    folder = config_folder()
    path = folder / DEVELOPMENT_KEY
    if path.exists() or not make:
        return (path if path.exists() else None), False
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _alone(folder):
            if path.exists():
                return path, False
            with tempfile.TemporaryDirectory(prefix=".new-key-", dir=folder) as new:
                made = Path(new) / DEVELOPMENT_KEY
                words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dom0kit development key", "-f", str(made)]
                runner(words, timeout=QUERY_SECONDS, hint="install the package openssh-client")
                # The private key last: it is what counts.
                for source, target in ((made.with_suffix(".pub"), path.with_suffix(".pub")), (made, path)):
                    os.rename(source, target)
    except OSError as error:
        hint = "name a key in the recipe: [signing] key"
        raise UserError(f"the development key {path} cannot be made: {error.strerror}", hint) from error
    return path, True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other builds of this user from making the key at the same time, by a lock on the folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def public_key(key: Path, runner: Runner = run) -> str:
    """Return the line of the public key that belongs to a key file.

    :param key: a private key, or a public one whose private key is in the SSH agent.
    :raises UserError: when there is none, or it is protected and its public key is not next to it.
    """
    public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        if public.exists():
            return _only_line(read_limited(public, MIB).decode("utf-8", "replace"), public)
        key.stat()
    except OSError as error:
        raise UserError(f"the signing key {key} cannot be read: {error.strerror}", "check [signing] key of the recipe") from error
    hint = f"put its public key next to it, as {public.name}"
    return _only_line(runner(["ssh-keygen", "-y", "-P", "", "-f", key], timeout=QUERY_SECONDS, hint=hint).output, key)


def _only_line(text: str, path: Path) -> str:
    found = text.strip()
    if len(found.splitlines()) != 1:
        raise UserError(f"{path} has no public key in one line", "make it with: ssh-keygen -y -f KEY")
    return found


def signers_line(public: str) -> str:
    r"""Return the line of ``allowed_signers`` that accepts a public key.

    >>> signers_line("ssh-ed25519 AAAA release key")
    'dom0kit namespaces="dom0kit" ssh-ed25519 AAAA release key\n'
    """
    return f'{PRINCIPAL} namespaces="{NAMESPACE}" {public}\n'


def read_keys(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder of keys by name.

    :raises UserError: when it names no accepted key.
    """
    try:
        if not has_keys(folder):
            raise UserError(f"the folder of keys {folder} has no key that is accepted", FILES_HINT)
        return {name: read_limited(folder / name, MIB) for name in KEY_FILES if (folder / name).exists()}
    except OSError as error:
        raise UserError(
            f"the keys {error.filename} cannot be read: {error.strerror}", "check [signing] keys of the recipe"
        ) from error


def write_keys(keys: Mapping[str, bytes], folder: Path) -> None:
    """Make a folder hold these keys and no other file."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in keys:
            path.unlink()
    for name, data in keys.items():
        (folder / name).write_bytes(data)
