"""Access over SSH to the running installer: a log-in leads into the session that the consoles show.

It is off unless somebody wants it: at the machine by a button, or by the kernel argument ``dom0kit.ssh=``. The password is for
this start of the machine alone; it is shown on the console and written nowhere.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from answerfiles import field_types
from answerfiles.password import make_hash
from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from installer.command_log import Commands
from installer.tui.pages.field_validators import kind

FOLDER = Path("/run/dom0kit/ssh")
ATTACH = "/usr/lib/dom0kit/bin/attach"
UNIT = "dom0kit-ssh"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look alike on a bad screen."""
TRIES = 65
"""How often a network that is not there yet is asked: for as long as DHCP may take (130 s)."""
PAUSE = 2.0
"""Pause between two tries to reach the network for access over SSH.

Kind: pace. Reason: with the number of tries it makes 130 s, within which DHCP sends its sixth try (RFC 2131). Expiry: the next
try; after the last one the screen shows that there is no address yet.
"""
FORMS = "give dom0kit.ssh=password, or dom0kit.ssh=URL of a file with public keys"


@dataclass(frozen=True)
class Access:
    """How to log in; ``password`` is empty with keys."""

    addresses: tuple[str, ...]
    password: str

    def text(self) -> str:
        """In a line, for the top of the screen."""
        where = f"ssh root@{self.addresses[0]}" if self.addresses else "ssh root@(no address yet)"
        return f"{where}, password {self.password}" if self.password else f"{where}, by key"


def one_time_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """Twelve letters and digits in groups of four: about 59 bits."""
    return "-".join("".join(choose(LETTERS) for _ in range(4)) for _ in range(3))


def sshd_config(folder: Path, *, password: bool) -> str:
    """A configuration as in sshd_config(5): root alone, nothing but the session."""
    lines = (
        "Port 22",
        f"HostKey {folder}/host_key",
        f"PidFile {folder}/pid",
        "PermitRootLogin yes",
        "AllowUsers root",
        f"AuthorizedKeysFile {folder}/keys",
        "StrictModes no",
        f"PasswordAuthentication {'yes' if password else 'no'}",
        "KbdInteractiveAuthentication no",
        "UsePAM yes",
        "MaxAuthTries 3",
        "AllowTcpForwarding no",
        "X11Forwarding no",
        "PermitUserEnvironment no",
        f"ForceCommand {ATTACH}",
    )
    return "\n".join(lines) + "\n"


def read_keys(text: str) -> str:
    """The public keys in a file of them.

    :raises UserError: when a line is none, or there is none at all.
    """
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, key in enumerate(keys, 1):
        if wrong := kind(field_types.ssh_key)(key):
            raise UserError(f"key {number} of the file is none: {wrong}", "a file like authorized_keys, without options")
    if not keys:
        raise UserError("the file holds no public key", "a file like authorized_keys, a line for each key")
    return "\n".join(keys) + "\n"


def find_addresses(text: str) -> tuple[str, ...]:
    """Addresses that others can reach, from ``ip -json address show``, IPv4 first."""
    try:
        links = json.loads(text or "[]")
    except ValueError:
        return ()
    found = [
        (entry["family"] != "inet", str(entry["local"]))
        for link in links
        for entry in link.get("addr_info", [])
        if entry.get("scope") == "global"
    ]
    return tuple(dict.fromkeys(address for _, address in sorted(found)))


def fetch(url: str, get: Callable[..., bytes], sleep: Callable[[float], None]) -> bytes:
    """The file behind a URL; it is asked for again as long as the network may still be coming up.

    :raises WebError: when it cannot be had.
    """
    for _ in range(TRIES):
        try:
            return get(url)
        except http_client.WebError as error:
            if error.kind not in ("dns", "connect", "timeout"):
                raise
            sleep(PAUSE)
    return get(url)


def wait_addresses(commands: Commands, sleep: Callable[[float], None]) -> tuple[str, ...]:
    """The addresses of this machine; without any they are waited for, for as long as DHCP usually takes."""
    for _ in range(TRIES):
        if found := find_addresses(commands(["ip", "-json", "address", "show"], check=False).output):
            return found
        sleep(PAUSE)
    return ()


def open_access(
    source: str,
    commands: Commands,
    *,
    folder: Path = FOLDER,
    get: Callable[..., bytes] = http_client.get,
    sleep: Callable[[float], None] = time.sleep,
) -> Access:
    """Let somebody in. Takes some seconds, and a minute without a network.

    :param source: ``password``, or the URL of a file with public keys.
    :raises UserError: when the keys cannot be had or sshd does not start.
    """
    password, keys = "", ""
    if source == "password":
        password = one_time_password()
    elif source.startswith(("http://", "https://")):
        keys = read_keys(fetch(source, get, sleep).decode(errors="replace"))
    else:
        raise UserError(f"dom0kit.ssh={source} cannot be understood", FORMS)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # sshd wants it to be there (its RuntimeDirectory= is made by a unit that does not run here).
    commands(["mkdir", "-p", "/run/sshd"])
    if keys or not (folder / "keys").exists():
        # Who came by key before may come again, beside whoever has the password.
        write_atomic(folder / "keys", keys, 0o600)
    write_atomic(folder / "config", sshd_config(folder, password=bool(password)))
    if not (folder / "host_key").exists():
        commands(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dom0kit installer", "-f", folder / "host_key"])
    if password:
        # Not through the log: it notes commands, and this one's input is a hash.
        commands.runner(["chpasswd", "-e"], stdin=f"root:{make_hash(password)}\n")
    commands(["systemctl", "stop", UNIT], check=False)
    # Of the unit only the server ends when it is stopped: whoever is logged in stays so.
    # A server of the type "notify" has started when it listens (sd_notify(3), READY=1): what the screen says then holds.
    properties = ["--property=Type=notify", "--property=KillMode=process"]
    words = ["systemd-run", "--quiet", "--collect", *properties, f"--unit={UNIT}"]
    commands([*words, "/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"])
    return Access(wait_addresses(commands, sleep), password)
