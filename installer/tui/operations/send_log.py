"""Gets the log of a failure out of the machine: offered to browsers, sent to a web server, copied over SSH."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.http_client import SYSTEM, Response
from installer.command_log import Commands
from installer.tui.operations.http_export import Offer, word
from installer.tui.pages import log_export
from installer.tui.pages.log_export import Target
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.busy_screen import wait_for
from installer.tui.toolkit.forms import BACK, Form, Update
from installer.tui.toolkit.wizard import Terminal, ask

TITLE = "Save the log"
KEY_KINDS = ("ed25519", "ecdsa", "rsa")
SECONDS = 120
"""Send or copy the log to another machine.

Kind: protocol. Reason: 5 MiB at 40 KB/s. Expiry: the screen says that it did not arrive, and the user can repeat it.
"""
CONNECT_SECONDS = 60
"""Connect to another machine to copy the log (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: a machine that is up accepts within seconds, the key exchange of a slow one included. Expiry: the screen
says that the machine does not answer.
"""
ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$DOM0KIT_PASSWORD\"\n"
"""What ssh runs for a password (SSH_ASKPASS in ssh(1)): it is in no argument and in no file."""


@dataclass(frozen=True)
class LogEffects:
    """Acts for the screens of the log.

    :param addresses: brings the network up when it is not; the addresses of this machine, none without a network.
    :param bundle: makes the ``.tar.gz``, without secrets.
    :param to_stick: asks for a stick and copies the log there.
    """

    terminal: Terminal
    commands: Commands
    addresses: Callable[[], tuple[str, ...]]
    bundle: Callable[[], bytes]
    to_stick: Callable[[], None]
    post: Callable[..., Response] = http_client.request

    def save(self) -> None:
        """By the way that the person chooses."""
        reply = ask(self.terminal, log_export.how)
        if reply.button == BACK:
            return
        way = reply.values.get("log.how")
        if way == "stick":
            self.to_stick()
            return
        there = self.addresses()
        if not there:
            self.terminal.tell(
                TITLE, "This machine has no address, so nothing can be sent. Look at the cable, or take a USB stick."
            )
            return
        try:
            data = wait_for(self.terminal, Job(self.bundle), "Collecting the logs ...")
            name = f"log-{word()}.tar.gz"
            if way == "offer":
                self.offer(data, name, there)
            elif way == "post":
                self.send(data, name)
            else:
                self.copy(data, name)
        except (UserError, OSError) as error:
            self.terminal.tell(TITLE, str(error))

    def offer(self, data: bytes, name: str, there: tuple[str, ...]) -> None:
        """Show the address until the person has done with it.

        :raises UserError: when no port can be had.
        """
        with Offer(data, name) as offer:
            urls = offer.urls(there)
            self.commands.note(f"the log of {len(data)} bytes is offered at {', '.join(urls)}")
            ask(
                self.terminal,
                lambda: log_export.offered(urls),
                update=lambda: Update(texts={"log.fetched": log_export.fetched_text(offer.fetched)}),
            )
            self.commands.note(f"the log was fetched by: {', '.join(offer.fetched) or 'nobody'}")

    def send(self, data: bytes, name: str) -> None:
        """Send it to the address that is typed; one that does not work can be mended."""
        headers = {"Content-Type": "application/gzip", "Content-Disposition": f'attachment; filename="{name}"'}

        def deliver(reply: dict[str, str]) -> str:
            url = reply["log.url"]
            work = Job(lambda: self.post("POST", url, trust=SYSTEM, body=data, headers=headers, total=SECONDS))
            answer = wait_for(self.terminal, work, f"Sending {len(data)} bytes ...")
            if not 200 <= answer.status < 300:
                raise http_client.status_error(answer.status, url)
            return f"[ok] {http_client.shown(url)} has taken {name}."

        self._until_done(log_export.post, "log.url", log_export.url_wrong, deliver)

    def copy(self, data: bytes, name: str) -> None:
        """Copy it by scp to where is typed; what does not work can be mended."""

        def deliver(reply: dict[str, str]) -> str:
            target = log_export.parse_target(reply["log.target"], name)
            assert target is not None
            with tempfile.TemporaryDirectory(prefix="dom0kit-log-") as folder:
                write_atomic(Path(folder) / name, data, 0o600)
                done = self._copied(Path(folder), name, target, reply["log.password"])
            return f"[ok] The log is at {target.words()}." if done else ""

        self._until_done(log_export.scp, "log.target", log_export.target_wrong, deliver)

    def _until_done(
        self, make: Callable[[str], Form], field: str, wrong: Callable[[str], str], deliver: Callable[[dict[str, str]], str]
    ) -> None:
        """Ask, with what was typed last, until it works or the person gives it up.

        :param deliver: what to say when it has worked; empty: nothing.
        """
        typed = ""
        while (reply := self._filled(partial(make, typed), field, wrong)) is not None:
            typed = reply[field]
            try:
                said = deliver(reply)
            except UserError as error:
                self.terminal.tell(TITLE, str(error))
                continue
            if said:
                self.terminal.tell(TITLE, said)
            return

    def _copied(self, folder: Path, name: str, target: Target, password: str) -> bool:
        """Ask for the host key, let the person compare it, copy; whether it was done."""
        known = wait_for(self.terminal, Job(lambda: self._host_key(target.host)), f"Asking {target.host} for its host key ...")
        write_atomic(folder / "known_hosts", known, 0o600)
        print_of = self.commands(["ssh-keygen", "-l", "-f", folder / "known_hosts"]).output.strip()
        if ask(self.terminal, lambda: log_export.host_key(target.host, print_of)).button != "yes":
            return False
        write_atomic(folder / "askpass", ASKPASS, 0o700)
        options = {
            "UserKnownHostsFile": folder / "known_hosts",
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "NumberOfPasswordPrompts": "1",
            "ConnectTimeout": str(CONNECT_SECONDS),
        }
        words = ["scp", "-F", "none", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
        env = {"SSH_ASKPASS": str(folder / "askpass"), "SSH_ASKPASS_REQUIRE": "force", "DOM0KIT_PASSWORD": password}

        def work() -> None:
            result = self.commands([*words, folder / name, target.words()], check=False, env=env, timeout=SECONDS)
            if result.returncode:
                # scp's own last words say less than ssh's before them.
                lines = [line for line in result.errors.splitlines() if line.strip() and "Connection closed" not in line]
                why = lines[-1].strip() if lines else f"scp ended with {result.returncode}"
                raise UserError(f"the log could not be copied: {why}", "look at user, password and folder")

        wait_for(self.terminal, Job(work), f"Copying the log to {target.host} ...")
        return True

    def _host_key(self, host: str) -> str:
        """The host key that a machine shows, as a line of known_hosts: of the best kind that it has.

        :raises UserError: when it shows none.
        """
        for kind in KEY_KINDS:
            found = self.commands(["ssh-keyscan", "-T", str(CONNECT_SECONDS), "-t", kind, host], check=False).output
            if lines := [line for line in found.splitlines() if line and not line.startswith("#")]:
                return lines[0] + "\n"
        raise UserError(f"{host} shows no SSH host key", "is it the right machine, and does its SSH server run?")

    def _filled(self, make: Callable[[], Form], field: str, wrong: Callable[[str], str]) -> dict[str, str] | None:
        """A form with a right answer in one field; None when the person gives it up."""
        problem, values = "", None
        while True:
            reply = ask(self.terminal, make, values=values, focus=field if problem else "", problem=problem)
            if reply.button == BACK:
                return None
            values = reply.values
            texts = {name: str(value) for name, value in reply.values.items()}
            if not (problem := wrong(texts[field])):
                return {**texts, field: texts[field].strip()}
