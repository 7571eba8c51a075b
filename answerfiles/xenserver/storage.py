"""Disks of a XenServer answer file."""

from __future__ import annotations

from answerfiles.error_messages import found
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.disk_names import ISCSI_PORT, Lun, device, impossible, is_iscsi, is_kernel_name, read_lun
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path

TARGET: Path = ("target",)
GUESTS: Path = ("guests",)
KEEP = ("true", "yes", "false", "no", "if-utility")


def carry(notes: Notes) -> None:
    """Primary disk, guests' disks and their kind of storage."""
    kind = _storage_type(notes)
    primary = notes.first("primary-disk")
    own: list[str] = []
    keep = True
    if primary is None:
        text = "primary-disk is missing: the disk to install on"
        notes.wrong(notes.root, text, codes.MISSING, breaks=TARGET)
    else:
        own = _target(notes, primary)
        keep = notes.flag(primary, "guest-storage", True)
        _details(notes, primary)
    disks = _guest_disks(notes, own)
    if not keep and not disks:
        assert primary is not None
        notes.put(GUESTS, "none", primary, "guest-storage")
        return
    if not keep:
        assert primary is not None
        notes.put((*GUESTS, "on_target"), False, primary, "guest-storage")
    for index, (element, path) in enumerate(disks):
        notes.put((*GUESTS, "disks", index, "path"), path, element)
        _kernel_name(notes, element, path)
    if kind == "ext":
        notes.put((*GUESTS, "thin"), True, notes.root, "sr-type")


def _guest_disks(notes: Notes, own: list[str]) -> list[tuple[Element, str]]:
    """Return the additional disks for guests, each once and without those of the system."""
    disks: dict[str, Element] = {}
    for element in notes.all("guest-disk"):
        path = device(element.text)
        if not path:
            notes.warn(element, "left out: it is empty", codes.IGNORED)
        elif path in own:
            continue
        elif path in disks:
            notes.warn(element, f"left out: {path} is on line {disks[path].position.line} already", codes.IGNORED)
        elif is_iscsi(path):
            text = f"found {found(path)}; disks for guests on iSCSI are storage of the pool"
            notes.wrong(element, text, codes.ISCSI, hint="remove it, and add the LUN to the pool", breaks=GUESTS)
        elif _usable(notes, element, path, GUESTS):
            disks[path] = element
    return [(element, path) for path, element in disks.items()]


def _storage_type(notes: Notes) -> str:
    root = notes.root
    kind = root.attributes.get("sr-type", "lvm").lower()
    if kind == "ext":
        text = "'ext' becomes a thin LVM pool: also thin, but with volumes instead of files"
        notes.warn(root, text, codes.CHANGED, attribute="sr-type")
    elif kind == "largeblock":
        text = "'largeblock' becomes LVM, which takes disks with blocks of 4096 bytes as they are"
        notes.warn(root, text, codes.CHANGED, attribute="sr-type")
    elif kind != "lvm":
        text = f"found {found(kind)}; allowed: lvm, ext, largeblock"
        hint = "remove it; other kinds of storage are made in the pool"
        notes.wrong(root, text, codes.VALUE, attribute="sr-type", hint=hint)
    return kind


def _target(notes: Notes, primary: Element) -> list[str]:
    """Convert the target; return the paths of the disks that are used."""
    # An IPv6 address or a target's name may not be cut at a comma.
    disks = [device(part) for part in ([primary.text] if is_iscsi(primary.text) else primary.text.split(","))]
    raid = {device(element.attributes.get("device", "")): element for element in notes.all("raid")}
    for name, element in raid.items():
        if name not in disks:
            text = f"an array that is not the primary disk, found {found(name)}; only a mirror of the primary disk is made"
            notes.wrong(element, text, codes.UNSUPPORTED, hint="remove it, and make the array after the installation")
    if len(disks) == 1 and disks[0] in raid:
        element = raid[disks[0]]
        members = [device(child.text) for child in element.children]
        if len(members) != 2:
            text = f"found {len(members)} disks; allowed: exactly two, a software RAID 1"
            notes.wrong(element, text, codes.VALUE, breaks=TARGET)
            return members
        return _mirror(notes, element, members)
    mirrored = notes.flag(primary, "swraid", len(disks) == 2)
    if len(disks) > 2 or (len(disks) == 2) != mirrored:
        said = "swraid 'true' wants two disks" if mirrored else "two disks want swraid 'true'"
        text = f"found {len(disks)} disks; allowed: one, or two for a software RAID 1; {said}"
        notes.wrong(primary, text, codes.VALUE, breaks=TARGET)
        return disks
    if mirrored:
        return _mirror(notes, primary, disks)
    if not disks[0]:
        notes.wrong(primary, "found nothing; allowed: a disk's path, as /dev/sda", codes.VALUE, breaks=TARGET)
    elif is_iscsi(disks[0]):
        _lun(notes, primary)
    elif _usable(notes, primary, disks[0], TARGET):
        notes.put((*TARGET, "disk", "path"), disks[0], primary)
        notes.put((*TARGET, "wipe"), True, primary)
        _kernel_name(notes, primary, disks[0])
    return disks


def _lun(notes: Notes, primary: Element) -> None:
    """Convert an iSCSI LUN; its initiator is not in the file, so the user has to complete it."""
    lun = read_lun(primary.text)
    if isinstance(lun, str):
        notes.wrong(primary, f"found {found(primary.text)}; {lun}", codes.ISCSI, breaks=TARGET)
        return
    text = f"found {found(primary.text)}, an iSCSI LUN (RFC 4173), which is no path below /dev"
    if lun == Lun():
        hint = "look at the disk that 'dom0kit answers convert' writes: the only one that the firmware's iBFT names"
    else:
        hint = "add san.iscsi.initiator, the name that the array expects, to what 'dom0kit answers convert' writes"
        portal: Path = ("san", "iscsi", "portals", 0)
        notes.put((*portal, "address"), lun.server, primary)
        if lun.port != ISCSI_PORT:
            notes.put((*portal, "port"), lun.port, primary)
        notes.put((*portal, "target"), lun.target, primary)
        if lun.lun.strip("0-"):
            text += f"; its LUN {lun.lun} must be the only one of the target, or be chosen by serial or wwn"
    notes.put((*TARGET, "disk", "transport"), "iscsi", primary)
    notes.put((*TARGET, "wipe"), True, primary)
    notes.wrong(primary, text, codes.ISCSI, hint=hint, at=TARGET if lun == Lun() else ("san", "iscsi"))


def _mirror(notes: Notes, element: Element, disks: list[str]) -> list[str]:
    if "/dev/missing" in disks:
        text = "'missing': an array is made of two disks that are there"
        notes.wrong(
            element, text, codes.UNSUPPORTED, hint="name both disks, or one alone for a host without a mirror", breaks=TARGET
        )
    elif "" in disks or disks[0] == disks[1]:
        text = "found one disk; allowed: two different disks for a software RAID 1"
        notes.wrong(element, text, codes.VALUE, breaks=TARGET)
    elif any(is_iscsi(path) for path in disks):
        text = "an iSCSI LUN in a mirror, which the array mirrors already"
        notes.wrong(element, text, codes.UNSUPPORTED, hint="name the LUN alone", breaks=TARGET)
    elif all([_usable(notes, element, path, TARGET) for path in disks]):  # noqa: C419 - both are checked
        for index, path in enumerate(disks):
            notes.put((*TARGET, "mirror", index, "path"), path, element)
            _kernel_name(notes, element, path)
        notes.put((*TARGET, "wipe"), True, element)
    return disks


def _usable(notes: Notes, element: Element, path: str, breaks: Path) -> bool:
    why, hint = impossible(path)
    if why:
        shown = element.text if device(element.text) == path else path
        notes.wrong(element, f"found {found(shown)}; {why}", codes.DISK, hint=hint, breaks=breaks)
    return not why


def _kernel_name(notes: Notes, element: Element, path: str) -> None:
    if is_kernel_name(path):
        text = f"{path} may be another disk after a restart; a path below /dev/disk/by-id, a serial or a wwn stays"
        notes.warn(element, text, codes.KERNEL_NAME)


def _details(notes: Notes, primary: Element) -> None:
    if not notes.flag(primary, "sr-at-end", True):
        text = "'false' is not carried over: the guests' partition is always the last"
        notes.warn(primary, text, codes.CHANGED, attribute="sr-at-end")
    attribute = "preserve-first-partition"
    keep = notes.choice(primary, attribute, KEEP)
    if keep in ("true", "yes"):
        text = f"{found(primary.attributes[attribute])}: no partition can be kept, the disk is erased as a whole"
        hint = f"save what is on it, then write {attribute}='false'"
        notes.wrong(primary, text, codes.DATA_LOSS, attribute=attribute, hint=hint)
    elif keep == "if-utility":
        notes.warn(primary, "a vendor's utility partition is not kept either", codes.CHANGED, attribute=attribute)
    if notes.choice(primary, "fs-type", ("ext3", "ext4")) == "ext3":
        notes.warn(primary, "'ext3' becomes ext4", codes.CHANGED, attribute="fs-type")
