"""Create a pool with this host as its first member."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS
from pool.ganeti import daemons, rapi
from pool.ganeti.cleanup import leftover_files, remove_pool_files
from pool.ganeti.daemons import CREATING
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess, ManagedHost

INIT_SECONDS = 7200
"""Create a pool with gnt-cluster init.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the step `pool`
fails and is retried.
"""
KERNEL = "/run/dom0kit/image/vmlinuz"
RSA_HOST_KEY = "etc/ssh/ssh_host_rsa_key.pub"
CANDIDATES = 3
"""Hosts that have the pool's whole configuration, and of which one is the master; Ganeti promotes others when one is
lost.
"""
SHARED = "/srv/ganeti/shared-file-storage"
LIMITS = {
    "min": {"cpu-count": 1, "disk-count": 0, "disk-size": 1, "memory-size": 16, "nic-count": 0, "spindle-use": 1},
    "max": {
        "cpu-count": 128, "disk-count": 16, "disk-size": 2**26, "memory-size": 2**22, "nic-count": 8, "spindle-use": 64,
    },
}  # fmt: skip
"""The instance policy, sizes in MiB.

Ganeti's default policy refuses disks below 1 GiB, memory above 32 GiB and diskless guests.
"""


@dataclass(frozen=True)
class NewPool:
    """Settings of a new pool.

    :param address: the pool's own address; None: the name is resolved.
    """

    name: str
    address: str | None = None


def mac_prefix(pool: str) -> str:
    """Return the first three bytes of guests' MAC addresses, derived from the pool's name.

    They are locally administered. With Ganeti's fixed default two pools in one
    network would give their guests the same addresses.
    """
    digest = hashlib.sha256(pool.encode()).digest()
    return f"aa:{digest[0]:02x}:{digest[1]:02x}"


def bounds(limits: Mapping[str, Mapping[str, int]]) -> str:
    """Return the value of ``--ipolicy-bounds-specs`` (gnt-cluster(8))."""
    return "/".join(f"{end}:" + ",".join(f"{key}={value}" for key, value in specs.items()) for end, specs in limits.items())


def init_command(pool: NewPool, host: ManagedHost, group: str | None) -> list[str]:
    """Return the ``gnt-cluster init`` command (gnt-cluster(8)), which starts the daemons' units."""
    templates = ["plain", "drbd", "sharedfile"] if group else ["sharedfile"]
    hypervisor = {"kernel_path": KERNEL, "vif_script": "/etc/xen/scripts/vif-openvswitch", "migration_mode": "live"}
    lvm = [f"--vg-name={group}", "--drbd-usermode-helper=/bin/true"] if group else []
    return [
        *("gnt-cluster", "init", "--enabled-hypervisors=xen-pvm", *lvm),
        f"--master-netdev={host.port}",
        f"--candidate-pool-size={CANDIDATES}",
        "--nic-parameters", f"mode=openvswitch,link={host.bridge}",
        f"--enabled-disk-templates={','.join(templates)}",
        f"--shared-file-storage-dir={SHARED}",
        "--hypervisor-parameters", "xen-pvm:" + ",".join(f"{key}={value}" for key, value in hypervisor.items()),
        f"--mac-prefix={mac_prefix(pool.name)}",
        f"--ipolicy-bounds-specs={bounds(LIMITS)}",
        "--default-iallocator=hail",
        "--no-etc-hosts",
        pool.name,
    ]  # fmt: skip


def create(access: HostAccess, host: ManagedHost, pool: NewPool) -> None:
    """Create the pool, or complete a creation that was interrupted.

    :raises UserError: when this host is in another pool, has no address, or Ganeti refuses.
    """
    there = read_ssconf(access)
    if there is not None and not access.path(CREATING).exists():
        if there.pool != pool.name:
            raise UserError(f"this host is already in the pool {there.pool}", "remove it first: dom0ctl pool leave")
        daemons.start(access, there)
        return
    if access.path(CREATING).exists():
        remove_pool_files(access)
    elif found := leftover_files(access):
        raise UserError(f"/var/lib/ganeti contains an incomplete pool: {', '.join(found[:5])}", "remove it: dom0ctl pool leave")
    address = own_address(access, host, pool)
    group = daemons.volume_group(access, host)
    access.write(CREATING, json.dumps({"pool": pool.name}) + "\n", 0o600)
    write_hosts(access, {pool.name: address})
    access.path(SHARED.lstrip("/")).mkdir(parents=True, exist_ok=True)
    rapi.create_user(access)
    create_rsa_host_key(access)
    access.run(init_command(pool, host, group), timeout=INIT_SECONDS, hint="read /var/log/ganeti/commands.log")
    os.sync()
    access.path(CREATING).unlink()
    write_hosts(access)
    if (made := read_ssconf(access)) is not None:
        daemons.start(access, made)


def create_rsa_host_key(access: HostAccess) -> None:
    """Create the RSA host key, which first boot does not create.

    gnt-cluster init requires it, and joining hosts get it from this host.
    """
    if not access.path(RSA_HOST_KEY).exists():
        access.run(["ssh-keygen", "-A"], timeout=COMMAND_SECONDS)
        # Ganeti's known_hosts contains only this key.
        access.run(["systemctl", "try-reload-or-restart", "ssh.service"], timeout=daemons.SERVICE_SECONDS)


def own_address(access: HostAccess, host: ManagedHost, pool: NewPool) -> str:
    """Return the pool's address.

    :raises UserError: when it is unknown or invalid.
    """
    if host.address is None:
        raise UserError(f"{host.port} has no IPv4 address, which a pool needs", f"check: networkctl status {host.port}")
    address = pool.address or resolved(access, pool.name)
    if not address:
        raise UserError(
            f"the pool {pool.name} has no address",
            "set pool.create.address to a free address in the management network, or add its name to the DNS",
        )
    if ipaddress.ip_address(address).version != 4:
        raise UserError(f"the pool's address {address} is not IPv4", "set pool.create.address to an IPv4 address")
    if address == host.address:
        raise UserError(f"the pool's address {address} is this host's own", "use a free address: it moves with the master role")
    return address


def resolved(access: HostAccess, name: str) -> str:
    """Return a name's first IPv4 address from the system's resolver; empty without one."""
    words = access.run(["getent", "ahostsv4", name], check=False, timeout=COMMAND_SECONDS).output.split()
    return words[0] if words else ""
