"""Screens that export the log after a failure (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dom0kit.errors import UserError
from dom0kit.http_client import split
from installer.tui.pages.field_validators import sentence
from installer.tui.toolkit.forms import BACK, NEXT, REFRESH_MILLISECONDS, Entry, Form, Gap, Radio, Text

HOW_HELP = """The log shows what happened. It contains no passwords or tokens.

On a USB stick, the log is saved as text. Over the network, a .tar.gz is sent with the log, kernel messages, disks and \
network cards of this machine, and its network settings.

'Download with a web browser' is the simplest way: the screen shows a URL; open it on any machine in the same network. It \
needs no server. The log is available while that screen is open.

If the network is down, it is configured first with the settings that you have chosen."""
POST_HELP = """The URL of a web server that accepts uploads, such as http://192.0.2.7/upload or https://... It receives an HTTP \
POST with the .tar.gz as its body, like the webhook of an unattended installation."""
SCP_HELP = """The destination in the form of scp(1): user@machine, user@machine:folder/ or user@machine:folder/name.tar.gz.

The machine needs an SSH server with password authentication. Its host key is shown first: compare it, or the password may be \
sent to the wrong machine."""
TARGET = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9_.+-]*)@(\[[0-9A-Fa-f:.%a-z0-9]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::([A-Za-z0-9_./~+-]*))?"
)


@dataclass(frozen=True)
class Target:
    """Destination of scp; ``path`` is the file."""

    user: str
    host: str
    path: str

    def to_scp(self) -> str:
        """Return the destination in the form of scp(1)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.path}"


def parse_target(text: str, name: str) -> Target | None:
    """Parse the destination of a file named ``name``; None if scp would not accept it."""
    found = TARGET.fullmatch(text.strip())
    if not found:
        return None
    path = found[3] or ""
    return Target(found[1], found[2].strip("[]"), f"{path}{name}" if not path or path.endswith("/") else path)


def target_problem(text: str) -> str:
    """Return what is wrong with a destination; "" if valid."""
    return "" if parse_target(text, "x") else "Use the form user@machine or user@machine:folder/."


def url_problem(text: str) -> str:
    """Return what is wrong with a URL; "" if valid."""
    try:
        split(text.strip())
    except UserError as error:
        return f"{sentence(error.message)} {sentence(error.hint)}" if error.hint else sentence(error.message)
    return ""


def choose_way(chosen: str = "") -> Form:
    """Build the screen that lists the ways of export."""
    ways = (
        ("stick", "Save to a USB stick"),
        ("offer", "Download with a web browser in this network"),
        ("post", "Upload to a web server (HTTP POST)"),
        ("scp", "Copy to another machine over SSH (scp)"),
    )
    return Form(
        title="Save the log",
        items=(Text("Select how to export the log."), Gap(), Radio("log.how", ways, chosen)),
        buttons=((NEXT, "Next"), (BACK, "Cancel")),
        help=HOW_HELP,
    )


def offered(urls: tuple[str, ...]) -> Form:
    """Build the screen with the URLs of the log, which also shows who has downloaded it."""
    return Form(
        title="Download the log",
        items=(
            Text("Open this URL in a browser, or with curl -O, on a machine in the same network:"),
            Gap(),
            Text("\n".join(urls[:4])),
            Gap(),
            Text("No download yet.", "log.fetched", rows=3),
        ),
        buttons=((BACK, "Done"),),
        help="Anybody who knows the URL can download the log, any number of times, while this screen is open.",
        every=REFRESH_MILLISECONDS,
    )


def fetched_text(fetched: list[str]) -> str:
    """Return the text on who has downloaded the log."""
    if not fetched:
        return "No download yet."
    times = "once" if len(fetched) == 1 else f"{len(fetched)} times"
    return f"[ok] Downloaded {times}, last by {fetched[-1]}."


def post(url: str = "") -> Form:
    """Build the screen for the URL of a web server."""
    return Form(
        title="Upload the log",
        items=(
            Text("Enter the URL to upload the log to."),
            Gap(),
            Entry("log.url", "URL", url, url_problem, width=60),
        ),
        buttons=((NEXT, "Upload"), (BACK, "Cancel")),
        help=POST_HELP,
    )


def scp(target: str = "") -> Form:
    """Build the screen for the scp destination and password."""
    return Form(
        title="Copy the log",
        items=(
            Text("Enter the destination of the log."),
            Gap(),
            Entry("log.target", "user@machine", target, target_problem, width=50),
            Entry("log.password", "Password", "", password=True, width=40),
        ),
        buttons=((NEXT, "Copy"), (BACK, "Cancel")),
        help=SCP_HELP,
    )


def host_key(host: str, fingerprint: str) -> Form:
    """Build the screen that asks whether a host key is correct."""
    return Form(
        title="Host key",
        items=(
            Text(f"{host} has this host key:"),
            Gap(),
            Text(fingerprint),
            Gap(),
            Text("The password will be sent to this machine. Compare the key with: ssh-keygen -lf /etc/ssh/*.pub"),
        ),
        buttons=(("no", "No"), ("yes", "Yes, copy")),
        help=SCP_HELP,
    )
