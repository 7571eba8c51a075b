"""A password hash that never shows itself by accident."""

from __future__ import annotations

import re
from typing import Any

from pydantic import GetCoreSchemaHandler, SerializationInfo
from pydantic_core import PydanticCustomError, core_schema

MASK = "********"
REVEAL = "reveal"
"""The key of the serialization context that lets a secret out: ``model_dump(context={"reveal": True})``."""

# crypt(5): SHA-256, SHA-512, yescrypt, gost-yescrypt, scrypt. MD5 ($1$) and DES are too weak to accept.
HASH = re.compile(r"\$(?:5|6|y|gy|7)\$[^\s:]{20,}")
HINT = "make a hash with 'openssl passwd -6' or 'mkpasswd -m yescrypt' and write it in quotes"


class PasswordHash:
    """A hash as in shadow(5). ``str`` and ``repr`` are masked; :meth:`reveal` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The hash itself, for shadow(5) or for ``host.json``."""
        return self._text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"PasswordHash({MASK})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PasswordHash) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def parse(cls, value: Any) -> PasswordHash:
        """Take a hash as text; refuse anything that could be a plain password."""
        if isinstance(value, PasswordHash):
            return value
        if not isinstance(value, str) or not HASH.fullmatch(value):
            raise PydanticCustomError(
                "password_hash",
                "a hash by one of the strong methods of crypt(5), never the password itself; {hint}",
                {"hint": HINT},
            )
        return cls(value)

    @staticmethod
    def _dump(value: PasswordHash, info: SerializationInfo) -> str:
        context = info.context
        return value.reveal() if isinstance(context, dict) and context.get(REVEAL) else MASK

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(cls._dump, info_arg=True),
        )
