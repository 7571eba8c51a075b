"""Which paths of a host have a rule of their own: carried, recreated, shared, dropped (pure).

Everything else that a host changed is its administrator's own, see :mod:`upgrade.state.plan`.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from fnmatch import fnmatchcase

from firstboot.step_records import FOLDER as RECORDS
from firstboot.steps.steps import STEPS


class Verdict(StrEnum):
    """What becomes of a path of the old overlay."""

    CARRIED = "carried"
    RECREATED = "recreated"
    SHARED = "shared"
    OWN = "administrator's own"
    CONFLICT = "conflict"
    MERGED = "merged"
    DROPPED = "dropped"


SHARED = (
    "var/log",
    "var/lib/ganeti",
    "var/lib/dom0kit/pool",
    "var/lib/xen",
    "etc/xen/auto",
    "etc/xen/guests",
    "srv/ganeti",
)
"""Folders of ``state/common`` that all images of a host mount: a list of the same paths is in the initramfs's script
``dom0kit-shared``, and a test compares the two."""

NETPLAN = "etc/netplan/50-dom0kit.yaml"
DISKS_AND_PATHS = (
    "etc/multipath",
    "etc/lvm/devices",
    "etc/lvm/backup",
    "etc/lvm/archive",
    "etc/lvm/lvmlocal.conf",
    "etc/mdadm/mdadm.conf",
    "var/lib/iscsi",
)
"""How a host finds its disks."""
_CARRIED = {
    "the host's answers, and what dom0kit keeps of it": ("etc/dom0kit", "var/lib/dom0kit"),
    "the host's identity": (
        "etc/machine-id",
        "etc/ssh/ssh_host_*",
        "etc/iscsi",
        "etc/nvme",
        "etc/adjtime",
        "etc/openvswitch/system-id.conf",
    ),
    "root's keys and known hosts": ("root/.ssh",),
    "the host's disks and paths": DISKS_AND_PATHS,
    "bridges and bonds, those made by hand too; first boot compares them with host.json": ("var/lib/openvswitch",),
    "what services keep": ("var/lib", "var/log", "var/mail"),
    "set by first boot, or by hand after it": (
        "etc/hostname",
        "etc/localtime",
        "etc/timezone",
        "etc/default/keyboard",
        "etc/chrony/sources.d/dom0kit.sources",
        "etc/apt/apt.conf.d/50dom0kit-proxy",
    ),
}
_RECREATED = {
    "first boot makes it from host.json": (
        NETPLAN,
        "etc/systemd/network/10-netplan-*.network.d/50-dom0kit.conf",
        "var/lib/dom0kit/confirmed.json",
        "var/lib/dom0kit/guest",
    ),
    "first boot copies it from the image in a pool": ("etc/cron.d/ganeti",),
}
_DROPPED = {
    "part of the image": ("usr", "boot", "bin", "sbin", "lib", "lib32", "lib64", "vmlinuz*", "initrd.img*"),
    "part of the image's packages": (
        "var/lib/dpkg",
        "var/lib/apt",
        "var/lib/ucf",
        "var/lib/pam",
        "var/lib/python",
        "var/lib/systemd/catalog",
        "var/lib/systemd/deb-systemd-helper-*",
        "var/lib/systemd/deb-systemd-user-helper-*",
        "var/lib/shells.state",
        "var/lib/grub",
    ),
    "made again where it is needed": (
        "var/cache",
        "etc/ld.so.cache",
        "etc/.updated",
        "var/.updated",
        "etc/.pwd.lock",
        "var/lib/systemd/random-seed",
        "etc/.#*",
        "var/lib/openvswitch/.*",
    ),
    "a copy that a tool left of an account file": tuple(
        f"etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")
    ),
    "temporary": ("tmp", "var/tmp", "run", "dev", "proc", "sys"),
}
_OWN = ("usr/local",)
"""Below a path with a rule, and without it."""
_KEPT_RECORDS = frozenset(step.name for step in STEPS if step.kept)


def rule(path: str, shared: Collection[str] = ()) -> tuple[Verdict, str] | None:
    """Return the rule of a path with its reason; None for what is the administrator's own.

    :param shared: the folders that are in ``state/common``.
    """
    if (found := _record(path)) is not None:
        return found
    for folder in shared:
        if path == folder or path.startswith(f"{folder}/"):
            return Verdict.SHARED, f"both images use state/common/{folder}"
    if _matches(path, _OWN):
        return None
    for verdict, table in ((Verdict.RECREATED, _RECREATED), (Verdict.DROPPED, _DROPPED), (Verdict.CARRIED, _CARRIED)):
        for reason, patterns in table.items():
            if _matches(path, patterns):
                return verdict, reason
    return None


def _matches(path: str, patterns: Collection[str]) -> bool:
    """Return whether the path or a folder above it matches a pattern; ``*`` matches within one name."""
    parts = path.split("/")
    for pattern in patterns:
        words = pattern.split("/")
        if len(parts) >= len(words) and all(fnmatchcase(part, word) for part, word in zip(parts, words, strict=False)):
            return True
    return False


def _record(path: str) -> tuple[Verdict, str] | None:
    """Return the rule of a first-boot step's record."""
    folder, _, name = path.rpartition("/")
    if folder != RECORDS:
        return None
    if name.endswith(".error.json") or name == ".lock":
        return Verdict.DROPPED, "of this boot"
    step, dot, kind = name.rpartition(".")
    if not dot or kind != "json":
        return None
    if step in _KEPT_RECORDS:
        return Verdict.CARRIED, f"first boot does not repeat the step {step}"
    return Verdict.RECREATED, f"first boot repeats the step {step} on the new image"
