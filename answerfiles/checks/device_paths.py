"""Device paths that can be a disk to install on, and those that never are (pure)."""

from __future__ import annotations

import re
from contextvars import ContextVar

LOOPS_ALLOWED: ContextVar[bool] = ContextVar("LOOPS_ALLOWED", default=False)
"""Whether loop devices may be targets: for ``dom0kit install --allow-loop``, by which the installer itself is tested."""
LOOP = r"/dev/loop\d+"
NEVER = (
    (r"/dev/(?:(?:s|v|xv|h)d[a-z]+\d+|(?:nvme\d+(?:c\d+)?n\d+|mmcblk\d+|md\d+|nbd\d+|cciss/c\d+d\d+)p\d+)", "a partition"),
    (r"/dev/.*-part\d+", "a partition"),
    (r"/dev/disk/by-part(?:uuid|label)/.*", "a partition"),
    (r"/dev/disk/by-(?:uuid|label)/.*", "a file system"),
    (r"/dev/(?:loop|ram|zram)\d*", "a device of the kernel's memory or of a file"),
    (r"/dev/loop-control", "a device of the kernel's memory or of a file"),
    (r"/dev/(?:sr|scd|fd|st|nst|sg)\d+", "a drive for media, or no disk at all"),
    (r"/dev/(?:cdrom|dvd|cdrw|dvdrw|null|zero|full|random|urandom|console|tty\w*|kmsg|mem|core|std(?:in|out|err))", "no disk"),
    (r"/dev/(?:md\d+|md/.*|md_d\d+)", "a software RAID that nothing keeps; a pair of disks is target.mirror"),
    (r"/dev/disk/by-id/md-.*", "a software RAID that nothing keeps; a pair of disks is target.mirror"),
    (
        r"/dev/(?:disk/by-id/(?:lvm|dm-uuid-LVM)-.*|mapper/(?:control|luks-.*)|disk/by-id/dm-uuid-CRYPT-.*)",
        "a volume, not a disk",
    ),
    (r"/dev/nvme\d+|/dev/nvme-fabrics", "a controller, not a disk of it"),
    (r"/dev(?:/disk(?:/by-[a-z]+)?|/mapper|/block|/cciss)?/?|.*/", "a folder"),
    (r"/dev/(?:iscsi|nfs|rbd):?.*:.*", "no device; an iSCSI target belongs under san.iscsi.portals"),
    (r"/dev/[^/]*[A-Z:@+][^/]*", "a name that the kernel gives to no disk"),
)
"""Patterns of whole paths, and what such a path is."""
WWN_PREFIXES = ("wwn-", "0x", "naa.", "eui.", "nvme.", "uuid.", "t10.")
"""What tools write before a world wide name, in the order in which they may follow each other."""
TRANSPORTS = {"nvme": {"nvme"}, "vd": {"virtio"}, "sd": {"sata", "ata", "sas", "scsi", "fc", "iscsi", "usb"}}
"""Transports that disks with a kernel name can have."""


def never_a_disk(path: str) -> str:
    """Return what a path is when it is never a disk to install on; "" otherwise."""
    if LOOPS_ALLOWED.get() and re.fullmatch(LOOP, path):
        return ""
    return next((what for pattern, what in NEVER if re.fullmatch(pattern, path)), "")


def wwn_of_path(path: str) -> str:
    """Return the world wide name that a path below ``/dev/disk/by-id`` contains, in the form of :func:`plain_wwn`; or ""."""
    match = re.fullmatch(r"/dev/disk/by-id/(?:wwn-|nvme-(?=eui\.))(\S+)", path)
    return plain_wwn(match[1]) if match else ""


def plain_wwn(text: str) -> str:
    """Return a world wide name without the prefixes of tools (lsblk: 0x5000c500a1b2c3d4, sysfs: naa.5000c500a1b2c3d4)."""
    lower = text.strip().lower()
    for prefix in WWN_PREFIXES:
        lower = lower.removeprefix(prefix)
    return lower


def plain_path(path: str) -> str:
    """Return a path without doubled slashes and dots."""
    return re.sub(r"/(?:\.?/)+", "/", path)


def transport_fault(path: str, transport: str) -> str:
    """Return why a disk with this path does not have this transport; "" when it can."""
    match = re.fullmatch(r"/dev/(nvme|vd|sd)\w+", path)
    if match is None or not transport or transport in TRANSPORTS[match[1]]:
        return ""
    return f"{path} is {' or '.join(sorted(TRANSPORTS[match[1]]))}"
