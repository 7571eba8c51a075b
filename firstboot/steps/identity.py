"""First-boot steps ``identity`` and ``name``: what no two hosts may share."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.linux.host_initramfs import INITIATOR
from firstboot import config_files

if TYPE_CHECKING:
    from firstboot.host import Host

HOST_KEYS = ("ecdsa", "ed25519")
"""Types of the SSH host keys (ssh-keygen(1), ``-t``), which are fast to generate.

ecdsa is also shared by the hosts of a pool, and accepted by clients limited to FIPS 140. Finding
the primes of an RSA key takes longer than everything else in the step; Ganeti's driver creates one
where it is needed (:mod:`pool.ganeti.create`).
"""


def identity(host: Host) -> None:
    """Create the machine ID, SSH host keys, and iSCSI and NVMe names."""
    _machine_id(host)
    _ssh_host_keys(host)
    if not config_files.has_initiator(host.read(INITIATOR)):
        host.write(INITIATOR, config_files.initiator_text(os.urandom(6)), 0o600)
    if not host.read("etc/nvme/hostid").strip() or not host.read("etc/nvme/hostnqn").strip():
        identifier = str(uuid.uuid4())
        host.path("etc/nvme").mkdir(parents=True, exist_ok=True)
        host.write("etc/nvme/hostid", identifier + "\n")
        host.write("etc/nvme/hostnqn", f"nqn.2014-08.org.nvmexpress:uuid:{identifier}\n")


def _machine_id(host: Host) -> None:
    # systemd has chosen the id by now. When it could not write /etc at that moment, the file is a mount over the
    # real one, and --commit puts the same id on the disk.
    path = host.path("etc/machine-id")
    if os.path.ismount(path):
        host.run(["systemd-machine-id-setup", "--commit"])
    elif not config_files.is_machine_id(host.read("etc/machine-id")):
        host.run(["systemd-machine-id-setup"])
    if not config_files.is_machine_id(host.read("etc/machine-id")):
        raise UserError("/etc/machine-id contains no machine ID", "read the journal of this boot: journalctl -b")


def _ssh_host_keys(host: Host) -> None:
    folder = host.path("etc/ssh")
    for key in folder.glob("ssh_host_*_key"):
        # A key that is there stays, and a power cut may leave an empty one.
        if key.stat().st_size == 0:
            key.unlink()
            key.with_name(key.name + ".pub").unlink(missing_ok=True)
    for kind in HOST_KEYS:
        _ssh_host_key(host, kind)


def _ssh_host_key(host: Host, kind: str) -> None:
    path = host.path(f"etc/ssh/ssh_host_{kind}_key")
    if path.exists():
        return
    # A power cut may come at any moment: the key gets its name when it is complete, after its public part.
    new = path.with_name(f".{path.name}.0.new")
    for part in (new, new.with_name(f"{new.name}.pub")):
        part.unlink(missing_ok=True)
    host.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{host.name}", "-f", str(new)])
    if not new.exists():
        raise UserError(f"ssh-keygen did not create /etc/ssh/{path.name}", "check for free space: df /")
    new.with_name(f"{new.name}.pub").rename(path.with_name(f"{path.name}.pub"))
    new.rename(path)


def name(host: Host) -> None:
    """Set the host's name, in the kernel and in ``/etc/hosts``."""
    answers = host.answers
    host.write("etc/hostname", answers.host_name + "\n")
    kernel = host.path("proc/sys/kernel/hostname")
    if kernel.exists():
        kernel.write_text(answers.host_name)
    management = answers.network.management
    fixed = [str(value.address.ip) for value in (management.ipv4, management.ipv6) if not isinstance(value, str)]
    host.write("etc/hosts", config_files.hosts_text(host.read("etc/hosts"), answers.host_name, fixed[0] if fixed else None))
