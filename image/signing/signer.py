"""Sign what a build makes, each file once: what was signed before with the same key and has not changed is not signed again.

A token wants to be touched, and OpenPGP signatures have the time in them: a second signature would make another ISO.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.linux.signatures import UnknownKey, sign, verify
from dom0kit.process import Runner, run
from image.cache_keys import hash_values
from image.recipe import DEFAULT_SIGN_COMMAND, Recipe, load
from image.signing.keys import development_key, public_key, read_keys, signers_line, write_keys

KEY_WORD = "KEY"
"""The word of the sign command that becomes the path of the key."""
AGENTS = ("SSH_AUTH_SOCK", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "GNUPGHOME", "GPG_TTY", "XDG_RUNTIME_DIR",
          "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")  # fmt: skip
"""Environment variables by which sign commands find an agent, and agents a user."""
MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"

Note = Callable[[str], None]


@dataclass(frozen=True)
class Signer:
    """How a build signs.

    :ivar command: the sign command, with the path of the key.
    :ivar folder: the folder that it runs in: the recipe's.
    :ivar public: the line of its public key; "" when only the command knows it.
    :ivar keys: the public keys that the image accepts, by name of their file.
    :ivar development: the development key that signs, when the recipe names no other.
    :ivar fresh: the development key was made now.
    """

    command: tuple[str, ...]
    folder: Path
    public: str
    keys: Mapping[str, bytes]
    development: Path | None = None
    fresh: bool = False

    def sentence(self) -> str:
        """Return a sentence on the key, for users."""
        if self.development is None:
            return f"signed by: {shlex.join(self.command)}"
        what = "which was made now" if self.fresh else "which is this user's"
        return f"signed by the development key {self.development}, {what}; hosts accept images that it has signed"

    def keys_hash(self) -> str:
        """Return a hash of the keys that the image accepts."""
        return hash_values({name: hashlib.sha256(data).hexdigest() for name, data in self.keys.items()})

    def sign(self, data: bytes, what: str, cache: Path | None, note: Note = lambda text: None, runner: Runner = run) -> bytes:
        """Return the signature of data.

        :param what: what is signed, for messages.
        :param cache: the folder of earlier signatures; None keeps none.
        :param note: gets a warning when the image does not accept the key that signs it.
        :raises UserError: when the command fails, or its signature is for another purpose, or its key expired or revoked.
        """
        made_by = hash_values(self.command, self.public, self.keys_hash())
        kept = cache / f"{hash_values(made_by, hashlib.sha256(data).hexdigest())[:32]}.sig" if cache else None
        if kept and kept.exists():
            return kept.read_bytes()
        found = {name: os.environ[name] for name in AGENTS if name in os.environ}
        signature = sign(data, self.command, runner, env=found, cwd=self.folder)
        with tempfile.TemporaryDirectory(prefix="dom0kit-keys-") as folder:
            write_keys(self.keys, Path(folder))
            try:
                verify(data, signature, Path(folder), what, runner, hint="")
            except UnknownKey as error:
                note(f"{error.message}: hosts that run this image refuse what this key signs")
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(kept, signature)
        return signature


def find_signer(recipe: Recipe, folder: Path, *, make: bool, runner: Runner = run) -> Signer | None:
    """Return how a recipe signs; None when it needs the development key and there is none.

    :param folder: the recipe's folder.
    :param make: make the development key when it is needed and missing.
    :raises UserError: when a key or the folder of keys is missing, or the recipe names a command and no keys.
    """
    settings = recipe.signing
    words = tuple(shlex.split(settings.command))
    key, development, fresh = Path(settings.key), None, False
    if not settings.key and settings.command == DEFAULT_SIGN_COMMAND:
        development, fresh = development_key(make=make, runner=runner)
        if development is None:
            return None
        key = development
    named = KEY_WORD in words
    if named and not settings.key and development is None:
        raise UserError(f"the sign command of the recipe has the word {KEY_WORD}, and there is no [signing] key", "name the key")
    public = public_key(key, runner) if named else ""
    if settings.keys:
        keys = read_keys(Path(settings.keys))
    elif public:
        keys = {"allowed_signers": signers_line(public).encode()}
    else:
        hint = "name a folder with them: [signing] keys; see docs/how-to/sign-releases.md"
        raise UserError("the recipe has a sign command, and no public keys for the image", hint)
    command = tuple(str(key) if word == KEY_WORD else word for word in words)
    return Signer(command, folder, public, keys, development, fresh)


def signer_of(recipe: Path, *, make: bool) -> Signer | None:
    """Return how the recipe of a file signs; see :func:`find_signer`."""
    return find_signer(load(recipe), recipe.resolve().parent, make=make)


def sign_manifest(signer: Signer, output: Path, cache: Path, note: Note = lambda text: None) -> None:
    """Write the signature of an image folder's manifest when it is missing or another one."""
    signature = signer.sign((output / MANIFEST).read_bytes(), f"{output / MANIFEST}", cache, note)
    path = output / SIGNATURE
    if not path.is_file() or path.read_bytes() != signature:
        write_atomic(path, signature)
