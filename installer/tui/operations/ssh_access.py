"""SSH access to the running installer: a log-in attaches to the session that the consoles show.

Access is off by default. It is enabled by a button on the screen, or by the kernel argument ``dom0kit.ssh=``. The password is
valid until the machine restarts; it is shown on the console and stored nowhere.
"""

from __future__ import annotations

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
from network.observed import records

FOLDER = Path("/run/dom0kit/ssh")
ATTACH = "/usr/lib/dom0kit/bin/attach"
UNIT = "dom0kit-ssh"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Letters and digits without those that look alike on a bad screen."""
TRIES = 65
"""Number of attempts to reach a network that is still coming up: 130 s, as long as DHCP may take."""
PAUSE = 2.0
"""Pause between two attempts to reach the network for SSH access.

Kind: pace. Reason: with the number of attempts it makes 130 s, within which DHCP sends its sixth try (RFC 2131). Expiry: the
next attempt; after the last one the screen shows that there is no address yet.
"""
FORMS = "use dom0kit.ssh=password or dom0kit.ssh=URL, the URL of a file with public keys"


@dataclass(frozen=True)
class Access:
    """Log-in data; ``password`` is empty if keys are used.

    :ivar fingerprint: of the server's key, as ssh(1) shows it at the first log-in.
    """

    addresses: tuple[str, ...]
    password: str
    fingerprint: str

    def summary(self) -> str:
        """Return the access in one line, for the top of the screen."""
        where = f"ssh root@{self.addresses[0]}" if self.addresses else "ssh root@(no address yet)"
        return f"{where}, password {self.password}" if self.password else f"{where}, by key"


def read_fingerprint(text: str) -> str:
    """Return the fingerprint in the output of ``ssh-keygen -l``; "" without one."""
    return next((word for word in text.split() if word.startswith("SHA256:")), "")


def one_time_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """Return twelve letters and digits in groups of four: about 59 bits."""
    return "-".join("".join(choose(LETTERS) for _ in range(4)) for _ in range(3))


def sshd_config(folder: Path, *, password: bool) -> str:
    """Return the configuration of the SSH server, which permits only root and only the session."""
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
    """Return the valid public keys in the text of a file.

    :raises UserError: when a line is not a public key, or there are none.
    """
    keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, key in enumerate(keys, 1):
        if problem := kind(field_types.ssh_key)(key):
            raise UserError(
                f"key {number} of the file is not a public key: {problem}", "use the format of authorized_keys, without options"
            )
    if not keys:
        raise UserError("the file contains no public key", "use the format of authorized_keys, one key per line")
    return "\n".join(keys) + "\n"


def find_addresses(text: str) -> tuple[str, ...]:
    """Return the global addresses in ``ip -json address show``, IPv4 first."""
    found = [
        (entry["family"] != "inet", str(entry["local"]))
        for link in records(text)
        for entry in link.get("addr_info", [])
        if entry.get("scope") == "global"
    ]
    return tuple(dict.fromkeys(address for _, address in sorted(found)))


def fetch_with_retry(url: str, get: Callable[..., bytes], sleep: Callable[[float], None]) -> bytes:
    """Return the content at a URL; retry while the network may still be coming up.

    :raises WebError: when it cannot be fetched.
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
    """Return the addresses of this machine; wait for one as long as DHCP usually takes."""
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
    """Start the SSH server, which takes some seconds, or two minutes without a network.

    :param source: ``password``, or the URL of a file with public keys.
    :raises UserError: when the keys cannot be fetched or sshd does not start.
    """
    password, keys = "", ""
    if source == "password":
        password = one_time_password()
    elif source.startswith(("http://", "https://")):
        keys = read_keys(fetch_with_retry(source, get, sleep).decode(errors="replace"))
    else:
        raise UserError(f"dom0kit.ssh={source} is not supported", FORMS)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # sshd requires this folder; RuntimeDirectory= belongs to a unit that does not run here.
    commands(["mkdir", "-p", "/run/sshd"])
    if keys or not (folder / "keys").exists():
        # Keys of an earlier call stay valid in addition to the password.
        write_atomic(folder / "keys", keys, 0o600)
    write_atomic(folder / "config", sshd_config(folder, password=bool(password)))
    if not (folder / "host_key").exists():
        commands(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "dom0kit installer", "-f", folder / "host_key"])
    if password:
        # Not through the log: it records commands, and the input of this one is a hash.
        commands.runner(["chpasswd", "-e"], stdin=f"root:{make_hash(password)}\n")
    commands(["systemctl", "stop", UNIT], check=False)
    # KillMode=process: stopping the unit ends the server only; existing log-ins stay.
    # Type=notify: the unit is active when sshd listens (sd_notify(3), READY=1), so what the screen shows is true.
    properties = ["--property=Type=notify", "--property=KillMode=process"]
    words = ["systemd-run", "--quiet", "--collect", *properties, f"--unit={UNIT}"]
    commands([*words, "/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"])
    fingerprint = read_fingerprint(commands(["ssh-keygen", "-l", "-E", "sha256", "-f", folder / "host_key"]).output)
    return Access(wait_addresses(commands, sleep), password, fingerprint)
