"""First-boot steps ``root`` and ``ssh``: how administrators log in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstboot import config_files, first_password
from firstboot.network.apply import SERVICE_SECONDS

if TYPE_CHECKING:
    from firstboot.host import Host

SSH_UNITS = ("ssh.service", "ssh.socket")


def root(host: Host) -> None:
    """Set root's password and SSH keys; without a password, and with ``lock``, no password matches.

    With ``ask`` a password that was set here stays, and the consoles ask for it until there is one.
    """
    answers = host.answers.root
    password = None if answers.password_hash is None else answers.password_hash.reveal()
    if answers.ask:
        password = first_password.root_hash(host.read("etc/shadow"))
    first_password.write_hash(host, password)
    if answers.ask and password is None:
        host.write(first_password.WANTED, "", 0o600)
    else:
        host.path(first_password.WANTED).unlink(missing_ok=True)
    folder = host.path("root/.ssh")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys = config_files.with_block(host.read("root/.ssh/authorized_keys"), answers.ssh_keys)
    host.write("root/.ssh/authorized_keys", keys, 0o600)


def ssh(host: Host) -> None:
    """Enable or disable the SSH server. Early, because its start waits for this step."""
    wanted = host.answers.ssh
    state = host.run(["systemctl", "is-enabled", "ssh.service"], check=False).output.strip()
    if wanted == "off":
        host.run(["systemctl", "disable", *SSH_UNITS], check=state == "enabled", timeout=SERVICE_SECONDS)
        # Its start is already queued in this boot; a stop job replaces it.
        host.run(["systemctl", "stop", *SSH_UNITS], timeout=SERVICE_SECONDS)
    elif state != "enabled":
        host.run(["systemctl", "enable", "ssh.service"], timeout=SERVICE_SECONDS)
