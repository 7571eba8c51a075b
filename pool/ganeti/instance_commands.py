"""Commands for the test guest (:mod:`pool.trial_guest`) in a Ganeti pool, as pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from pool import trial_guest

SYSTEM = "dom0kit-guest"
"""Folder in /usr/share/ganeti/os; Ganeti creates no guest without one."""
DISK = "64M"
STOP_SECONDS = 30
"""Let a test guest shut down before it is destroyed.

Kind: configured. Reason: the guest holds no data. Expiry: Ganeti destroys it.
"""


@dataclass(frozen=True)
class Wanted:
    """A guest to create.

    :param host: the host to run it on.
    :param partner: the host with the mirror of its disk; None: an unmirrored disk.
    :param bridge: of the management network.
    :param address: with its prefix length; None: by DHCP.
    :param vlan: of the management network; None for untagged.
    """

    name: str
    host: str
    bridge: str
    address: str | None
    vlan: int | None = None
    partner: str | None = None


def add_command(wanted: Wanted) -> list[str]:
    """Return ``gnt-instance add``, which also starts the guest; its OS definition installs nothing."""
    network = f"0:mode=openvswitch,link={wanted.bridge}" + ("" if wanted.vlan is None else f",vlan=.{wanted.vlan}")
    hypervisor = {
        "kernel_path": trial_guest.KERNEL,
        "initrd_path": trial_guest.INITRAMFS,
        "root_path": "/dev/ram0",
        "kernel_args": trial_guest.arguments(wanted.name, wanted.address),
    }
    nodes = wanted.host if wanted.partner is None else f"{wanted.host}:{wanted.partner}"
    return [
        "gnt-instance", "add",
        f"--disk-template={'plain' if wanted.partner is None else 'drbd'}", "--disk", f"0:size={DISK}",
        f"--node={nodes}", f"--os-type={SYSTEM}", "--no-name-check", "--no-ip-check", "--no-wait-for-sync",
        "--backend-parameters", f"memory={trial_guest.MEMORY},vcpus=1",
        "--hypervisor-parameters", "xen-pvm:" + ",".join(f"{key}={value}" for key, value in hypervisor.items()),
        "--net", network,
        wanted.name,
    ]  # fmt: skip


def remove_command(name: str) -> list[str]:
    """Return the command that stops a guest and removes it with its disks."""
    return ["gnt-instance", "remove", "--force", f"--shutdown-timeout={STOP_SECONDS}", name]


def list_command() -> list[str]:
    """Return the command that lists the names of all guests."""
    return ["gnt-instance", "list", "--no-headers", "--output=name"]
