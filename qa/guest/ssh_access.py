"""A password and an ssh key for the scenarios, and the ssh client."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dom0kit.fs import write_json
from dom0kit.polling import TimedOut
from dom0kit.polling import poll as wait
from dom0kit.process import environment, run
from qa import timeouts
from qa.lab.netns_commands import inside
from qa.vm.guest import CommandResult, Guest
from qa.vm.polling import poll
from qa.vm.running import drain_all, pump_all

BEGAN = "\x02began\x03"
"""What the guest's shell prints before a command; then it waits for a line, which the client sends when it has read this.

So a command whose line was not sent has not begun, whatever got lost, and may be sent again.
"""
TRIES = 4
"""How often a command is sent whose connection broke before the command began."""
BROKEN = ("kex_exchange_identification", "banner exchange", "closed by", "reset by", "mux_client", "Broken pipe")
"""Parts of ssh's messages about a connection that was up and broke; a refusal, such as of a key, is none."""
BETWEEN_SECONDS = 2
"""Pause before a command is sent again.

Kind: pace. Reason: a guest that starts or is starved needs time. Expiry: the next try.
"""
KEPT_SECONDS = 600
"""How long the client keeps a connection that nothing uses."""
END_SECONDS = 30
"""End of the process that keeps a connection, after its exit was requested.

Kind: cap. Reason: it ends at once; a busy machine is given its time. Expiry: the end of the lab network names the process.
"""


@dataclass(frozen=True)
class Credentials:
    """Root's password, its hash, and a key pair of which ``private`` is a file."""

    password: str
    password_hash: str
    private: Path
    public: str


def load_or_make(folder: Path) -> Credentials:
    """Return the credentials in a folder; make them when there are none. Several processes may call it at once.

    Hosts in the cache of stages accept them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = folder / "credentials.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if record.exists():
            value = json.loads(record.read_text())
            return Credentials(value["password"], value["password_hash"], folder / "id_ed25519", value["public"])
        (folder / "id_ed25519").unlink(missing_ok=True)  # of a run that was killed in between
        made = make(folder)
        write_json(record, {"password": made.password, "password_hash": made.password_hash, "public": made.public}, mode=0o600)
        return made


def make(folder: Path) -> Credentials:
    """Make new credentials; the private key is a file in ``folder``."""
    password = f"qa-{secrets.token_hex(6)}"
    hashed = run(["openssl", "passwd", "-6", "-stdin"], stdin=password + "\n").output.strip()
    private = folder / "id_ed25519"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "qa", "-f", private], hint="install openssh-client")
    return Credentials(password, hashed, private, private.with_suffix(".pub").read_text().strip())


class Ssh(Guest):
    """A guest reached by ssh: through the port that the machine forwards, or by its address in a lab network.

    :param netns: the network namespace that the client runs in.
    """

    def __init__(self, credentials: Credentials, port: int = 22, *, address: str = "127.0.0.1", netns: str = "") -> None:
        self._credentials = credentials
        self._port = port
        self._address = address
        self._netns = netns
        self._folder: Path | None = None

    def argv(self, command: str, **more: str) -> list[str]:
        """Return the client's command line; the client neither prompts nor remembers host keys.

        :param more: further options of ssh_config(5).
        """
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": "300",  # a slow guest's sshd takes long to answer; the caller's limit ends the wait
            **more,
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-p", str(self._port), *words, f"root@{self._address}", command]
        return inside(self._netns, ["ssh", "-F", "none", "-i", str(self._credentials.private), *where])

    def execute(self, command: str, *, limit: float = timeouts.COMMAND) -> CommandResult:
        """Run a command as root and return its exit code and output.

        The channels of the running machines are read meanwhile: a guest whose console is not read stops.

        A command that has not begun because the connection broke is sent again: a starved guest's sshd gives up after
        its LoginGraceTime (sshd_config(5)), and the connection that is kept ends with the guest's reboot.

        :param limit: seconds of machine time for each time it is sent, stretched by the user's patience.
        :raises MachineStarved: when the emulator got too little processor time to tell.
        :raises TimedOut: when the command does not end within the limit.
        """
        argv = self.argv(f"printf '{BEGAN}'; read -r _; {command}", **self._sharing())
        for tries_left in reversed(range(TRIES)):
            result, began = _run(argv, command, limit, mark=BEGAN)
            if began or not tries_left or not broke(result):
                break
            _pause(BETWEEN_SECONDS)
        return result

    def wait_for_login(self, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until the guest accepts root's key.

        :raises TimedOut: when it does not within the limit, with the client's last message.
        """
        last: list[CommandResult] = []
        self.disconnect()  # a connection that is kept proves no log-in

        def lets_in() -> bool:
            last[:] = [self.execute("true")]
            return last[0].code == 0

        poll(lets_in, "log-in by ssh", limit=limit, interval=2, evidence=lambda: last[0].output)

    def _sharing(self) -> dict[str, str]:
        """Return the options by which one connection carries all commands.

        Under emulation a key exchange costs more than most commands. The alive messages end the connection to a guest
        that was switched off; one that only starves answers within five minutes.
        """
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="dom0kit-ssh-", dir="/tmp"))  # unix(7): a path has 107 bytes
            KEEPING.append(self)
        alive = {"ServerAliveInterval": "60", "ServerAliveCountMax": "5"}
        return {"ControlMaster": "auto", "ControlPath": f"{self._folder}/c", "ControlPersist": str(KEPT_SECONDS), **alive}

    def disconnect(self) -> None:
        """End the connection that is kept, if there is one, and its process; the next command makes a new one."""
        if not self._folder or not (self._folder / "c").exists():
            return
        found = re.search(r"pid=(\d+)", self._control("check"))
        self._control("exit")
        if found:  # it is in the lab's network, which must be empty at its end
            command = Path("/proc", found[1], "cmdline")
            with contextlib.suppress(TimedOut):
                wait(lambda: not _command_line(command), END_SECONDS, 0.05, "the end of the kept connection's process")

    def _control(self, verb: str) -> str:
        """Ask the process that keeps the connection (ssh(1), ``-O``); return what it says."""
        result = run(["ssh", "-F", "none", "-O", verb, "-o", f"ControlPath={self._folder}/c", "guest"], check=False)
        return result.output + result.errors

    def close(self) -> None:
        """End the connection that is kept and remove its folder; also at the end of the process."""
        self.disconnect()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            KEEPING.remove(self)


KEEPING: list[Ssh] = []
"""The clients of this process that keep a connection."""


@atexit.register
def close_all() -> None:
    """End all connections that are kept: at the end of a lab network, in which nothing may run then, and of the process."""
    for client in list(KEEPING):
        client.close()


def _command_line(file: Path) -> bytes:
    """Return a process's command line; empty when it has ended."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def broke(result: CommandResult) -> bool:
    """Tell whether a client's result says that its connection was up and broke (ssh(1): 255 is the client's own error)."""
    return result.code == 255 and (not result.output or any(part in result.output for part in BROKEN))


def run_and_drain(argv: Sequence[str], command: str, limit: float) -> CommandResult:
    """Run a program to its end and read the machines' channels meanwhile.

    Only the main thread reads them: two readers would get parts of the same lines.

    :param command: the command of the result.
    :param limit: seconds of machine time.
    :raises ScenarioFailed: when the limit is over, and for unexpected failures on the machines' channels.
    """
    return _run(argv, command, limit)[0]


def _run(argv: Sequence[str], command: str, limit: float, *, mark: str = "") -> tuple[CommandResult, bool]:
    """Run a program as :func:`run_and_drain` does; send it a line when it has printed ``mark``; tell whether that was done."""
    stdin = subprocess.PIPE if mark else subprocess.DEVNULL
    begun = False
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(argv, stdin=stdin, stdout=output, stderr=errors, env=environment())

        def ended() -> bool:
            nonlocal begun
            # pread(2), for the child writes at the offset that it shares with this process.
            if child.stdin and not child.stdin.closed and os.pread(output.fileno(), len(mark), 0) == mark.encode():
                begun = _send_line(child.stdin)
            return child.poll() is not None

        try:
            what = f"end of the command {shlex.quote(command)} in the guest"
            poll(ended, what, limit=limit, pause=lambda _: _wait_a_little(child))
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdin and not child.stdin.closed:
                child.stdin.close()
        text = _text(output).removeprefix(mark)
        text = text if child.returncode == 0 else text + _text(errors)
    return CommandResult(command, child.returncode, text.rstrip("\n")), begun


def _send_line(stdin: IO[bytes]) -> bool:
    """Send an empty line and close; False when the program has ended."""
    try:
        stdin.write(b"\n")
        stdin.close()
    except BrokenPipeError:
        return False
    return True


def _reads_machines() -> bool:
    """Whether this thread reads the machines' channels: only the main thread may."""
    return threading.current_thread() is threading.main_thread()


def _pause(seconds: float) -> None:
    (drain_all if _reads_machines() else time.sleep)(seconds)


def _wait_a_little(child: subprocess.Popen[bytes]) -> None:
    if _reads_machines():
        pump_all(0.05)
    try:
        child.wait(0.05)
    except subprocess.TimeoutExpired:
        return


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
