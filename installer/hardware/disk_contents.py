"""Find what is on a disk and its partitions: formats and their identifiers, by the tools that know them."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from installer.hardware.disk_ends import ReadPart
from installer.model.disk_content import Content

Node = Mapping[str, Any]
Output = Callable[[list[str]], str]

WITH_CONTENT = ("part", "crypt", "md", "raid", "linear")
"""Kinds of devices, by their beginning, whose content belongs to the disk; logical volumes are the guests'."""
WITH_MEMBERS = frozenset({"btrfs", "zfs_member", "bcachefs", "stratis"})
"""Formats of which each device has an identifier of its own, which blkid alone reports, as ``UUID_SUB``."""
LDM_TYPES = {
    "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": "ldm",
    "af9b60a0-1431-4f62-bc68-3311714a69ad": "ldm",
    "0x42": "ldm",
    "e75caf8f-f680-4cee-afa3-b001e56efc2d": "storage_spaces",
}
"""Partition types of Windows' dynamic disks and Storage Spaces, which have no superblock that wipefs knows."""
BCACHE_SET = 0x1000 + 56
"""Offset of ``set_uuid`` in bcache's superblock (include/uapi/linux/bcache.h of Linux 6.12)."""
BLUESTORE_UUID = (23, 36)
"""Offset and length of the OSD's UUID, as text, in the label of Ceph's BlueStore (ceph-bluestore-tool(8))."""
LDM_HEADER, LDM_GROUP = b"PRIVHEAD", (0xB0, 36)
"""Magic of a dynamic disk's header, and the place of its disk group's GUID (fs/partitions/ldm.c of Linux)."""


def below(node: Node) -> Iterator[Node]:
    """Yield every device stacked on a device, without the device itself."""
    for child in node.get("children") or ():
        yield child
        yield from below(child)


def parse_wipefs(text: str) -> tuple[tuple[str, str], ...]:
    """Return (type, UUID) of each signature in the output of ``wipefs --json``, without duplicates; none for a blank disk."""
    if not text.strip():
        return ()
    rows = json.loads(text).get("signatures", [])
    return tuple(dict.fromkeys((str(row["type"]), str(row.get("uuid") or "")) for row in rows))


def parse_export(text: str) -> dict[str, str]:
    """Return the values in lines of ``NAME=value``, as blkid and mdadm print them."""
    return dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)


def gpt_guid(head: bytes) -> str:
    """Return the disk GUID of a GPT in a disk's first bytes; "" if there is none."""
    for sector in (512, 4096):
        if head[sector : sector + 8] == b"EFI PART":
            return str(uuid.UUID(bytes_le=head[sector + 56 : sector + 72]))
    return ""


def dos_id(head: bytes) -> str:
    """Return the disk signature of an MBR; "" if it has none, as freshly made tables of some tools."""
    (number,) = struct.unpack("<I", head[440:444].ljust(4, b"\0"))
    return f"{number:08x}" if number and head[510:512] == b"\x55\xaa" else ""


def find_contents(
    node: Node, signatures: tuple[tuple[str, str], ...], head: bytes, output: Output, read: ReadPart
) -> tuple[Content, ...]:
    """Return what is on a disk and on the devices stacked on it.

    :param node: its tree from lsblk.
    :param signatures: those of the disk itself.
    :param head: its first bytes; empty if they are not known.
    """
    disk = text_of(node, "path")
    found = []
    for kind, identifier in signatures:
        if kind in ("gpt", "dos"):
            own = gpt_guid(head) if kind == "gpt" else dos_id(head)
            found.append(Content(disk, kind, own or text_of(node, "ptuuid").lower()))
        elif kind != "PMBR":
            found.append(_identify(disk, kind, identifier, output, read))
    found += _fallback(node, found)
    for part in below(node):
        path, kind = text_of(part, "path"), text_of(part, "type")
        if not kind.startswith(WITH_CONTENT):
            continue
        inside = [_identify(path, *one, output, read) for one in parse_wipefs(output(["wipefs", "--json", "--no-act", path]))]
        inside = [content for content in inside if content.kind not in ("dos", "gpt", "PMBR")]
        inside += _fallback(part, inside)
        if windows := LDM_TYPES.get(text_of(part, "parttype").lower()):
            inside.append(Content(path, windows, ldm_group(head, path, part, read) if windows == "ldm" else ""))
        found += inside
    return tuple(dict.fromkeys(found))


def text_of(node: Node, key: str) -> str:
    """Return a value of lsblk's output as text; "" without one."""
    return str(node.get(key) or "").strip()


def _fallback(node: Node, found: list[Content]) -> list[Content]:
    """Return the content that lsblk reports if wipefs did not."""
    kind, path = text_of(node, "fstype"), text_of(node, "path")
    if not kind or any(content.kind == kind for content in found if content.device == path):
        return []
    return [Content(path, kind, text_of(node, "uuid"))]


def _identify(path: str, kind: str, identifier: str, output: Output, read: ReadPart) -> Content:
    """Complete a signature with the identifiers that wipefs does not report."""
    if kind in WITH_MEMBERS:
        values = parse_export(output(["blkid", "--probe", "--output", "export", path]))
        return Content(path, kind, identifier or values.get("UUID", ""), values.get("UUID_SUB", ""))
    if kind.endswith("_raid_member"):
        # Intel's and other firmware's formats have no UUID that blkid knows.
        values = parse_export(output(["mdadm", "--examine", "--export", path])) if not identifier else {}
        return Content(path, kind, identifier or values.get("MD_UUID", ""))
    if kind == "bcache":
        data = read(path, BCACHE_SET, 16)
        return Content(path, kind, str(uuid.UUID(bytes=data)) if any(data) else "", identifier)
    if kind == "ceph_bluestore":
        return Content(path, kind, read(path, *BLUESTORE_UUID).decode("ascii", "replace").strip())
    return Content(path, kind, identifier)


def ldm_group(head: bytes, path: str, part: Node, read: ReadPart) -> str:
    """Return the GUID of a dynamic disk's group; "" if its header is not found.

    With an MBR it is in sector 6 of the disk, with a GPT in the last sector of the metadata partition.
    """
    end = int(part.get("size") or 0) - 512
    for data in (head[6 * 512 : 7 * 512], read(path, end, 512) if end > 0 else b""):
        if data.startswith(LDM_HEADER):
            start, length = LDM_GROUP
            return data[start : start + length].decode("ascii", "replace").rstrip("\0 ").lower()
    return ""
