"""Disks of a XenServer answer file."""

from __future__ import annotations

import re

from answerfiles.error_messages import found
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.xml_tree import Element

KERNEL_NAME = re.compile(r"/dev/(?:[shv]d[a-z]+|nvme\d+n\d+|cciss/c\d+d\d+)")
TARGET = ("target",)


def device(text: str) -> str:
    """Return a device's path; XenServer's files also name disks without ``/dev/``."""
    text = text.strip()
    return text if text.startswith("/") or not text else f"/dev/{text}"


def carry(notes: Notes) -> None:
    """Primary disk, guests' disks and their kind of storage."""
    root = notes.root
    kind = _storage_type(notes)
    primary = notes.first("primary-disk")
    own: list[str] = []
    keep = True
    if primary is None:
        notes.wrong(root, "primary-disk is missing: the disk to install on", breaks=TARGET)
    else:
        own = _target(notes, primary)
        keep = notes.flag(primary, "guest-storage", True)
        _details(notes, primary)
    further = [(element, device(element.text)) for element in notes.all("guest-disk")]
    further = [(element, path) for element, path in further if path not in own]
    if not keep:
        assert primary is not None
        notes.put(("guests",), "none", primary, "guest-storage")
        for element, _ in further:
            notes.wrong(
                element,
                "with guest-storage 'false' no disk can be for guests: their group always has the rest of the primary disk",
            )
        return
    seen: set[str] = set()
    for index, (element, path) in enumerate(further):
        if path in seen:
            notes.wrong(element, f"{path} is repeated")
            return
        seen.add(path)
        notes.put(("guests", "disks", index, "path"), path, element)
        _kernel_name(notes, element, path)
    if kind == "ext":
        notes.put(("guests", "thin"), True, root, "sr-type" if "sr-type" in root.attributes else "srtype")


def _storage_type(notes: Notes) -> str:
    root = notes.root
    names = [name for name in ("sr-type", "srtype") if name in root.attributes]
    if len(names) == 2:
        notes.wrong(root, "sr-type and srtype are the same, give one", attribute="srtype")
    for name in names[:1]:
        kind = root.attributes[name]
        if kind == "ext":
            notes.warn(root, "'ext' becomes a thin LVM pool: also thin, but with volumes instead of files", attribute=name)
            return kind
        if kind != "lvm":
            notes.wrong(
                root, f"found {found(kind)}; allowed: lvm, ext; other kinds of storage are made in the pool", attribute=name
            )
    return "lvm"


def _target(notes: Notes, primary: Element) -> list[str]:
    """Convert the target; return the paths of the disks that are used."""
    disks = [device(part) for part in primary.text.split(",")]
    raid = {device(element.attributes.get("device", "")): element for element in notes.all("raid")}
    for name, element in raid.items():
        if name not in disks:
            notes.wrong(
                element,
                f"an array that is not the primary disk; only software RAID 1 of the primary disk is made, found {found(name)}",
            )
    if len(disks) == 1 and disks[0] in raid:
        element = raid[disks[0]]
        members = [device(child.text) for child in element.children]
        if len(members) != 2:
            notes.wrong(element, f"found {len(members)} disks; allowed: exactly two, a software RAID 1", breaks=TARGET)
            return disks
        return _mirror(notes, element, members)
    mirrored = notes.flag(primary, "swraid", len(disks) == 2)
    if len(disks) > 2 or (len(disks) == 2) != mirrored:
        said = "swraid 'true' wants two disks" if mirrored else "two disks want swraid 'true'"
        notes.wrong(primary, f"found {len(disks)} disks; allowed: one, or two for a software RAID 1; {said}", breaks=TARGET)
        return disks
    if mirrored:
        return _mirror(notes, primary, disks)
    if not disks[0]:
        notes.wrong(primary, "found nothing; allowed: a disk's path, as /dev/sda", breaks=TARGET)
        return disks
    notes.put(("target", "disk", "path"), disks[0], primary)
    notes.put(("target", "wipe"), True, primary)
    _kernel_name(notes, primary, disks[0])
    return disks


def _mirror(notes: Notes, element: Element, disks: list[str]) -> list[str]:
    if "/dev/missing" in disks:
        notes.wrong(element, "'missing': an array is made of two disks that are there, not of one and a hope", breaks=TARGET)
    elif "" in disks or disks[0] == disks[1]:
        notes.wrong(element, "found one disk; allowed: two different disks for a software RAID 1", breaks=TARGET)
    else:
        for index, path in enumerate(disks):
            notes.put(("target", "mirror", index, "path"), path, element)
            _kernel_name(notes, element, path)
        notes.put(("target", "wipe"), True, element)
    return disks


def _kernel_name(notes: Notes, element: Element, path: str) -> None:
    if KERNEL_NAME.fullmatch(path):
        notes.warn(element, f"{path} may be another disk after a restart; a path below /dev/disk/by-id, a serial or a wwn stays")


def _details(notes: Notes, primary: Element) -> None:
    if not notes.flag(primary, "sr-at-end", True):
        notes.warn(primary, "'false' is not carried over: the guests' partition is always the last", attribute="sr-at-end")
    keep = notes.choice(primary, "preserve-first-partition", ("true", "yes", "false", "no", "if-utility"))
    if keep in ("true", "yes"):
        notes.wrong(primary, "no partition can be kept: the disk is erased as a whole", attribute="preserve-first-partition")
    elif keep == "if-utility":
        notes.warn(primary, "a vendor's utility partition is not kept either", attribute="preserve-first-partition")
    if notes.choice(primary, "fs-type", ("ext3", "ext4")) == "ext3":
        notes.warn(primary, "'ext3' becomes ext4", attribute="fs-type")
