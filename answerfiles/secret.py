"""Secrets that never show themselves by accident: password hashes, tokens, CHAP secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Self

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from answerfiles.field_paths import Path, dotted

MASK = "********"
REVEAL = "reveal"
"""The key of the serialization context that lets a secret out: ``model_dump(context={"reveal": True})``."""

# crypt(5): SHA-256, SHA-512, yescrypt, gost-yescrypt, scrypt. MD5 ($1$) and DES are too weak to accept.
HASH = re.compile(r"\$(?:5|6|y|gy|7)\$[!-9;-~]{20,}")
REFERENCE = re.compile(r"(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^\s\0]+)")
HINT = "make a hash with 'dom0kit answers hash-password' and write it in quotes"


class Secret:
    """A text that ``str`` and ``repr`` mask; :meth:`reveal` gives it.

    ``env:NAME`` and ``file:PATH`` are references, which ``dom0kit answers render`` replaces by what they name.
    """

    __slots__ = ("_text",)
    ALLOWED = "text without line breaks, or a reference: file:PATH or env:NAME"

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one file or message that needs it."""
        return self._text

    @property
    def is_reference(self) -> bool:
        """Return whether this is a reference to a secret."""
        return REFERENCE.fullmatch(self._text) is not None

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and type(other) is type(self) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """Return whether a text can be such a secret."""
        return bool(text.strip()) and text.isprintable()

    @classmethod
    def parse(cls, value: Any) -> Self:
        """Take a text or a reference; refuse anything else."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            if REFERENCE.fullmatch(value):
                return cls(value)
            if value.startswith(("env:", "file:")):
                # A mistyped reference that counts as the secret itself would go unnoticed.
                raise PydanticCustomError("secret", "{text}", {"text": "a reference, env:NAME or file:PATH without blanks"})
            if cls.is_valid(value):
                return cls(value)
        raise PydanticCustomError("secret", "{text}", {"text": cls.ALLOWED})

    @staticmethod
    def _dump(value: Secret, info: SerializationInfo) -> str:
        context = info.context
        return value.reveal() if isinstance(context, dict) and context.get(REVEAL) else MASK

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(cls._dump, info_arg=True),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "writeOnly": True}


def secret_paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Secret]]:
    """Every secret of a record, with its path."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from secret_paths(getattr(value, name), (*path, name))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from secret_paths(inner, (*path, index))


def unresolved(value: Any) -> list[str]:
    """Return the fields of a record whose secrets are still references, as ``pool.join.token``.

    ``dom0kit answers render`` puts in what they name; an installer must refuse them, it has neither file nor environment.
    """
    return [dotted(path) for path, secret in secret_paths(value) if secret.is_reference]


class PasswordHash(Secret):
    """A hash as in shadow(5); anything that could be a plain password is refused."""

    __slots__ = ()
    ALLOWED = f"a hash by one of the strong methods of crypt(5), or a reference to one, never the password itself; {HINT}"

    @classmethod
    def is_valid(cls, text: str) -> bool:
        """Return whether a text is a strong hash."""
        return HASH.fullmatch(text) is not None
