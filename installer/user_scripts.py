"""The user's scripts: all fetched and checked before anything is touched, then run at their stages."""

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
"""Pause after the first failed try to fetch a file; doubled after each further one.

Kind: pace. Reason: the network or the server may be coming up. Expiry: the next try, and after the last one an error that names
the file.
"""
INTERPRETED, PROGRAM = b"#!", b"\x7fELF"
FIRST_BOOT = "first-boot"

TrustFor = Callable[[str], Trust]
"""Whom to believe for a URL."""


@dataclass(frozen=True)
class Ready:
    """A script that is here and is what it should be."""

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

    :returns: answers in which first-boot scripts are written out, so that the host runs what was checked and needs no server;
        and the scripts that run in the installer.
    :raises UserError: when one cannot be had or is not what it should be.
    """
    kept: list[Script] = []
    ready: list[Ready] = []
    for number, entry in enumerate(answers.scripts, 1):
        title = f"script {number} ({entry.stage})"
        content = entry.content.encode() if entry.content is not None else fetch(entry, title, trust_for, get, sleep)
        check(content, entry, title)
        if entry.stage == FIRST_BOOT:
            kept.append(carried(entry, content, title))
        else:
            kept.append(entry)
            ready.append(Ready(title, entry.stage, content, entry.timeout))
    return answers.model_copy(update={"scripts": tuple(kept)}), tuple(ready)


def fetch(
    entry: Script, title: str, trust_for: TrustFor, get: Callable[..., bytes], sleep: Callable[[float], None] = time.sleep
) -> bytes:
    """A script from its URL, with a few tries.

    :raises UserError: when it does not come.
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
    raise AssertionError("the last try returns or raises")


def check(content: bytes, entry: Script, title: str) -> None:
    """Whether a script is the one that was meant, and can be run.

    :raises UserError: when not.
    """
    found = hashlib.sha256(content).hexdigest()
    if entry.sha256 is not None and found != entry.sha256:
        raise UserError(
            f"{title} has another checksum: expected {entry.sha256}, found {found}",
            "if the script was changed on purpose, write its new sha256 into the answers",
        )
    if not content.startswith((INTERPRETED, PROGRAM)):
        raise UserError(f"{title} is no script: its first line does not name the interpreter, as #!/bin/sh")


def carried(entry: Script, content: bytes, title: str) -> Script:
    """A first-boot script with its text written out.

    :raises UserError: when it is no text: ``host.json`` cannot hold it.
    """
    try:
        return entry.model_copy(update={"content": content.decode(), "url": None})
    except UnicodeDecodeError as error:
        raise UserError(f"{title} is not text in UTF-8: byte {error.start}", "fetch programs from within a script") from error


def run_stage(
    scripts: tuple[Ready, ...],
    stage: str,
    environment: Mapping[str, str],
    commands: Commands,
    step: Callable[[str], AbstractContextManager[object]],
) -> None:
    """Run the scripts of a stage in their order; the first failure ends it.

    :param step: gives a context manager around each, by the step's name.
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
