"""The recipe of the image: ``image/recipe.toml``, typed and checked.

Each setting is defined once, here; the loader, its errors and ``dom0kit recipe`` derive from it.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dom0kit.errors import UserError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEFAULT_RECIPE = Path(__file__).with_name("recipe.toml")

PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.+-]+$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?|file)://\S+[^/\s]$")]
Compression = Annotated[str, StringConstraints(pattern=r"^(zstd:([1-9]|1[0-9]|2[0-2])|xz(:[0-9])?|gzip:[1-9])$")]
Section = ConfigDict(extra="forbid", frozen=True)


class Debian(BaseModel):
    """Where the packages come from."""

    model_config = Section
    suite: Annotated[str, StringConstraints(pattern=r"^[a-z]+$")]
    architecture: Literal["amd64"]
    mirror: Url
    security_mirror: Url
    components: tuple[str, ...]

    def sources(self) -> str:
        """One-line apt sources: the suite, its updates, its security updates (sources.list(5)).

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


class Dom0(BaseModel):
    """The control domain."""

    model_config = Section
    memory_mib: Annotated[int, Field(ge=512, le=65536)]
    toolstack: Literal["ganeti", "xl"]


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
        """The one to use, as ``ALGORITHM:LEVEL`` or ``ALGORITHM``."""
        return self.release if release else self.development


class CompressionTable(BaseModel):
    """What is compressed, and how."""

    model_config = Section
    squashfs: ForPurpose
    initramfs: ForPurpose


class Recipe(BaseModel):
    """The whole recipe."""

    model_config = Section
    debian: Debian
    dom0: Dom0
    packages: Packages
    firmware: Firmware
    drivers: Drivers
    compression: CompressionTable

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
        text = path.read_text()
    except OSError as error:
        raise UserError(f"cannot read the recipe {path}: {error.strerror}", "give another with --recipe FILE") from error
    return parse(text, path.name)


def parse(text: str, name: str) -> Recipe:
    """Check a recipe's text; ``name`` is what errors call the file."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{name} is not valid TOML: {error}") from error
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = [f"{name}:{_line(text, e['loc'], e.get('input'))}: {_sentence(e)}" for e in error.errors()]
        raise UserError("\n".join(lines), "image/recipe.py lists every key with its type") from error


def line_of(text: str, word: str) -> int:
    """The line (from 1) that holds the quoted word or the key, or 1 when it is nowhere."""
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("#", 1)[0]
        if f'"{word}"' in code or code.split("=")[0].strip() in (word, f"[{word}]"):
            return number
    return 1


def _line(text: str, location: tuple[int | str, ...], value: Any) -> int:
    """Where a validation error is: the value's line when it is a string, else the innermost key's."""
    if isinstance(value, str) and f'"{value}"' in text:
        return line_of(text, value)
    keys = [part for part in location if isinstance(part, str)]
    return line_of(text, keys[-1]) if keys else 1


def _sentence(error: Any) -> str:
    """One mistake in words; an unknown key gets a suggestion."""
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = _known(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
        return f"unknown key {where}" + (f" (did you mean {near[0]}?)" if near else f" (known: {', '.join(known)})")
    if error["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {error['msg']}, found {error.get('input')!r}"


def _known(location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at this place may have."""
    model: Any = Recipe
    for part in location:
        model = model.model_fields[part].annotation
    return list(model.model_fields)
