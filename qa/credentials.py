"""A password and an ssh key made for one run of the scenarios, and the ssh client."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from dom0kit.run import CommandFailed, run
from qa import patience
from qa.console import Answer
from qa.failure import ScenarioFailed
from qa.lab.commands import inside


@dataclass(frozen=True)
class Credentials:
    """Root's password, its hash, and a key pair of which ``private`` is a file."""

    password: str
    password_hash: str
    private: Path
    public: str


def make(folder: Path) -> Credentials:
    """Fresh credentials; the private key is a file in ``folder``."""
    password = f"qa-{secrets.token_hex(6)}"
    hashed = run(["openssl", "passwd", "-6", "-stdin"], stdin=password + "\n").output.strip()
    private = folder / "id_ed25519"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "qa", "-f", private], hint="install openssh-client")
    return Credentials(password, hashed, private, private.with_suffix(".pub").read_text().strip())


class Ssh:
    """Commands in the guest by ssh: through the port that the machine forwards, or to its address in a laboratory.

    :param netns: the network namespace that the client runs in.
    """

    def __init__(self, credentials: Credentials, port: int = 22, *, address: str = "127.0.0.1", netns: str = "") -> None:
        self._credentials = credentials
        self._port = port
        self._address = address
        self._netns = netns

    def argv(self, command: str) -> list[str]:
        """The client's command line; it neither asks nor remembers anything."""
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": "60",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-p", str(self._port), *words, f"root@{self._address}", command]
        return inside(self._netns, ["ssh", "-F", "none", "-i", str(self._credentials.private), *where])

    def run(self, command: str, *, limit: float = patience.COMMAND) -> Answer:
        """Run a command as root; ``limit`` in seconds, stretched by the user's patience."""
        try:
            result = run(self.argv(command), check=False, timeout=patience.patient(limit))
        except CommandFailed as error:
            raise ScenarioFailed(f"by ssh: {command}: {error.tail}") from None
        output = result.output if result.returncode == 0 else result.output + result.errors
        return Answer(command, result.returncode, output.rstrip("\n"))

    def wait(self, *, limit: float = patience.COMMAND) -> None:
        """Wait until the guest lets root in.

        :raises ScenarioFailed: when it does not within the limit.
        """
        end = time.monotonic() + patience.patient(limit)
        while (answer := self.run("true")).code != 0:
            if time.monotonic() > end:
                raise ScenarioFailed(f"no log-in by ssh: {answer.output}")
            time.sleep(2)
