"""Fetch the scripts of a converted file once, and pin what they are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from answerfiles.problem import Problem
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import OldScript
from dom0kit import http_client
from dom0kit.errors import UserError

INTERPRETED, PROGRAM = b"#!", b"\x7fELF"
MOVE = "put it on a web server with https, or its text into 'content'"
LARGEST = 1024 * 1024
Get = Callable[[str], bytes]


def pin(script: OldScript, get: Get = http_client.get) -> dict[str, Any] | Problem:
    """Return the entry of ``scripts`` with the script's SHA-256, or for a local file its text; or why there is none."""
    try:
        content = _read(script, get)
    except UserError as error:
        return _problem(script, f"cannot be fetched: {error.message}", error.hint or MOVE)
    if not content.startswith((INTERPRETED, PROGRAM)):
        return _problem(script, "is no script: its first line must name the interpreter", "begin it with #!/bin/sh")
    if script.scheme in ("http", "https"):
        return {"stage": script.stage, "url": script.url, "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return {"stage": script.stage, "content": content.decode()}
    except UnicodeDecodeError:
        return _problem(script, "is not text in UTF-8, which YAML could hold", MOVE)


def _problem(script: OldScript, text: str, hint: str) -> Problem:
    return Problem(script.place, script.label, f"{shown(script.url)} {text}", codes.SCRIPT, hint)


def shown(url: str) -> str:
    """Return a URL without a password or token in it."""
    return re.sub(r"//[^/\s]*@", "//********@", http_client.shown(url))


def _read(script: OldScript, get: Get) -> bytes:
    """Read the script.

    :raises UserError: when that is not possible.
    """
    if script.scheme in ("http", "https"):
        return get(script.url)
    if script.scheme != "file":
        raise UserError(f"'{script.scheme}' is not supported", MOVE)
    path = Path(unquote(urlsplit(script.url).path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"{said} on this machine; it was inside the old installer's image", MOVE) from error
    if len(content) > LARGEST:
        raise UserError("it is larger than 1 MiB", MOVE)
    return content


def left_out(script: OldScript) -> tuple[Problem, list[str]]:
    """Return the problem and the lines of a comment for a script that cannot be used as the file names it."""
    where = shown(script.url)
    if script.scheme == "http":
        text = "fetched by plain http, so that anybody on the network could change it"
        hint = "add its sha256 and remove the #, or convert with --fetch"
        lines = [f"- stage: {script.stage}", f"  url: {where}", "  sha256: ..."]
    else:
        text = f"this installer does not fetch from {script.scheme}: {where}"
        hint = f"{MOVE}{', or convert with --fetch where the file is' if script.scheme == 'file' else ''}"
        lines = [f"- stage: {script.stage}", "  content: ..."]
    return Problem(script.place, script.label, text, codes.SCRIPT, hint), lines
