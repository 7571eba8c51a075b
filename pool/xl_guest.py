"""Configuration of the test guest for ``xl`` without a pool (xl.cfg(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pool import trial_guest

if TYPE_CHECKING:
    from pool.host_access import ManagedHost


def config(name: str, host: ManagedHost, address: str | None) -> str:
    """Return the guest's configuration; it has no disk.

    :param address: with its prefix length; None: by DHCP.
    """
    bridge = host.bridge if host.vlan is None else f"{host.bridge}.{host.vlan}"
    values = {
        "name": name,
        "type": "pv",
        "kernel": trial_guest.KERNEL,
        "ramdisk": trial_guest.INITRAMFS,
        "cmdline": trial_guest.arguments(name, address),
        "on_crash": "destroy",
    }
    lines = [f'{key} = "{value}"' for key, value in values.items()]
    lines += [f"memory = {trial_guest.MEMORY}", "vcpus = 1", f'vif = ["bridge={bridge},script=vif-openvswitch"]']
    return "\n".join(lines) + "\n"
