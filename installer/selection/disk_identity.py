"""Whether two block devices are one disk: what serial numbers and world wide names are worth (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from answerfiles.checks.device_paths import plain_wwn
from installer.model.hardware import Disk

HEX = re.compile(r"[0-9a-f]{12,}")
PLACEHOLDERS = re.compile(
    r"none|n/?a|null|unknown|default[ _]?string|to[ _]be[ _]filled.*|not[ _]specified|serial([ _]?number)?", re.I
)
LADDERS = ("01234567890123456789", "abcdefghijklmnopqrstuvwxyz", "0123456789abcdef0123456789abcdef")
DISTINCT_LEAST = 3
"""Different characters of a name; zeros, ones and short patterns have fewer."""
SINGLE_PORT = frozenset({"sata", "ata", "usb", "nvme", "virtio"})
"""Transports over which Linux shows one disk once; two of these are two disks, unless a valid WWN says otherwise."""


def plain_serial(text: str) -> str:
    """Return a serial number in the form in which two are compared: no case, blanks and underscores are one.

    udev replaces blanks in the names below /dev/disk/by-id, and tools differ in padding and case.
    """
    return re.sub(r"[\s_]+", "_", text.strip()).strip("_").casefold()


def is_constant(text: str) -> bool:
    """Return whether a name cannot be one device's own: empty, zeros, ones, a short pattern, or digits in their order."""
    plain = re.sub(r"[\W_]", "", text.casefold())
    return len(set(plain)) < DISTINCT_LEAST or any(plain in ladder or plain in ladder[::-1] for ladder in LADDERS)


def valid_wwn(text: str) -> str:
    """Return a WWN for comparison; "" if it cannot be a device's own.

    NAA formats 5 and 6 begin with a manufacturer's OUI, which is not zero; what follows is the device's own part (SPC-5).
    """
    wwn = plain_wwn(text)
    if is_constant(wwn):
        return ""
    if HEX.fullmatch(wwn):
        if wwn[0] in "56" and len(wwn) in (16, 32) and (wwn[1:7] == "000000" or is_constant(wwn[7:])):
            return ""
        # EUI-64 and NAA 2: the OUI comes first, or after the format's digit and four more.
        if is_constant(wwn[6:]):
            return ""
    return wwn


def valid_serial(text: str) -> str:
    """Return a serial number for comparison; "" if it cannot be a device's own."""
    serial = plain_serial(text)
    return "" if is_constant(serial) or PLACEHOLDERS.fullmatch(serial) else serial


def differ(one: Disk, other: Disk) -> bool:
    """Return whether two devices are evidently different disks."""
    return (
        one.size != other.size
        or (bool(one.model) and bool(other.model) and plain_serial(one.model) != plain_serial(other.model))
        or (_both(valid_serial(one.serial), valid_serial(other.serial)))
        or (_both(valid_wwn(one.wwn), valid_wwn(other.wwn)))
        or (_both(one.digest, other.digest))
        or (_both(_lun(one), _lun(other)) and not _same_wwn(one, other))
    )


def _both(one: str, other: str) -> bool:
    return bool(one) and bool(other) and one != other


def _same_wwn(one: Disk, other: Disk) -> bool:
    return bool(valid_wwn(one.wwn)) and valid_wwn(one.wwn) == valid_wwn(other.wwn)


def _lun(disk: Disk) -> str:
    """Return the LUN of a SCSI disk: all paths to it have the same number."""
    return disk.address.rpartition(":")[2] if disk.address else ""


def are_one(one: Disk, other: Disk) -> bool:
    """Return whether two devices are paths to one disk: the same valid WWN, and nothing that tells them apart."""
    return _same_wwn(one, other) and not differ(one, other)


def may_be_one(one: Disk, other: Disk) -> bool:
    """Return whether two devices may be paths to one disk: the same serial number only, where disks can have several paths."""
    if are_one(one, other):
        return True
    serial = valid_serial(one.serial)
    several = not ({one.transport, other.transport} & SINGLE_PORT)
    return several and bool(serial) and serial == valid_serial(other.serial) and not differ(one, other)


def twins(disk: Disk, disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """Return the other disks with the same serial number; paths of a map are no disks of their own."""
    serial = plain_serial(disk.serial)
    return tuple(d for d in disks if d.path != disk.path and not d.map and serial and plain_serial(d.serial) == serial)
