"""Export the log after a failure: download by browsers, upload to a web server, copy over SSH."""

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
from installer.tui.busy_screen import wait_for
from installer.tui.operations.http_export import FileServer, random_name
from installer.tui.pages import log_export
from installer.tui.pages.log_export import Target
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, Form, Update
from installer.tui.wizard import Terminal, show_form

TITLE = "Save the log"
KEY_KINDS = ("ed25519", "ecdsa", "rsa")
SECONDS = 120
"""Upload or copy the log to another machine.

Kind: protocol. Reason: 5 MiB at 40 KB/s. Expiry: the screen reports the failure, and the user can repeat it.
"""
CONNECT_SECONDS = 60
"""Connect to another machine to copy the log (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: a machine that is up accepts within seconds, the key exchange of a slow one included. Expiry: the screen
reports that the machine does not answer.
"""
ASKPASS = "#!/bin/sh\nprintf '%s\\n' \"$DOM0KIT_PASSWORD\"\n"
"""Program that gives ssh the password (SSH_ASKPASS in ssh(1)), so that it is in no argument and no file."""


@dataclass(frozen=True)
class LogExport:
    """Handlers for the screens that export the log.

    :param addresses: configures the network if it is down; returns the addresses, none without a network.
    :param bundle: returns the ``.tar.gz``, without secrets.
    :param to_stick: asks for a USB stick and copies the log to it.
    """

    terminal: Terminal
    commands: Commands
    addresses: Callable[[], tuple[str, ...]]
    bundle: Callable[[], bytes]
    to_stick: Callable[[], None]
    post: Callable[..., Response] = http_client.request

    def save(self) -> None:
        """Export the log in the way that the user selects."""
        reply = show_form(self.terminal, log_export.choose_way)
        if reply.button == BACK:
            return
        way = reply.values.get("log.how")
        if way == "stick":
            self.to_stick()
            return
        there = self.addresses()
        if not there:
            self.terminal.show_message(
                TITLE, "This machine has no address, so the log cannot be sent. Check the cable, or use a USB stick."
            )
            return
        try:
            data = wait_for(self.terminal, Job(self.bundle), "Collecting the logs ...")
            name = f"log-{random_name()}.tar.gz"
            if way == "offer":
                self.serve(data, name, there)
            elif way == "post":
                self.upload(data, name)
            else:
                self.copy(data, name)
        except (UserError, OSError) as error:
            self.terminal.show_message(TITLE, str(error))

    def serve(self, data: bytes, name: str, there: tuple[str, ...]) -> None:
        """Serve the log until the user leaves the screen.

        :raises UserError: when no port is available.
        """
        with FileServer(data, name) as server:
            urls = server.urls(there)
            self.commands.note(f"the log ({len(data)} bytes) is available at {', '.join(urls)}")
            show_form(
                self.terminal,
                lambda: log_export.offered(urls),
                update=lambda: Update(texts={"log.fetched": log_export.fetched_text(server.fetched)}),
            )
            self.commands.note(f"the log was downloaded by: {', '.join(server.fetched) or 'no client'}")

    def upload(self, data: bytes, name: str) -> None:
        """Upload the log to a URL; the user can correct one that does not work."""
        headers = {"Content-Type": "application/gzip", "Content-Disposition": f'attachment; filename="{name}"'}

        def deliver(reply: dict[str, str]) -> str:
            url = reply["log.url"]
            work = Job(lambda: self.post("POST", url, trust=SYSTEM, body=data, headers=headers, total=SECONDS))
            answer = wait_for(self.terminal, work, f"Uploading {len(data)} bytes ...")
            if not 200 <= answer.status < 300:
                raise http_client.status_error(answer.status, url)
            return f"[ok] Uploaded {name} to {http_client.shown(url)}."

        self._repeat_until_done(log_export.post, "log.url", log_export.url_problem, deliver)

    def copy(self, data: bytes, name: str) -> None:
        """Copy the log by scp; the user can correct a destination that does not work."""

        def deliver(reply: dict[str, str]) -> str:
            target = log_export.parse_target(reply["log.target"], name)
            assert target is not None
            with tempfile.TemporaryDirectory(prefix="dom0kit-log-") as folder:
                write_atomic(Path(folder) / name, data, 0o600)
                done = self._copied(Path(folder), name, target, reply["log.password"])
            return f"[ok] Copied the log to {target.to_scp()}." if done else ""

        self._repeat_until_done(log_export.scp, "log.target", log_export.target_problem, deliver)

    def _repeat_until_done(
        self, build: Callable[[str], Form], field: str, validate: Callable[[str], str], deliver: Callable[[dict[str, str]], str]
    ) -> None:
        """Ask for the destination, with the previous input, until it works or the user cancels.

        :param deliver: returns the success message; "" for none.
        """
        typed = ""
        while (reply := self._filled(partial(build, typed), field, validate)) is not None:
            typed = reply[field]
            try:
                message = deliver(reply)
            except UserError as error:
                self.terminal.show_message(TITLE, str(error))
                continue
            if message:
                self.terminal.show_message(TITLE, message)
            return

    def _copied(self, folder: Path, name: str, target: Target, password: str) -> bool:
        """Fetch the host key, let the user compare it, copy the log; return whether it was copied."""
        known = wait_for(self.terminal, Job(lambda: self._host_key(target.host)), f"Fetching the host key of {target.host} ...")
        write_atomic(folder / "known_hosts", known, 0o600)
        print_of = self.commands(["ssh-keygen", "-l", "-f", folder / "known_hosts"]).output.strip()
        if show_form(self.terminal, lambda: log_export.host_key(target.host, print_of)).button != "yes":
            return False
        write_atomic(folder / "askpass", ASKPASS, 0o700)
        options = {
            "UserKnownHostsFile": folder / "known_hosts",
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "NumberOfPasswordPrompts": "1",
            "ConnectTimeout": str(CONNECT_SECONDS),
        }
        argv = ["scp", "-F", "none", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
        env = {"SSH_ASKPASS": str(folder / "askpass"), "SSH_ASKPASS_REQUIRE": "force", "DOM0KIT_PASSWORD": password}

        def work() -> None:
            result = self.commands([*argv, folder / name, target.to_scp()], check=False, env=env, timeout=SECONDS)
            if result.returncode:
                # The last line of scp says less than ssh's lines before it.
                lines = [line for line in result.errors.splitlines() if line.strip() and "Connection closed" not in line]
                why = lines[-1].strip() if lines else f"scp ended with {result.returncode}"
                raise UserError(f"cannot copy the log to {target.host}: {why}", "check user, password and folder")

        wait_for(self.terminal, Job(work), f"Copying the log to {target.host} ...")
        return True

    def _host_key(self, host: str) -> str:
        """Return the best host key of a machine, as a line of known_hosts.

        :raises UserError: when the machine has none.
        """
        for kind in KEY_KINDS:
            found = self.commands(["ssh-keyscan", "-T", str(CONNECT_SECONDS), "-t", kind, host], check=False).output
            if lines := [line for line in found.splitlines() if line and not line.startswith("#")]:
                return lines[0] + "\n"
        raise UserError(f"{host} has no SSH host key", "check the address, and that its SSH server runs")

    def _filled(self, build: Callable[[], Form], field: str, validate: Callable[[str], str]) -> dict[str, str] | None:
        """Return the values of a form once ``field`` is valid; None if the user cancels."""
        problem, values = "", None
        while True:
            reply = show_form(self.terminal, build, values=values, focus=field if problem else "", problem=problem)
            if reply.button == BACK:
                return None
            values = reply.values
            texts = {name: str(value) for name, value in reply.values.items()}
            if not (problem := validate(texts[field])):
                return {**texts, field: texts[field].strip()}
