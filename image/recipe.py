"""The recipe of the image: ``image/recipe.toml``, typed and checked.

Each setting is defined once, here; the loader, its errors and ``dom0kit recipe`` derive from it.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dom0kit.errors import UserError
from dom0kit.fs import read_limited
from dom0kit.units import MIB

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LONGEST_FOUND = 60
DEFAULT_SIGN_COMMAND = "ssh-keygen -Y sign -n dom0kit -f KEY"
DEFAULT_RECIPE = Path(__file__).with_name("recipe.toml")

PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?|file)://\S+[^/\s]$")]
Compression = Annotated[str, StringConstraints(pattern=r"^(zstd:([1-9]|1[0-9]|2[0-2])|xz(:[0-9])?|gzip:[1-9])$")]
Section = ConfigDict(extra="forbid", frozen=True)
PATTERNS = {
    "https?|file": "a URL of http, https or file, without a slash at its end",
    "https?": "a URL of http or https, without a slash at its end",
    "zstd": "a compression: zstd:1 to zstd:22, xz, xz:0 to xz:9, or gzip:1 to gzip:9",
    "asc|gpg": "a file's name that ends in .asc or .gpg",
    ".+-": "the name of a Debian package, as xen-hypervisor-4.20-amd64",
    "a-z0-9_/": "a folder below kernel/, as drivers/media",
    "a-z0-9./-": "a suite's name, as stable",
    "a-z0-9-": "a name of lower-case letters, digits and '-'",
    "a-z": "a name of lower-case letters, as trixie",
    r"\S": "a command",
}
"""What a pattern allows, by a part of it that earlier ones do not have."""
TYPES = {
    "tuple_type": 'a list, as ["a", "b"]',
    "string_type": "a text in quotes",
    "model_type": "a section with keys",
    "too_short": "a list with at least one entry",
}


class Debian(BaseModel):
    """The archive that the packages come from."""

    model_config = Section
    suite: Annotated[str, StringConstraints(pattern=r"^[a-z]+$")]
    architecture: Literal["amd64"]
    mirror: Url
    security_mirror: Url
    components: tuple[str, ...]

    def sources(self) -> str:
        """Return one-line apt sources: the suite, its updates, its security updates (sources.list(5)).

        The keyring's path is the same on the build host and in the image.
        """
        parts = " ".join(self.components)
        return "".join(
            f"deb [signed-by={KEYRING}] {address} {suite} {parts}\n"
            for address, suite in (
                (self.mirror, self.suite),
                (self.mirror, f"{self.suite}-updates"),
                (self.security_mirror, f"{self.suite}-security"),
            )
        )


class AptSource(BaseModel):
    """An apt repository in addition to Debian's.

    :ivar key: a file with the repository's OpenPGP keys, ``.asc`` (armoured) or ``.gpg``; relative to the recipe's folder.
    """

    model_config = Section
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    # Not file: what is in such a repository cannot be seen from within the tree that is made.
    uri: Annotated[str, StringConstraints(pattern=r"^https?://\S+[^/\s]$")]
    suite: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9./-]*[a-z0-9]$")]
    components: Annotated[tuple[str, ...], Field(min_length=1)]
    key: Annotated[str, StringConstraints(pattern=r"^\S+\.(asc|gpg)$")]

    @property
    def keyring(self) -> str:
        """Return the path of its signing keys in the image."""
        return f"/etc/apt/keyrings/{self.name}{Path(self.key).suffix}"

    def line(self, keyring: str) -> str:
        """Its one-line apt source."""
        return f"deb [signed-by={keyring}] {self.uri} {self.suite} {' '.join(self.components)}\n"


class Dom0(BaseModel):
    """The control domain."""

    model_config = Section
    memory_mib: Annotated[int, Field(strict=True, ge=512, le=65536)]
    toolstack: Literal["ganeti", "xapi", "xl"]


class Packages(BaseModel):
    """Groups of Debian packages, each named for its concern."""

    model_config = Section
    base: tuple[PackageName, ...]
    kernel: tuple[PackageName, ...]
    xen: tuple[PackageName, ...]
    network: tuple[PackageName, ...]
    storage: tuple[PackageName, ...]
    san: tuple[PackageName, ...]
    boot: tuple[PackageName, ...]
    dom0kit: tuple[PackageName, ...]
    tools: tuple[PackageName, ...]
    toolstack_ganeti: tuple[PackageName, ...]
    toolstack_xapi: tuple[PackageName, ...]
    toolstack_xl: tuple[PackageName, ...]


class Firmware(BaseModel):
    """Firmware packages, and what stays of their content."""

    model_config = Section
    packages: tuple[PackageName, ...]
    keep: tuple[str, ...]


class Drivers(BaseModel):
    """Kernel modules that are left out, as folders below ``kernel/``."""

    model_config = Section
    drop: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_/]+$")], ...]


class ForPurpose(BaseModel):
    """One compression for daily work, one for the smallest image."""

    model_config = Section
    development: Compression
    release: Compression

    def of(self, release: bool) -> str:
        """Return the compression to use, as ``ALGORITHM:LEVEL`` or ``ALGORITHM``."""
        return self.release if release else self.development


class CompressionTable(BaseModel):
    """What is compressed, and how."""

    model_config = Section
    squashfs: ForPurpose
    initramfs: ForPurpose


class Signing(BaseModel):
    """How releases are signed.

    :ivar command: reads what is signed on standard input and writes the signature to standard output; its word ``KEY`` becomes
        the path of the key. It runs in the recipe's folder.
    :ivar key: a private key of OpenSSH, or the public one of a key in the SSH agent; relative to the recipe's folder. "" takes
        the user's development key.
    :ivar keys: the folder with the public keys that the image accepts; relative to the recipe's folder. "" accepts ``key``.
    """

    model_config = Section
    command: Annotated[str, StringConstraints(pattern=r"\S")] = DEFAULT_SIGN_COMMAND
    key: str = ""
    keys: str = ""


class Recipe(BaseModel):
    """The whole recipe."""

    model_config = Section
    debian: Debian
    dom0: Dom0
    packages: Packages
    firmware: Firmware
    drivers: Drivers
    compression: CompressionTable
    apt: tuple[AptSource, ...] = ()
    signing: Signing = Signing()

    def sources(self) -> str:
        """Return all apt sources for the build host, with additional signing keys where the recipe says."""
        return self.debian.sources() + "".join(source.line(source.key) for source in self.apt)

    def image_sources(self) -> str:
        """All apt sources, for the image."""
        return self.debian.sources() + "".join(source.line(source.keyring) for source in self.apt)

    def all_packages(self) -> tuple[str, ...]:
        """Every package to install, sorted, each once; of the toolstacks only the chosen one's."""
        names: set[str] = set(self.firmware.packages)
        for group in type(self.packages).model_fields:
            if not group.startswith("toolstack_") or group == f"toolstack_{self.dom0.toolstack}":
                names.update(getattr(self.packages, group))
        return tuple(sorted(names))


def load(path: Path = DEFAULT_RECIPE) -> Recipe:
    """Read a recipe.

    :raises UserError: naming every mistake, with the file's line where it can be found.
    """
    try:
        text = read_limited(path, MIB).decode()
    except UnicodeDecodeError as error:
        raise UserError(f"the recipe {path} is not text in UTF-8: byte {error.start}", "save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"cannot read the recipe {path}: {error.strerror}", "give another with --recipe FILE") from error
    recipe = parse(text, path.name)
    sources = []
    for source in recipe.apt:
        key = path.parent.resolve() / source.key
        if not key.is_file():
            where = f"{path.name}:{line_of(text, source.key)}"
            raise UserError(f"{where}: the key {key} of the repository {source.name} does not exist", "put it next to the recipe")
        sources.append(source.model_copy(update={"key": str(key)}))
    return recipe.model_copy(update={"apt": tuple(sources), "signing": _placed(recipe.signing, path.parent.resolve())})


def _placed(signing: Signing, folder: Path) -> Signing:
    """Return the settings with absolute paths; ``~`` is the user's home folder."""
    paths = {name: getattr(signing, name) for name in ("key", "keys")}
    return signing.model_copy(update={name: str(folder / Path(text).expanduser()) for name, text in paths.items() if text})


def parse(text: str, name: str) -> Recipe:
    """Check a recipe's text; ``name`` is what errors call the file."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not valid TOML: {error}") from error
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        lines = [f"{name}:{_line(text, e['loc'], e.get('input'))}: {_sentence(e)}" for e in error.errors()]
        raise UserError("\n".join(lines), "image/recipe.py lists every key with its type") from error
    if recipe.dom0.toolstack == "xapi" and not recipe.apt:
        where = f"{name}:{line_of(text, 'toolstack')}"
        hint = (
            "name the repository that has it: [[apt]] with name, uri, suite, components and key; see docs/how-to/add-a-package.md"
        )
        raise UserError(f"{where}: the toolstack xapi is not in Debian, and the recipe names no other repository", hint)
    return recipe


def line_of(text: str, word: str) -> int:
    """Return the number, from 1, of the line with the quoted word or the key; 1 when there is none."""
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("#", 1)[0]
        if f'"{word}"' in code or code.split("=")[0].strip() in (word, f"[{word}]"):
            return number
    return 1


def _line(text: str, location: tuple[int | str, ...], value: Any) -> int:
    """Return the line of a validation error: the value's if it is a string, else the innermost key's."""
    if isinstance(value, str) and f'"{value}"' in text:
        return line_of(text, value)
    keys = [part for part in location if isinstance(part, str)]
    return line_of(text, keys[-1]) if keys else 1


def _sentence(error: Any) -> str:
    """Return one error as text; an unknown key gets a suggestion."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _known(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
        return f"unknown key {where}" + (f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})")
    if error["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: found {_found(error.get('input'))}; allowed: {_allowed(error)}"


def _found(value: Any) -> str:
    """Return a value as text, short enough for a line."""
    text = "true" if value is True else "false" if value is False else repr(value)
    return text if len(text) <= LONGEST_FOUND else f"{text[:LONGEST_FOUND]}..."


def _allowed(error: Any) -> str:
    """Return what a value may be in the words of the recipe."""
    kind, limits = error["type"], error.get("ctx", {})
    if kind in ("int_type", "int_parsing", "greater_than_equal", "less_than_equal", "int_from_float"):
        field = Dom0.model_fields["memory_mib"]
        least, most = (getattr(rule, name) for name in ("ge", "le") for rule in field.metadata if hasattr(rule, name))
        value = error.get("input")
        plain = isinstance(value, str) and value.isdecimal() and least <= int(value) <= most
        return f"a whole number from {least} to {most}" + (f", write {value} without quotes" if plain else "")
    if kind == "string_pattern_mismatch":
        return next(words for part, words in PATTERNS.items() if part in limits["pattern"])
    if kind == "literal_error":
        value = str(error.get("input"))
        near = difflib.get_close_matches(value.lower(), re.findall(r"'([^']*)'", limits["expected"]), 1)
        return str(limits["expected"]) + (f", did you mean {near[0]!r}?" if near else "")
    return TYPES.get(kind) or str(error["msg"])


def _known(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed in the section at ``place``."""
    model: Any = Recipe
    for part in location:
        model = get_args(model)[0] if isinstance(part, int) else model.model_fields[part].annotation
    return list(model.model_fields)
