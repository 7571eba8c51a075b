"""Source of the answers: kernel argument ``dom0kit.answers=`` and related ones, parsed and fetched."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from answerfiles.inventory import install_markers
from answerfiles.model import Answers, HostTask
from answerfiles.reader import parse_any
from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.machine_identity import Identity
from dom0kit.redact import Redactor, secrets_in_text
from dom0kit.untrusted.values import whole_number
from installer.answer_source import from_network
from installer.answer_source.volumes import OnLabel, OnMedium, Tell, decode, read_file
from installer.command_log import Commands

FORMS = "use dom0kit.answers= with one of /path/on/the/medium, label:LABEL/path, http://SERVER/path, https://SERVER/path, dhcp"
NETWORK_SECONDS = 600
"""Get the answers from the network in an unattended installation.

Kind: configured. Reason: servers and switches that were powered on together need minutes; `dom0kit.network-timeout=` sets
another value. Expiry: the installation fails with the state of each card.
"""


@dataclass(frozen=True)
class OnUrl:
    """A file on a web server; ``url`` may contain ``{mac}``, ``{uuid}`` and ``{serial}``."""

    url: str

    def __str__(self) -> str:
        return http_client.shown(self.url)


@dataclass(frozen=True)
class FromDhcp:
    """A file on a web server whose URL is in DHCP option 224, as text."""

    def __str__(self) -> str:
        return "the URL that DHCP option 224 names"


Source = OnMedium | OnLabel | OnUrl | FromDhcp
TrustSource = OnMedium | OnLabel | Trust


@dataclass(frozen=True)
class Arguments:
    """Kernel arguments of the installer.

    :param trust: trust for https, or the source of a CA's PEM file.
    :param report: URL for reports until the answers specify one.
    :param nic: MAC address of the boot network card, if the boot loader passed it.
    :param order: the network boot's order to install (``dom0kit.armed``); "" for none.
    :param network_seconds: time limit in seconds for getting the answers from the network.
    """

    answers: Source | None
    plan_only: bool
    trust: TrustSource = SYSTEM
    report: str = ""
    nic: str = ""
    network_seconds: int = NETWORK_SECONDS
    order: str = ""


def split_arguments(cmdline: str) -> list[str]:
    """Return the arguments of a kernel command line; double quotes keep blanks."""
    try:
        return shlex.split(cmdline)
    except ValueError:
        return cmdline.split()


def last_value(words: list[str], name: str) -> str:
    """Return the value of ``name=value``; the last one counts."""
    return next((word.partition("=")[2] for word in reversed(words) if word.startswith(f"{name}=")), "")


def parse_cmdline(cmdline: str) -> Arguments:
    """Parse ``/proc/cmdline``; of several arguments with one name the last counts.

    :raises UserError: when an argument is invalid.
    """
    words = split_arguments(cmdline)
    answers, trust = last_value(words, "dom0kit.answers"), last_value(words, "dom0kit.trust")
    seconds = last_value(words, "dom0kit.network-timeout") or str(NETWORK_SECONDS)
    if not (network_seconds := whole_number(seconds, 1, 10**9, 0)):
        raise UserError(
            f"dom0kit.network-timeout={seconds} is not a number of seconds", "use for example dom0kit.network-timeout=600"
        )
    order = last_value(words, "dom0kit.armed")
    if order and not install_markers.ORDER.fullmatch(order):
        raise UserError(f"dom0kit.armed={order} is no order to install", "the files below armed/ of a network-boot tree set it")
    return Arguments(
        answers=parse_source(answers) if answers else None,
        plan_only=any(word in ("dom0kit.plan-only", "dom0kit.plan-only=1") for word in words),
        trust=parse_trust(trust) if trust else SYSTEM,
        report=report_url(cmdline),
        nic=boot_nic(cmdline),
        network_seconds=network_seconds,
        order=order,
    )


def report_url(cmdline: str) -> str:
    """Return the URL in ``dom0kit.report=``; "" without one; works even if other arguments are invalid."""
    return last_value(split_arguments(cmdline), "dom0kit.report")


def boot_nic(cmdline: str) -> str:
    """Return the boot network card's MAC from ``dom0kit.nic=MAC`` or ``BOOTIF=01-52-54-...`` (PXELINUX); or ""."""
    words = split_arguments(cmdline)
    text = last_value(words, "dom0kit.nic") or re.sub("^01-", "", last_value(words, "BOOTIF"))
    plain = text.lower().replace("-", ":")
    return plain if re.fullmatch(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", plain) else ""


def parse_source(text: str) -> Source:
    """Parse a source of answers.

    :raises UserError: when it is invalid.
    """
    if text == "dhcp":
        return FromDhcp()
    if re.match(r"https?://", text):
        http_client.split(re.sub(r"[{}]", "", text))
        return OnUrl(text)
    found = _volume(text)
    if found is None:
        raise UserError(f"the source of answers {http_client.shown(text)!r} is not supported", FORMS)
    return found


def parse_trust(text: str) -> TrustSource:
    """Parse ``dom0kit.trust=``.

    :raises UserError: when it is neither a fingerprint nor a file.
    """
    if text.lower().startswith("sha256:"):
        return http_client.parse_trust(text)
    found = _volume(text)
    if found is None:
        raise UserError(
            f"dom0kit.trust={text} is not supported",
            "use sha256:HEX, or a CA's PEM file as /path/on/the/medium or label:LABEL/path",
        )
    return found


def _volume(text: str) -> OnMedium | OnLabel | None:
    if text.startswith("/"):
        return OnMedium(_inside(text, text))
    label, slash, path = text.removeprefix("label:").partition("/")
    if text.startswith("label:") and label and slash and path:
        return OnLabel(label, _inside(path, text))
    return None


def _inside(path: str, text: str) -> str:
    parts = PurePosixPath(path.lstrip("/")).parts
    if not parts or ".." in parts:
        raise UserError(f"{text!r} is not a path on the volume", FORMS)
    return "/".join(parts)


def read_trust(source: TrustSource, commands: Commands, tell: Tell = lambda fraction, text: None) -> Trust:
    """Return the trust; read a CA's file from its volume.

    :raises UserError: when it is missing or not a certificate.
    """
    if isinstance(source, Trust):
        return source
    trust = Trust(ca=read_file(source, "the certificate", commands, tell))
    trust.context()
    return trust


@dataclass(frozen=True)
class Fetched:
    """Text of the answers with its source, and URL and machine it was fetched for (None: not from the network)."""

    text: str
    place: str
    url: str = ""
    identity: Identity | None = None


def fetch(
    arguments: Arguments, commands: Commands, identity: Identity, trust: Trust = SYSTEM, tell: Tell = lambda fraction, text: None
) -> Fetched:
    """Get the text of the answers.

    :param identity: the machine; without a MAC address, that of each network card is tried.
    :param tell: called while waiting for something to appear.
    :raises UserError: when it cannot be read.
    """
    source = arguments.answers
    assert source is not None
    if isinstance(source, OnMedium | OnLabel):
        return Fetched(read_file(source, "the answers", commands, tell), str(source))
    template = source.url if isinstance(source, OnUrl) else None
    got = from_network.fetch(template, identity, trust, commands, tell, seconds=arguments.network_seconds)
    return Fetched(decode(got.data, http_client.shown(got.url)), http_client.shown(got.url), got.url, got.identity)


def read_fetched(fetched: Fetched, redactor: Redactor) -> Answers | HostTask:
    """Parse the answers; mask the secrets even of an invalid file.

    :raises UserError: with all problems.
    """
    try:
        return parse_any(fetched.text, fetched.place)
    except UserError:
        redactor.add(secrets_in_text(fetched.text))
        raise
