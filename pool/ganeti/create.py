"""A new pool with this host as its first."""

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
from pool.ganeti.cleanup import forget_pool, left_overs
from pool.ganeti.daemons import MAKING
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import read_ssconf

if TYPE_CHECKING:
    from pool.host_access import Member, Place

INIT_SECONDS = 7200
"""Make a pool with gnt-cluster init.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the step `pool` fails and is tried again.
"""
KERNEL = "/run/dom0kit/image/vmlinuz"
RSA_HOST_KEY = "etc/ssh/ssh_host_rsa_key.pub"
SHARED = "/srv/ganeti/shared-file-storage"
LIMITS = {
    "min": {"cpu-count": 1, "disk-count": 0, "disk-size": 1, "memory-size": 16, "nic-count": 0, "spindle-use": 1},
    "max": {
        "cpu-count": 128, "disk-count": 16, "disk-size": 2**26, "memory-size": 2**22, "nic-count": 8, "spindle-use": 64,
    },
}  # fmt: skip
"""The instance policy, sizes in MiB. Ganeti's own refuses disks below 1 GiB, memory above 32 GiB and diskless guests."""


@dataclass(frozen=True)
class NewPool:
    """What the pool shall be.

    :param address: its own address; None: its name is resolved.
    """

    name: str
    address: str | None = None


def mac_prefix(pool: str) -> str:
    """The first three bytes of guests' MAC addresses, locally administered, another one for each pool name: two pools in one
    network with Ganeti's fixed default would give the same addresses to their guests."""
    digest = hashlib.sha256(pool.encode()).digest()
    return f"aa:{digest[0]:02x}:{digest[1]:02x}"


def bounds(limits: Mapping[str, Mapping[str, int]]) -> str:
    """The words of ``--ipolicy-bounds-specs`` (gnt-cluster(8))."""
    return "/".join(f"{end}:" + ",".join(f"{key}={value}" for key, value in specs.items()) for end, specs in limits.items())


def init_command(pool: NewPool, member: Member, group: str | None) -> list[str]:
    """``gnt-cluster init`` (gnt-cluster(8)); it starts the daemons by their units."""
    templates = ["plain", "drbd", "sharedfile"] if group else ["sharedfile"]
    hypervisor = {"kernel_path": KERNEL, "vif_script": "/etc/xen/scripts/vif-openvswitch", "migration_mode": "live"}
    lvm = [f"--vg-name={group}", "--drbd-usermode-helper=/bin/true"] if group else []
    return [
        *("gnt-cluster", "init", "--enabled-hypervisors=xen-pvm", *lvm),
        f"--master-netdev={member.port}",
        "--nic-parameters", f"mode=openvswitch,link={member.bridge}",
        f"--enabled-disk-templates={','.join(templates)}",
        f"--shared-file-storage-dir={SHARED}",
        "--hypervisor-parameters", "xen-pvm:" + ",".join(f"{key}={value}" for key, value in hypervisor.items()),
        f"--mac-prefix={mac_prefix(pool.name)}",
        f"--ipolicy-bounds-specs={bounds(LIMITS)}",
        "--default-iallocator=hail",
        "--no-etc-hosts",
        pool.name,
    ]  # fmt: skip


def create(place: Place, member: Member, pool: NewPool) -> None:
    """Make the pool, or bring one that was cut off in the making to its end.

    :raises UserError: when this host is in another pool, has no address, or Ganeti refuses.
    """
    there = read_ssconf(place)
    if there is not None and not place.path(MAKING).exists():
        if there.pool != pool.name:
            raise UserError(f"this host is in the pool {there.pool} already", "take it out first: dom0ctl pool leave")
        daemons.start(place, there)
        return
    if place.path(MAKING).exists():
        forget_pool(place)
    elif found := left_overs(place):
        raise UserError(
            f"/var/lib/ganeti holds a pool that is not whole: {', '.join(found[:5])}", "dom0ctl pool leave removes it"
        )
    address = own_address(place, member, pool)
    group = daemons.volume_group(place, member)
    place.write(MAKING, json.dumps({"pool": pool.name}) + "\n", 0o600)
    write_hosts(place, {pool.name: address})
    place.path(SHARED.lstrip("/")).mkdir(parents=True, exist_ok=True)
    rapi.give_user(place)
    give_rsa_host_key(place)
    place.run(init_command(pool, member, group), timeout=INIT_SECONDS, hint="see /var/log/ganeti/commands.log")
    os.sync()
    place.path(MAKING).unlink()
    write_hosts(place)
    if (made := read_ssconf(place)) is not None:
        daemons.start(place, made)


def give_rsa_host_key(place: Place) -> None:
    """Make the RSA host key that gnt-cluster init asks for, and that hosts which join get from here; first boot makes none."""
    if not place.path(RSA_HOST_KEY).exists():
        place.run(["ssh-keygen", "-A"], timeout=COMMAND_SECONDS)
        # Ganeti's known_hosts names this key alone.
        place.run(["systemctl", "try-reload-or-restart", "ssh.service"], timeout=daemons.SERVICE_SECONDS)


def own_address(place: Place, member: Member, pool: NewPool) -> str:
    """The pool's address.

    :raises UserError: when nobody knows it, or it cannot be the pool's.
    """
    if member.address is None:
        raise UserError(f"{member.port} has no IPv4 address, which a pool needs", f"networkctl status {member.port}")
    address = pool.address or resolved(place, pool.name)
    if not address:
        raise UserError(
            f"no address is known for the pool {pool.name}",
            "give it one of its own in the management network, pool.create.address, or a name in the DNS",
        )
    if ipaddress.ip_address(address).version != 4:
        raise UserError(f"the pool's address {address} is not IPv4", "Ganeti's pools here are IPv4; give pool.create.address one")
    if address == member.address:
        raise UserError(f"the pool's address {address} is this host's own", "it must be a free one: it moves to the next master")
    return address


def resolved(place: Place, name: str) -> str:
    """A name's first IPv4 address, as the system knows it; empty without one."""
    words = place.run(["getent", "ahostsv4", name], check=False, timeout=COMMAND_SECONDS).output.split()
    return words[0] if words else ""
