"""What the installer tells the outside: who it is, the webhook, whom it believes, and the bundle of a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from answerfiles.model import Answers
from answerfiles.secret import secret_paths
from dom0kit import http_client, support_bundle
from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.machine_identity import Identity, read_identity
from dom0kit.process import QUERY_SECONDS
from dom0kit.redact import Redactor
from dom0kit.webhook import Target, Webhook
from installer.command_log import Commands

FLUSH_SECONDS = 60.0
"""Wait at the end for reports to reach the webhook.

Kind: protocol. Reason: a webhook that is down must not keep the host from restarting. Expiry: a warning with the number of
reports that did not arrive.
"""
LOG_LINES = 50
LOOKS: dict[str, list[str]] = {
    "dmesg.txt": ["dmesg", "--color=never"],
    "journal.txt": ["journalctl", "-b", "--no-pager", "--lines=3000"],
    "ip-address.txt": ["ip", "address"],
    "ip-route.txt": ["ip", "route", "show", "table", "all"],
    "networkctl.txt": ["networkctl", "status", "--all", "--no-pager"],
    "lsblk.txt": ["lsblk", "-o", "NAME,SIZE,TYPE,FSTYPE,LABEL,UUID,MOUNTPOINTS,MODEL,SERIAL,WWN"],
}
"""The bundle's looks at the machine: file and command."""


@dataclass
class Reports:
    """The reporting side of a session.

    :param trust: what ``dom0kit.trust`` named.
    :param servers: the servers for which it was named: those of the answers and of ``dom0kit.report``.
    :param texts: the bundle's files so far.
    """

    redactor: Redactor
    webhook: Webhook
    trust: Trust = SYSTEM
    servers: set[tuple[str, str, int]] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)

    def know(self, url: str) -> None:
        """A server that the kernel's command line or DHCP named; a token in the query of its URL is no text for logs."""
        self.servers.add(http_client.server_of(url))
        query = url.partition("?")[2]
        self.redactor.add(part.partition("=")[2] for part in query.split("&") if len(part.partition("=")[2]) >= 4)

    def aim(self, url: str, trust: Trust) -> None:
        """Send reports to the URL of ``dom0kit.report``.

        :raises UserError: when it is no URL.
        """
        if url:
            http_client.split(url.replace("{", "").replace("}", ""))
            self.know(url)
            self.webhook.aim(Target(url, trust))

    def trust_for(self, url: str) -> Trust:
        """Whom to believe for a URL in the answers: a pin holds for its own server alone, a CA beside the system's."""
        if http_client.server_of(url) in self.servers:
            return self.trust
        return replace(self.trust, system=True) if self.trust.ca else SYSTEM

    def adopt(self, answers: Answers) -> None:
        """Keep the answers' secrets, and send reports where they say."""
        self.redactor.add(secret.reveal() for _, secret in secret_paths(answers))
        self.webhook.identity = replace(self.webhook.identity, host=answers.host_name)
        hook = answers.reports.webhook
        if hook is None:
            return
        trust = Trust(fingerprint=hook.fingerprint) if hook.fingerprint else self.trust_for(hook.url)
        self.webhook.aim(Target(hook.url, trust, hook.token.reveal() if hook.token else ""))

    def fail(self, logs: Path, commands: Commands, cmdline: str) -> None:
        """Pack what tells about a failure and send it, if anybody listens."""
        if self.webhook.aimed:
            self.webhook.bundle(self.pack(logs, commands, cmdline))

    def pack(self, logs: Path, commands: Commands, cmdline: str) -> bytes:
        """A ``.tar.gz`` of what tells about a failure, without secrets; a look that fails is a text that says so."""
        files = {name: read(logs / name) for name in ("installer.log", "installer-events.jsonl")}
        files |= self.texts
        files["cmdline.txt"] = cmdline
        for name, argv in LOOKS.items():
            files[name] = look(argv, commands)
        clock = int(time.time())
        folder = f"dom0kit-{self.webhook.run}"
        return support_bundle.pack(files, redact=self.redactor, folder=folder, clock=clock)

    def flush(self, say: Callable[[str], None]) -> None:
        """Wait for the reports to arrive, within limits."""
        if not self.webhook.flush(FLUSH_SECONDS):
            say(f"warning: {self.webhook.lost} reports did not reach the webhook; the log says why")


def make_reports(redactor: Redactor, note: Callable[[str], None], identity: Identity | None = None) -> Reports:
    """The reporting side of this machine, without a target as yet."""
    who = identity or read_identity()
    return Reports(redactor, Webhook(who, redact=redactor.value, note=note))


def refuse_references(answers: Answers) -> None:
    """Secrets that are only named are for ``dom0kit answers render``; an installer has neither those files nor variables.

    :raises UserError: when there is one.
    """
    if references := sorted({secret.reveal() for _, secret in secret_paths(answers) if secret.is_reference}):
        raise UserError(
            f"the answers only name a secret and do not hold it: {', '.join(references)}",
            "'dom0kit answers render' writes answers with the secrets in them",
        )


def look(argv: list[str], commands: Commands) -> str:
    """What a command says, or why it does not; not written to the log, which is in the bundle itself."""
    try:
        result = commands.runner(argv, check=False, timeout=QUERY_SECONDS)
    except UserError as error:
        return f"{error}\n"
    return result.output + result.errors


def read(path: Path) -> str:
    """A file's text, or why there is none."""
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"


def log_tail(path: Path) -> str:
    """The last lines of the log."""
    return "\n".join(support_bundle.last_lines(read(path), LOG_LINES))


def to_text(value: Any) -> str:
    """A value for the bundle."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
