"""User scripts: all are fetched and checked before anything is changed, then run at their stages."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

from answerfiles.model import Answers, Script
from dom0kit import http_client, user_script
from dom0kit.errors import UserError
from dom0kit.http_client import Trust, WebError
from installer.command_log import Commands

TRIES = 4
FIRST_PAUSE_SECONDS = 1.0
"""Pause after the first failed attempt to fetch a file; doubled after each one after it.

Kind: pace. Reason: the network or the server may be coming up. Expiry: the next attempt, after the last one an error that names
the file.
"""
INTERPRETED, PROGRAM = b"#!", b"\x7fELF"
FIRST_BOOT = "first-boot"

TrustFor = Callable[[str], Trust]
"""Return the trust for a URL."""


@dataclass(frozen=True)
class Ready:
    """A script that has been fetched and checked."""

    title: str
    stage: str
    content: bytes
    seconds: int


def prepare(
    answers: Answers,
    trust_for: TrustFor,
    *,
    get: Callable[..., bytes] = http_client.get,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Answers, tuple[Ready, ...]]:
    """Fetch and check the scripts of every stage.

    :returns: the answers with the text of first-boot scripts, so that the host needs no server; and the
        scripts that run in the installer.
    :raises UserError: when one cannot be fetched or fails its check.
    """
    kept: list[Script] = []
    ready: list[Ready] = []
    for number, entry in enumerate(answers.scripts, 1):
        title = f"script {number} ({entry.stage})"
        content = entry.content.encode() if entry.content is not None else fetch(entry, title, trust_for, get, sleep)
        check(content, entry, title)
        if entry.stage == FIRST_BOOT:
            kept.append(with_content(entry, content, title))
        else:
            kept.append(entry)
            ready.append(Ready(title, entry.stage, content, entry.timeout))
    return answers.model_copy(update={"scripts": tuple(kept)}), tuple(ready)


def fetch(
    entry: Script, title: str, trust_for: TrustFor, get: Callable[..., bytes], sleep: Callable[[float], None] = time.sleep
) -> bytes:
    """Fetch a script from its URL, with several attempts.

    :raises UserError: when it cannot be fetched.
    """
    assert entry.url is not None
    for tries in range(1, TRIES + 1):
        try:
            return get(entry.url, trust=trust_for(entry.url))
        except WebError as error:
            passing = error.kind in ("dns", "connect", "timeout") or error.status >= 500
            if tries == TRIES or not passing:
                raise UserError(f"{title} cannot be fetched: {error.message}", error.hint) from error
        sleep(FIRST_PAUSE_SECONDS * 2 ** (tries - 1))
    raise AssertionError("the last attempt returns or raises")


def check(content: bytes, entry: Script, title: str) -> None:
    """Check a script's checksum and first line.

    :raises UserError: when a check fails.
    """
    found = hashlib.sha256(content).hexdigest()
    if entry.sha256 is not None and found != entry.sha256:
        raise UserError(
            f"{title} has the wrong checksum: expected {entry.sha256}, found {found}",
            "update sha256 in the answers if the script was changed on purpose",
        )
    if not content.startswith((INTERPRETED, PROGRAM)):
        raise UserError(f"{title} is not a script: its first line must name the interpreter, such as #!/bin/sh")


def with_content(entry: Script, content: bytes, title: str) -> Script:
    """Return a first-boot script with its text in place of its URL.

    :raises UserError: when it is not text, which ``host.json`` cannot hold.
    """
    try:
        return entry.model_copy(update={"content": content.decode(), "url": None})
    except UnicodeDecodeError as error:
        raise UserError(f"{title} is not text in UTF-8: byte {error.start}", "fetch programs from a script") from error


def run_stage(
    scripts: tuple[Ready, ...],
    stage: str,
    environment: Mapping[str, str],
    commands: Commands,
    step: Callable[[str], AbstractContextManager[object]],
) -> None:
    """Run the scripts of a stage in order; stop at the first failure.

    :param step: returns a context manager for each script, by the step's name.
    :raises UserError: when one fails.
    """
    for entry in scripts:
        if entry.stage != stage:
            continue
        with step(entry.title):
            user_script.run_script(
                entry.content,
                entry.title,
                seconds=entry.seconds,
                environment={"DOM0KIT_STAGE": stage, **environment},
                note=commands.note,
                runner=commands.runner,
            )
