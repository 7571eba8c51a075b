"""The screens by which the log of a failure gets out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dom0kit.errors import UserError
from dom0kit.http_client import split
from installer.tui.pages.field_validators import sentence
from installer.tui.toolkit.forms import BACK, NEXT, REFRESH_MILLISECONDS, Entry, Form, Gap, Radio, Text

HOW_HELP = """The log tells whoever helps you what happened. Passwords and tokens are not in it.

A USB stick gets the log itself, a text. Over the network goes a .tar.gz with the log, the kernel's messages, the disks and \
network cards of this machine, and its network settings.

'Offer it' is the simplest way: the screen shows an address; open it in a browser on any machine of the same network. It \
needs no server. It is there for as long as that screen is open.

The network is brought up first when it is not, with the settings that you have chosen."""
POST_HELP = """The address of a web server that takes uploads, as http://192.0.2.7/upload or https://... It gets an HTTP POST \
with the .tar.gz as its body, as the webhook of an unattended installation gets it."""
SCP_HELP = """Where to copy it, as scp(1) takes it: user@machine, user@machine:folder/ or user@machine:folder/name.tar.gz.

The machine needs an SSH server that takes passwords. Its host key is shown first: compare it, or the password may go to \
somebody else."""
TARGET = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9_.+-]*)@(\[[0-9A-Fa-f:.%a-z0-9]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::([A-Za-z0-9_./~+-]*))?"
)


@dataclass(frozen=True)
class Target:
    """Where scp copies to; ``path`` is the file."""

    user: str
    host: str
    path: str

    def words(self) -> str:
        """As scp takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.path}"


def parse_target(text: str, name: str) -> Target | None:
    """Where to copy a file of this name; None for what scp would not understand."""
    found = TARGET.fullmatch(text.strip())
    if not found:
        return None
    path = found[3] or ""
    return Target(found[1], found[2].strip("[]"), f"{path}{name}" if not path or path.endswith("/") else path)


def target_wrong(text: str) -> str:
    """What is wrong with a target as it was typed."""
    return "" if parse_target(text, "x") else "Write it as user@machine, or user@machine:folder/."


def url_wrong(text: str) -> str:
    """What is wrong with an address as it was typed."""
    try:
        split(text.strip())
    except UserError as error:
        return f"{sentence(error.message)} {sentence(error.hint)}" if error.hint else sentence(error.message)
    return ""


def how(chosen: str = "") -> Form:
    """The ways out."""
    ways = (
        ("stick", "To a USB stick"),
        ("offer", "Offer it to a web browser in this network"),
        ("post", "Send it to a web server (HTTP POST)"),
        ("scp", "Copy it to another machine over SSH (scp)"),
    )
    return Form(
        title="Save the log",
        items=(Text("How shall the log get out of this machine?"), Gap(), Radio("log.how", ways, chosen)),
        buttons=((NEXT, "Next"), (BACK, "Cancel")),
        help=HOW_HELP,
    )


def offered(urls: tuple[str, ...]) -> Form:
    """Where the log is; live: who has fetched it."""
    return Form(
        title="Fetch the log",
        items=(
            Text("Open this address in a browser, or with curl -O, on a machine in the same network:"),
            Gap(),
            Text("\n".join(urls[:4])),
            Gap(),
            Text("Nobody has fetched it yet.", "log.fetched", rows=3),
        ),
        buttons=((BACK, "Done"),),
        help="The log can be fetched for as long as this screen is open, as often as you like, by whoever knows the address.",
        every=REFRESH_MILLISECONDS,
    )


def fetched_text(fetched: list[str]) -> str:
    """Who has fetched it."""
    if not fetched:
        return "Nobody has fetched it yet."
    times = "once" if len(fetched) == 1 else f"{len(fetched)} times"
    return f"[ok] It was fetched {times}, last by {fetched[-1]}."


def post(url: str = "") -> Form:
    """The web server's address."""
    return Form(
        title="Send the log",
        items=(
            Text("To which address shall the log be sent?"),
            Gap(),
            Entry("log.url", "Address", url, url_wrong, width=60),
        ),
        buttons=((NEXT, "Send"), (BACK, "Cancel")),
        help=POST_HELP,
    )


def scp(target: str = "") -> Form:
    """Where to copy it, and the password."""
    return Form(
        title="Copy the log",
        items=(
            Text("Where shall the log be copied to?"),
            Gap(),
            Entry("log.target", "user@machine", target, target_wrong, width=50),
            Entry("log.password", "Password", "", password=True, width=40),
        ),
        buttons=((NEXT, "Copy"), (BACK, "Cancel")),
        help=SCP_HELP,
    )


def host_key(host: str, fingerprint: str) -> Form:
    """Whether the host key that was shown is the right one."""
    return Form(
        title="Host key",
        items=(
            Text(f"{host} shows this host key:"),
            Gap(),
            Text(fingerprint),
            Gap(),
            Text(
                "The password is sent to this machine. Is it the right one? It shows its key with: ssh-keygen -lf /etc/ssh/*.pub"
            ),
        ),
        buttons=(("no", "No"), ("yes", "Yes, copy")),
        help=SCP_HELP,
    )
