"""Prove that devices with one identifier are paths to one disk, before multipath combines them.

Some disks and bridges have the same identifier as their neighbors. Combined to a map, writes would go to both in turn.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.fs import open_direct
from installer.hardware.disk_ends import CHUNK, ReadFailed, is_blank, read_at
from installer.hardware.sysfs import read
from installer.selection.disk_identity import valid_wwn

PLACES = 16
"""Places at which contents are compared, spread over the disk; both ends are among them."""
TRIES = 3
"""Comparisons of the contents of disks with a valid WWN: other hosts may write to a shared disk meanwhile."""
ADDRESS = re.compile(r"/host(\d+)/.*/\d+:\d+:\d+:(\d+)/block/")
SESSION, PORT = re.compile(r"/(session\d+)/"), re.compile(r"/(rport-[\d:-]+)/")


@dataclass(frozen=True)
class Evidence:
    """What distinguishes one device from another.

    :param wwn: world wide name (NAA or EUI); "" without one.
    :param host: the SCSI host, that is the adapter or iSCSI session, that leads to it.
    :param target: name of the array behind a network: an iSCSI name, or the node name of Fibre Channel; "" if unknown.
    :param content: hash of what is at several places; "" if they cannot be read, as on the passive path of some arrays.
    :param blank: whether nothing is there, so that equal contents say nothing.
    """

    path: str
    size: int = 0
    wwn: str = ""
    model: str = ""
    host: str = ""
    lun: str = ""
    target: str = ""
    content: str = ""
    blank: bool = False


def doubt(one: Evidence, other: Evidence) -> str:
    """Return why two devices with one identifier are not proven to be one disk; "" if they are (pure)."""
    if found := difference(one, other):
        return found
    wwn = valid_wwn(one.wwn)
    if wwn and wwn == valid_wwn(other.wwn):
        return ""
    if one.lun != other.lun:
        return f"their LUNs are {one.lun} and {other.lun}"
    one_array = bool(one.target) and one.target == other.target
    one_data = one.host != other.host and bool(one.content) and one.content == other.content and not one.blank
    if one_array or one_data:
        return ""
    return "they have no valid WWN, and neither one array nor equal data on two adapters proves that they are one disk"


def difference(one: Evidence, other: Evidence) -> str:
    """Return what shows that two devices are two disks; "" if nothing does (pure)."""
    if one.size != other.size:
        return f"their sizes are {one.size} and {other.size} bytes"
    if one.model != other.model:
        return f"their models are {one.model or 'unknown'} and {other.model or 'unknown'}"
    if one.content and other.content and one.content != other.content:
        return "their contents differ"
    return ""


def doubts(group: Iterable[Evidence]) -> str:
    """Return the first doubt about a group of devices; "" if all are one disk (pure)."""
    first, *others = group
    return next((f"{first.path} and {other.path}: {reason}" for other in others if (reason := doubt(first, other))), "")


def locate(path: str, devpath: str, root: Path = Path("/")) -> Evidence:
    """Return where a device is attached and how large it is.

    :param devpath: its place below ``/sys``, from udev.
    """
    address = ADDRESS.search(devpath)
    session, port = SESSION.search(devpath), PORT.search(devpath)
    target = read(root / "sys/class/iscsi_session" / session.group(1) / "targetname") if session else ""
    target = target or (read(root / "sys/class/fc_remote_ports" / port.group(1) / "node_name") if port else "")
    sectors = read(root / "sys/class/block" / path.removeprefix("/dev/") / "size")
    return Evidence(
        path=path,
        size=int(sectors) * 512 if sectors.isdigit() else 0,
        host=address.group(1) if address else "",
        lun=address.group(2) if address else "",
        target=target,
    )


def with_content(evidence: Evidence) -> Evidence:
    """Add the content at several places, read past the page cache, which each path has of its own."""
    step = max(evidence.size - CHUNK, 0) // (PLACES - 1) // 4096 * 4096
    places = [step * number for number in range(PLACES - 1)] + [max(evidence.size - CHUNK, 0) // 4096 * 4096]
    try:
        descriptor = open_direct(evidence.path)
    except OSError:
        return evidence
    try:
        data = b"".join(read_at(descriptor, place, min(CHUNK, evidence.size - place)) for place in dict.fromkeys(places))
    except ReadFailed:
        return evidence
    finally:
        os.close(descriptor)
    return replace(evidence, content=hashlib.sha256(data).hexdigest(), blank=is_blank(data))


def examine(group: tuple[Evidence, ...], read_content: Callable[[Evidence], Evidence] = with_content) -> str:
    """Return the doubt about devices with one identifier; "" if they are one disk.

    Contents that differ are read again where the WWN is valid.
    """
    valid = len({valid_wwn(one.wwn) for one in group}) == 1 and valid_wwn(group[0].wwn)
    found = ""
    for _ in range(TRIES if valid else 1):
        found = doubts([read_content(one) for one in group])
        if not found:
            break
    return found
