"""Images whose system fails in a certain way: a script in their initramfs prepares it before the root is mounted."""

from __future__ import annotations

from dom0kit.linux import cpio
from qa.scenario import Scenario
from qa.vm import media

SCRIPTS = "scripts/init-premount"
"""A folder of initramfs-tools(7) that runs before the root is mounted; what it writes below /run reaches the system."""
UNITS = "/run/systemd/system"
NO_NETWORK = f"mkdir -p {UNITS} && ln -s /dev/null {UNITS}/systemd-networkd.service"
"""No daemon configures the network: it is masked (systemd.unit(5))."""
NO_XENSTORED = (
    f"mkdir -p {UNITS}/xen.service.d && printf '[Service]\\nExecStartPre=/bin/false\\n' >{UNITS}/xen.service.d/90-broken.conf"
)
"""Xen's daemons do not start."""
HANG = (
    f"mkdir -p {UNITS}/basic.target.wants && ln -s ../hang.service {UNITS}/basic.target.wants/hang.service && printf "
    "'[Unit]\\nDefaultDependencies=no\\nAfter=sysinit.target\\n[Service]\\nType=oneshot\\nExecStart=/bin/kill -SEGV 1\\n' "
    f">{UNITS}/hang.service"
)
"""The service manager crashes early in the boot and hangs, as systemd does after a fault of its own (systemd(1))."""


def with_script(scenario: Scenario, command: str) -> dict[str, bytes]:
    """Return the initramfs of the run's image with a command that it runs at its start, as content of a broken image.

    :param command: for the shell of the initramfs (busybox).
    """
    whole = media.extract(scenario.settings.iso, "/dom0kit/initrd.img", scenario.work / "whole-initrd.img")
    files = {
        f"{SCRIPTS}/ORDER": f'/{SCRIPTS}/broken "$@"\n',
        f"{SCRIPTS}/broken": f'#!/bin/sh\n[ "$1" != prereqs ] || exit 0\n{command}\n',
    }
    extra = cpio.archive(files, 0, {f"{SCRIPTS}/broken": 0o755})
    return {"initrd.img": cpio.padded(whole.read_bytes()) + extra}
