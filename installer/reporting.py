"""Reports of the installer: identity, webhook, trust in servers, and the support bundle after a failure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from answerfiles.host_naming import is_rule
from answerfiles.model import Answers, HostTask
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
WRITING_SECONDS = 30.0
"""Wait for the server of a network boot to take the report that the disks are about to be erased.

Kind: protocol. Reason: a server that restarts is back by then; without it the installation is safe, but the next network boot
takes longer. Expiry: a warning.
"""
LOG_LINES = 50
BUNDLE_COMMANDS: dict[str, list[str]] = {
    "dmesg.txt": ["dmesg", "--color=never"],
    "journal.txt": ["journalctl", "-b", "--no-pager", "--lines=3000"],
    "ip-address.txt": ["ip", "address"],
    "ip-route.txt": ["ip", "route", "show", "table", "all"],
    "networkctl.txt": ["networkctl", "status", "--all", "--no-pager"],
    "lsblk.txt": ["lsblk", "-o", "NAME,SIZE,TYPE,FSTYPE,LABEL,UUID,MOUNTPOINTS,MODEL,SERIAL,WWN"],
}
"""Files of the support bundle with the commands that produce them."""


@dataclass
class Reports:
    """Reporting side of a session.

    :param trust: trust settings from ``dom0kit.trust``.
    :param servers: servers that they apply to: those of the answers and of ``dom0kit.report``.
    :param texts: files of the support bundle collected so far.
    """

    redactor: Redactor
    webhook: Webhook
    trust: Trust = SYSTEM
    servers: set[tuple[str, str, int]] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)

    def add_server(self, url: str) -> None:
        """Add a server from the kernel command line or DHCP; redact tokens in its URL's query."""
        self.servers.add(http_client.server_of(url))
        query = url.partition("?")[2]
        self.redactor.add(part.partition("=")[2] for part in query.split("&") if len(part.partition("=")[2]) >= 4)

    def aim(self, url: str, trust: Trust) -> None:
        """Send reports to the URL of ``dom0kit.report``.

        :raises UserError: when it is not a URL.
        """
        if url:
            http_client.split(url.replace("{", "").replace("}", ""))
            self.add_server(url)
            self.webhook.aim(Target(url, trust))

    def trust_for(self, url: str) -> Trust:
        """Return the trust for a URL in the answers: a pin applies to its server only, a CA adds to the system's."""
        if http_client.server_of(url) in self.servers:
            return self.trust
        return replace(self.trust, system=True) if self.trust.ca else SYSTEM

    def adopt(self, answers: Answers | HostTask) -> None:
        """Redact the secrets of the answers, and send reports to their webhook."""
        self.redactor.add(secret.reveal() for _, secret in secret_paths(answers))
        self.name_host("" if not answers.host_name or is_rule(answers.host_name) else answers.host_name)
        hook = answers.reports.webhook
        if hook is None:
            return
        trust = Trust(fingerprint=hook.fingerprint) if hook.fingerprint else self.trust_for(hook.url)
        self.webhook.aim(Target(hook.url, trust, hook.token.reveal() if hook.token else ""))

    def name_host(self, name: str) -> None:
        """Set the host's name in all reports; one that comes from the machine is known once the plan is made."""
        self.webhook.identity = replace(self.webhook.identity, host=name)

    def fail(self, logs: Path, commands: Commands, cmdline: str) -> None:
        """Pack the support bundle and send it if a webhook is configured."""
        if self.webhook.aimed:
            self.webhook.bundle(self.pack(logs, commands, cmdline))

    def pack(self, logs: Path, commands: Commands, cmdline: str) -> bytes:
        """Return the support bundle (``.tar.gz``) without secrets; failed commands are included as text."""
        files = {name: read_or_error(logs / name) for name in ("installer.log", "installer-events.jsonl")}
        files |= self.texts
        files["cmdline.txt"] = cmdline
        for name, argv in BUNDLE_COMMANDS.items():
            files[name] = command_output(argv, commands)
        clock = int(time.time())
        folder = f"dom0kit-{self.webhook.run}"
        return support_bundle.pack(files, redact=self.redactor, folder=folder, clock=clock)

    def wait_for_order_to_end(self, host: str) -> list[str]:
        """Wait until the server of a network boot knows that the installation begins; return a warning if it does not.

        An order that could not be ended is no danger: the disk keeps it, and it is not carried out again (own_installation).
        """
        if self.webhook.settle(WRITING_SECONDS):
            return []
        return [
            f"the server did not confirm that {host} is no longer armed: until it does, a network boot starts the installer, "
            "which finds this installation and starts the disk"
        ]

    def flush(self, say: Callable[[str], None]) -> None:
        """Wait for the reports to arrive, within the time limit."""
        if not self.webhook.flush(FLUSH_SECONDS):
            say(f"warning: {self.webhook.lost} reports did not reach the webhook; see the log")


def make_reports(redactor: Redactor, note: Callable[[str], None], identity: Identity | None = None) -> Reports:
    """Return the reporting side of this machine, not yet with a target."""
    who = identity or read_identity()
    return Reports(redactor, Webhook(who, redact=redactor.value, note=note))


def refuse_references(answers: Answers | HostTask) -> None:
    """Reject answers that refer to secrets: only ``dom0kit answers render`` can resolve them.

    :raises UserError: when there is a reference.
    """
    if references := sorted({secret.reveal() for _, secret in secret_paths(answers) if secret.is_reference}):
        raise UserError(
            f"the answers refer to secrets instead of containing them: {', '.join(references)}",
            "run 'dom0kit answers render' to write answers with the secrets",
        )


def command_output(argv: list[str], commands: Commands) -> str:
    """Return the output of a command, or its error, for the support bundle; not logged."""
    try:
        result = commands.runner(argv, check=False, timeout=QUERY_SECONDS)
    except UserError as error:
        return f"{error}\n"
    return result.output + result.errors


def read_or_error(path: Path) -> str:
    """Return the text of a file, or the error."""
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror}\n"


def log_tail(path: Path) -> str:
    """Return the last lines of the log."""
    return "\n".join(support_bundle.last_lines(read_or_error(path), LOG_LINES))


def to_text(value: Any) -> str:
    """Return a value as text for the support bundle."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
