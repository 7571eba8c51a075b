"""Writes plain values as YAML that people and :mod:`answerfiles.yaml_positions` read alike; PyYAML takes twenty times as long."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from answerfiles.field_paths import Path

# What needs no quotes in YAML 1.1 and 1.2; the words and numbers of both are quoted.
PLAIN = re.compile(r"[A-Za-z/](?:[A-Za-z0-9_./@+=-]|:(?! |$)| (?![ #]|$))*")
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# Characters that a block of lines may hold; others go between quotes, escaped.
BLOCK = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")


HALVES = re.compile(r"(\\\\)|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")


def _whole(found: re.Match[str]) -> str:
    if found[1]:
        return found[1]
    return f"\\U{0x10000 + (int(found[2], 16) - 0xD800) * 0x400 + int(found[3], 16) - 0xDC00:08x}"


def scalar(value: Any) -> str:
    """Return a value on one line; a JSON string is also a double-quoted YAML string."""
    if isinstance(value, str):
        if PLAIN.fullmatch(value) and value.lower() not in WORDS:
            return value
        # JSON writes what lies beyond 16 bits as two halves, which YAML takes for two characters.
        return HALVES.sub(_whole, json.dumps(value, ensure_ascii=not BLOCK.fullmatch(value)))
    return json.dumps(value)


def is_block(value: Any) -> bool:
    """Return whether a text is written as a block, line by line."""
    return (
        isinstance(value, str)
        and "\n" in value
        and value.endswith("\n")
        and not value.endswith("\n\n")
        and not value.startswith((" ", "\t", "\n"))
        and "\x85" not in value
        and "\u2028" not in value
        and "\u2029" not in value
        and BLOCK.fullmatch(value) is not None
    )


def comment(indent: str, text: str) -> str:
    """Return a comment's line; characters that cannot be printed become question marks."""
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return f"{indent}# {printable}".rstrip()


def lines_of(value: Any, above: dict[Path, list[str]], path: Path = (), indent: str = "") -> Iterator[str]:
    """Return the lines of a mapping or a list that is not empty.

    :param above: comments by the key that they stand above; those that were written are taken out.
    :param path: of the value.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            here = (*path, key)
            if above:  # most documents have no comments, and thousands are written at a time
                yield from (comment(indent, line) for line in above.pop(here, ()))
            yield from _entry(f"{indent}{scalar(key)}:", inner, above, here, indent + "  ")
    else:
        for index, inner in enumerate(value):
            here = (*path, index)
            if isinstance(inner, dict) and inner:
                first, *rest = lines_of(inner, above, here, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield from _entry(f"{indent}-", inner, above, here, indent + "  ")


def _entry(head: str, value: Any, above: dict[Path, list[str]], path: Path, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        yield from lines_of(value, above, path, indent)
    elif is_block(value):
        yield f"{head} |"
        yield from (indent + line if line else "" for line in value[:-1].split("\n"))
    else:
        yield f"{head} {scalar(value)}"


def to_yaml(value: dict[str, Any]) -> str:
    """Return a mapping of strings, numbers, booleans, null, lists and mappings as a YAML document."""
    return "\n".join(lines_of(value, {})) + "\n" if value else "{}\n"
