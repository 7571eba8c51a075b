"""Requirements of scenarios in addition to QEMU, checked before anything starts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import BASE_ENVIRONMENT

ALWAYS = ("qemu-system-x86_64", "qemu-img", "setpriv", "mformat", "mke2fs", "debugfs", "sgdisk", "openssl", "ssh", "ssh-keygen")
LAB = ("ip", "dnsmasq", "ping")
"""Programs for a lab network, which also needs root."""
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
    "mformat": "mtools",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
    "sgdisk": "gdisk",
    "openssl": "openssl",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "dnsmasq": "dnsmasq-base",
    "nginx": "nginx-light",
    "tgtd": "tgt",
    "tgtadm": "tgt",
    "ping": "iputils-ping",
    "curl": "curl",
}
"""Debian's package for each program; the preparation installs all of them."""
Find = Callable[[str], str | None]


def find(program: str) -> str | None:
    """Return the path of a program in the folders that commands are run with, which a user's own PATH may lack."""
    return shutil.which(program, path=BASE_ENVIRONMENT["PATH"])


def missing(programs: Iterable[str], find: Find = find) -> list[str]:
    """Return the programs that are not installed, in their order."""
    return [program for program in dict.fromkeys(programs) if not find(program)]


def check(programs: Iterable[str], *, lab: bool, root: bool | None = None, find: Find = find) -> None:
    """Check that all requirements are met.

    :param programs: those that the selected scenarios need in addition to QEMU's.
    :param lab: whether one of them makes a lab network.
    :param root: whether this process is root; None: find out.
    :raises UserError: when something is missing, naming all of it.
    """
    lacking = missing([*ALWAYS, *programs], find)
    if lacking:
        packages = sorted({PACKAGES.get(program, program) for program in lacking})
        first = "run: make prepare, or: " if set(lacking) <= set(PACKAGES) else ""
        raise UserError(
            f"the selected scenarios need programs that are not installed: {', '.join(lacking)}",
            f"{first}apt-get install {' '.join(packages)}",
        )
    if lab and not (os.geteuid() == 0 if root is None else root):
        raise UserError("the selected scenarios make lab networks, which needs root", "run as root, or select others by name")
    if lab and not Path("/dev/net/tun").exists():
        raise UserError("the selected scenarios need /dev/net/tun, which is missing", "load the kernel module: modprobe tun")
