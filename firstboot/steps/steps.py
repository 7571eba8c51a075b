"""What an installed host does to become itself: the ordered steps. Each may run again at any time."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from dom0kit.errors import UserError
from dom0kit.fs import link_atomic
from dom0kit.linux.host_initramfs import INITIATOR
from dom0kit.process import COMMAND_SECONDS
from firstboot import config_files
from firstboot.gettys_and_keyboard import consoles, keyboard
from firstboot.host import Host
from firstboot.network.apply import SERVICE_SECONDS, address, network
from firstboot.pool.steps import SECRETS, pool, toolstack
from firstboot.retry import Backoff
from firstboot.user_scripts import scripts

SSH_UNITS = ("ssh.service", "ssh.socket")
HOST_KEYS = ("ecdsa", "ed25519")
"""Types of the keys by which SSH clients know a host (ssh-keygen(1), ``-t``), fast to make. ecdsa is also what the hosts of a
pool share, and what clients limited to FIPS 140 take. The search for an RSA key's primes takes longer than all else of a step;
where Ganeti wants one it makes it (:mod:`pool.ganeti.create`).
"""
POOL_PAUSE_SECONDS = 15.0
"""Pause before the second try to make or join the pool; doubled for each further one, up to 5 min.

Kind: pace. Reason: the pool's master may be starting, and a try costs it a log-in. Expiry: the next try.
"""
SCRIPTS_PAUSE_SECONDS = 30.0
"""Pause before the second try of the user's scripts; doubled for each further one.

Kind: pace. Reason: a script may change much before it fails. Expiry: the next try.
"""
SCRIPTS_LONGEST_PAUSE_SECONDS = 1800.0
"""Pause between two tries of scripts that fail again and again.

Kind: pace. Reason: as for the first pause. Expiry: the next try.
"""


USUALLY = Backoff()


@dataclass(frozen=True)
class Step:
    """One step.

    :param function: does it, and raises when it cannot: :class:`firstboot.retry.NotAgain` when another try is useless until
        somebody has done something. It does nothing that is done already, and may be cut off at any moment.
    :param needs: the steps without which this one makes no sense.
    :param answers: the parts of ``host.json`` that it depends on; when they change it runs again.
    :param early: logins and SSH wait for its first try.
    :param always: it runs once in every boot, and again when a step that it needs ran.
    :param retry: how it is tried again by itself when it failed; None: only when a person asks, or at the next start.
    :param secrets: paths in ``host.json``, such as ``pool.join.token``, that are of no use once it is done: a mask takes their
        place then. They do not count among ``answers``. The step reads them by ``host.secret(path)``, which is None
        afterwards: when it runs again all the same, it must find out by itself that it has nothing to do.
    :param unread: secrets of other steps among its ``answers``, which do not count for it either: they are masked after it ran.
    """

    name: str
    function: Callable[[Host], None]
    needs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    early: bool = False
    always: bool = False
    retry: Backoff | None = USUALLY
    secrets: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def not_counted(self) -> tuple[str, ...]:
        """Paths in ``host.json`` that the step does not depend on, though it does on what is around them."""
        return (*self.secrets, *self.unread)


def identity(host: Host) -> None:
    """What no two hosts may share: machine id, SSH host keys, iSCSI and NVMe names."""
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
        raise UserError("/etc/machine-id holds no machine id", "look into the journal of this boot: journalctl -b")


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
    # A power cut may come at any moment: the key gets its name when it is whole, behind its public part.
    new = path.with_name(f".{path.name}.0.new")
    for part in (new, new.with_name(f"{new.name}.pub")):
        part.unlink(missing_ok=True)
    host.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{host.name}", "-f", str(new)])
    if not new.exists():
        raise UserError(f"ssh-keygen made no {path.name} in /etc/ssh", "is there space left? df /")
    new.with_name(f"{new.name}.pub").rename(path.with_name(f"{path.name}.pub"))
    new.rename(path)


def name(host: Host) -> None:
    """The host's name, for the kernel and in ``/etc/hosts``."""
    answers = host.answers
    host.write("etc/hostname", answers.host_name + "\n")
    kernel = host.path("proc/sys/kernel/hostname")
    if kernel.exists():
        kernel.write_text(answers.host_name)
    management = answers.network.management
    fixed = [str(value.address.ip) for value in (management.ipv4, management.ipv6) if not isinstance(value, str)]
    host.write("etc/hosts", config_files.hosts_text(host.read("etc/hosts"), answers.host_name, fixed[0] if fixed else None))


def root(host: Host) -> None:
    """How root logs in: password and SSH keys. Without a password, and with ``lock``, no password fits."""
    answers = host.answers.root
    password = None if answers.password_hash is None else answers.password_hash.reveal()
    host.write("etc/shadow", config_files.shadow_text(host.read("etc/shadow"), password, int(time.time() // 86400)), 0o640)
    group = config_files.group_id(host.read("etc/group"), "shadow")
    if group is not None and host.path("etc/shadow").stat().st_gid != group:
        os.chown(host.path("etc/shadow"), -1, group)
    folder = host.path("root/.ssh")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    keys = config_files.with_block(host.read("root/.ssh/authorized_keys"), answers.ssh_keys)
    host.write("root/.ssh/authorized_keys", keys, 0o600)


def clock(host: Host) -> None:
    """Time zone and time servers. Early, for chrony's start waits until they are settled: it would be started twice."""
    answers = host.answers.time
    if not host.path(f"usr/share/zoneinfo/{answers.zone}").is_file():
        raise UserError(f"this image knows no time zone {answers.zone}", "see /usr/share/zoneinfo for those it knows")
    link_atomic(host.path("etc/localtime"), f"/usr/share/zoneinfo/{answers.zone}")
    host.write("etc/timezone", answers.zone + "\n")
    config = config_files.chrony_config(host.read("etc/chrony/chrony.conf"), own_servers=bool(answers.ntp))
    changed = host.write("etc/chrony/chrony.conf", config)
    changed |= host.write("etc/chrony/sources.d/dom0kit.sources", config_files.chrony_sources(answers.ntp))
    if changed:
        host.run(["systemctl", "--no-block", "try-restart", "chrony.service"])


def storage(host: Host) -> None:
    """The guests' volume group is there."""
    if (group := host.answers.volume_group()) is not None:
        hint = "is the disk with the guests' partition there? lsblk; pvs"
        host.run(["vgs", "--noheadings", "--options", "vg_name", group], timeout=COMMAND_SECONDS, hint=hint)


def ssh(host: Host) -> None:
    """Are there log-ins over the network? Early, for the SSH server's start waits until this is settled."""
    wanted = host.answers.ssh
    state = host.run(["systemctl", "is-enabled", "ssh.service"], check=False).output.strip()
    if wanted == "off":
        host.run(["systemctl", "disable", *SSH_UNITS], check=state == "enabled", timeout=SERVICE_SECONDS)
        # Its start is under way already in this boot; a stop takes the place of it.
        host.run(["systemctl", "stop", *SSH_UNITS], timeout=SERVICE_SECONDS)
    elif state != "enabled":
        host.run(["systemctl", "enable", "ssh.service"], timeout=SERVICE_SECONDS)


def services(host: Host) -> None:
    """What a host is for runs: SSH unless the answers say off, and Xen's daemons when Xen is below."""
    units = [] if host.told.get("ssh") == "off" else ["ssh.service"]
    if host.on_xen:
        units.append("xen.service")
    else:
        host.warnings.append("this host runs without Xen")
    if units:
        host.run(["systemctl", "start", *units], timeout=SERVICE_SECONDS, hint=f"systemctl status {' '.join(units)}")


def confirm(host: Host) -> None:
    """Everything above is done: say so on the disk, for this version of the image."""
    os.sync()
    value = {"version": host.version, "time": round(time.time(), 3)}
    host.write("var/lib/dom0kit/confirmed.json", json.dumps(value, sort_keys=True) + "\n")


_ALL = (
    Step("identity", identity, early=True),
    Step("name", name, answers=("host_name", "network"), early=True),
    Step("root", root, answers=("root",), early=True),
    Step("ssh", ssh, answers=("ssh",), early=True),
    Step("consoles", consoles, answers=("serial_console",), early=True),
    Step("time", clock, answers=("time",), early=True),
    Step("keyboard", keyboard, answers=("keyboard",)),
    Step("network", network, answers=("network",)),
    Step("storage", storage, answers=("guests",)),
    Step("address", address, needs=("name", "network"), always=True),
    Step("services", services, needs=("identity", "ssh"), always=True),
    Step(
        "toolstack",
        toolstack,
        needs=("storage", "network", "address", "services", "time"),
        answers=("pool",),
        unread=SECRETS,
        always=True,
    ),
    Step("pool", pool, needs=("toolstack",), answers=("pool",), retry=Backoff(POOL_PAUSE_SECONDS), secrets=SECRETS),
    Step(
        "scripts",
        scripts,
        needs=("network", "services"),
        answers=("scripts",),
        retry=Backoff(SCRIPTS_PAUSE_SECONDS, SCRIPTS_LONGEST_PAUSE_SECONDS),
    ),
)
STEPS = (*_ALL, Step("confirm", confirm, needs=tuple(step.name for step in _ALL)))
