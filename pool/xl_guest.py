"""The tiny guest for ``xl`` alone (xl.cfg(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pool import trial_guest

if TYPE_CHECKING:
    from pool.host_access import Member


def config(name: str, member: Member, address: str | None) -> str:
    """The guest's configuration; it has no disk."""
    bridge = member.bridge if member.vlan is None else f"{member.bridge}.{member.vlan}"
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
