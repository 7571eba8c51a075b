"""Probe the hardware: parsers for the output of commands, and one function that collects all facts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux.multipath_maps import Map, parse_maps
from dom0kit.machine_identity import MAC, machine_uuid
from dom0kit.process import run
from installer.hardware import lvm_volumes
from installer.hardware.disk_contents import Node, Output, below, find_contents, parse_wipefs, text_of
from installer.hardware.disk_ends import Ends, ReadPart, read_ends, read_part
from installer.hardware.disk_kinds import KernelLog, is_card, why_unusable
from installer.hardware.installations import read_installations
from installer.hardware.iscsi_sessions import read_sessions
from installer.hardware.naming import read_dhcp_names, read_machine
from installer.hardware.sysfs import read
from installer.hardware.used_volumes import UsedVolume, read_used
from installer.model.hardware import Disk, Facts, Nic
from installer.model.installation import Installation

LSBLK = (
    "NAME,KNAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,HCTL,ROTA,RM,RO,LOG-SEC,"
    "FSTYPE,UUID,LABEL,PTTYPE,PTUUID,PARTTYPE,PARTLABEL,MOUNTPOINTS"
)
DISK_KINDS = frozenset({"disk", "mpath", "loop"})
# Devices that are never installation targets: RAM disks, floppies, network block devices without a server.
# Members of a map describe a disk better than the map does.
FROM_PATHS = ("model", "serial", "wwn", "tran")
FIRMWARE_CONSOLE = "/usr/lib/dom0kit/bin/firmware-console"
SERIAL_PORTS = {"ttyS0": "com1", "ttyS1": "com2"}
ETHERNET = "1"
"""ARPHRD_ETHER of linux/if_arp.h."""
RANDOM = "1"
"""NET_ADDR_RANDOM of linux/netdevice.h: the card has no address, or an invalid one, and the kernel made one up."""
NO_MAC = "00:00:00:00:00:00"
PCI_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
NEVER = re.compile(r"/dev/(?:zram|ram|fd|nbd)\d+")

UNKNOWN_DATA = "data of an unknown format"


@dataclass(frozen=True)
class Reader:
    """How disks are read: both ends of one, and a part of a device."""

    ends: Callable[[str, int], Ends | None] = read_ends
    part: ReadPart = read_part


def parse_lsblk(text: str) -> list[Node]:
    """Return the trees in the output of ``lsblk --json``."""
    devices = json.loads(text or "{}").get("blockdevices", [])
    return [device for device in devices if isinstance(device, dict)]


def _mounts(node: Node) -> list[str]:
    mounts = {str(m) for part in (node, *below(node)) for m in part.get("mountpoints") or () if m}
    return sorted(mounts)


def _contents(node: Node, signatures: tuple[str, ...]) -> tuple[str, ...]:
    # A GPT includes its protective MBR; naming both adds nothing.
    words = [f"{name} signature" for name in signatures if name != "PMBR" or "gpt" not in signatures]
    own, title = f"{text_of(node, 'fstype')} signature", text_of(node, "label")
    words = [f"{word} (label '{title}')" if title and word == own else word for word in words]
    for part in (node, *below(node)):
        kind, name = text_of(part, "type"), text_of(part, "path")
        label = text_of(part, "label") or text_of(part, "partlabel")
        holds = " ".join(word for word in (text_of(part, "fstype"), f"'{label}'" if label else "") if word)
        if part is node:
            table = text_of(part, "pttype")
            if holds and not signatures:
                words.append(holds)
            elif table and not signatures:
                words.append(f"{table} partition table")
        elif kind != "mpath":
            words.append(f"{kind} {name}" + (f" with {holds}" if holds else ""))
    return tuple(dict.fromkeys(words))


def disk_from(node: Node, signatures: tuple[str, ...] = (), *, paths: tuple[str, ...] = ()) -> Disk:
    """Return a disk from its lsblk tree and its signatures."""
    maps = [text_of(child, "path") for child in node.get("children") or () if child.get("type") == "mpath"]
    return Disk(
        path=text_of(node, "path"),
        kind=text_of(node, "type"),
        size=int(node.get("size") or 0),
        sector=int(node.get("log-sec") or 512),
        model=text_of(node, "model"),
        serial=text_of(node, "serial"),
        wwn=text_of(node, "wwn"),
        transport=transport(node),
        rotational=bool(node.get("rota")),
        removable=bool(node.get("rm")),
        read_only=bool(node.get("ro")),
        partitions=tuple(text_of(part, "path") for part in below(node) if part.get("type") == "part"),
        contents=_contents(node, signatures),
        mounts=tuple(_mounts(node)),
        volumes=tuple(
            dict.fromkeys((text_of(p, "type"), text_of(p, "path")) for p in below(node) if p.get("type") not in ("part", "mpath"))
        ),
        paths=paths,
        map=maps[0] if maps else "",
        address=text_of(node, "hctl"),
    )


def transport(node: Node) -> str:
    """Return the transport in the answers' terms; lsblk has none for most SCSI controllers such as virtio-scsi."""
    word = {"spi": "scsi", "fcoe": "fc"}.get(text_of(node, "tran"), text_of(node, "tran"))
    return word or ("scsi" if text_of(node, "path").startswith("/dev/sd") else "")


def disk_nodes(trees: list[Node]) -> list[tuple[Node, tuple[str, ...]]]:
    """Return the nodes of disks: top-level ones, and multipath maps once each with their paths.

    A map gets serial number, WWN, model and transport of its first path: device-mapper has none of its own.
    """
    maps: dict[str, tuple[Node, list[str]]] = {}
    disks: list[tuple[Node, tuple[str, ...]]] = []
    for tree in trees:
        if tree.get("type") in DISK_KINDS and not NEVER.fullmatch(text_of(tree, "path")):
            disks.append((tree, ()))
        for child in tree.get("children") or ():
            if child.get("type") == "mpath":
                known = {key: text_of(child, key) or text_of(tree, key) for key in FROM_PATHS}
                known["tran"] = known["tran"] or transport(tree)
                maps.setdefault(text_of(child, "path"), ({**child, **known}, []))[1].append(text_of(tree, "path"))
    return disks + [(node, tuple(paths)) for node, paths in maps.values()]


def parse_memory(meminfo: str) -> int:
    """Return the RAM in bytes from ``/proc/meminfo``."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def parse_cpus(cpuinfo: str) -> int:
    """Return the number of logical processors in ``/proc/cpuinfo``."""
    return len(re.findall(r"^processor\s*:", cpuinfo, re.MULTILINE))


def parse_virtualization(cpuinfo: str) -> str:
    """Return ``vmx``, ``svm`` or "" from ``/proc/cpuinfo``."""
    found = re.search(r"^flags\s*:.*?\b(vmx|svm)\b", cpuinfo, re.MULTILINE)
    return found.group(1) if found else ""


def luns(text: str) -> dict[str, Map]:
    """Return the maps in the output of ``multipathd show maps json`` by device; empty without multipathd."""
    try:
        return {f"/dev/mapper/{item.name}": item for item in parse_maps(text)}
    except ValueError:
        return {}


def read_nics(folder: Path) -> tuple[Nic, ...]:
    """Return the physical network cards below ``/sys/class/net``: Ethernet with a device.

    CAN and InfiniBand have interfaces, too, but neither a MAC address nor a place in a bridge.
    """
    nics = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not (entry / "device").exists() or read(entry / "type") not in ("", ETHERNET):
            continue
        driver = (entry / "device/driver").resolve().name if (entry / "device/driver").exists() else ""
        # A virtio card's device is a child of its PCI function; the last PCI address in the path is the card's own.
        slots = PCI_ADDRESS.findall(str((entry / "device").resolve()))
        # Reading the carrier of a card that is down fails with EINVAL.
        carrier = {"1": True, "0": False}.get(read(entry / "carrier"))
        # A member of a bond shows the bond's address in place of its own.
        mac = (read(entry / "bonding_slave/perm_hwaddr") or read(entry / "address")).lower()
        own = read(entry / "addr_assign_type") != RANDOM and MAC.fullmatch(mac) is not None and mac != NO_MAC
        nics.append(Nic(entry.name, mac, driver, carrier, slots[-1] if slots else "", permanent=own))
    return tuple(nics)


def read_console(root: Path, output: Output) -> str:
    """Return the serial port of this system's console, "" if there is none or more than one; the firmware's comes first."""
    names = set(output([FIRMWARE_CONSOLE]).split())
    names = names or {name for name in read(root / "sys/class/tty/console/active").split() if name.startswith("ttyS")}
    return SERIAL_PORTS.get(names.pop(), "") if len(names) == 1 else ""


def read_aliases(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the links below ``/dev/disk/by-*`` by the device that they point to."""
    aliases: dict[str, list[str]] = {}
    for link in sorted(folder.glob("by-*/*")):
        if link.is_symlink():
            aliases.setdefault(str(link.resolve()), []).append(str(link))
    return {target: tuple(links) for target, links in aliases.items()}


def fill_from_sysfs(node: Node, folder: Path) -> Node:
    """Add fields from ``/sys/class/block/<name>`` that lsblk lacks if udev does not know the device."""
    name = text_of(node, "kname") or text_of(node, "name")
    serial = text_of(node, "serial") or read(folder / name / "serial") or read(folder / name / "device/serial")
    wwn = text_of(node, "wwn") or read(folder / name / "wwid") or read(folder / name / "device/wwid")
    return {**node, "serial": serial, "wwn": wwn}


def read_disk(node: Node, disk: Disk, output: Output, reader: Reader) -> Disk:
    """Complete a disk with what is on it. A path of a map is not read: the map is, and a passive path returns errors.

    :param disk: what its tree from lsblk says.
    """
    if not disk.size:
        return disk
    ends = reader.ends(disk.path, disk.size) if not disk.map else None
    signatures = parse_wipefs(output(["wipefs", "--json", "--no-act", disk.path]))
    found = find_contents(node, signatures, ends.head if ends else b"", output, reader.part)
    contents = _contents(node, tuple(dict.fromkeys(kind for kind, _ in signatures)))
    if ends is None:
        return replace(disk, contents=contents, found=found)
    if not contents and not ends.error and not ends.blank:
        contents = (UNKNOWN_DATA,)
    return replace(disk, contents=contents, found=found, unreadable=ends.error, digest=ends.digest)


def purposes(disk: Disk, used: tuple[UsedVolume, ...]) -> tuple[str, ...]:
    """Return what this run reads from a disk: by the devices on it, or by the identifiers of its file systems."""
    identifiers = {content.uuid for content in disk.found if content.uuid}
    found = [volume.purpose for volume in used if volume.device in disk.devices or volume.uuid in identifiers]
    return tuple(dict.fromkeys(found))


def collect(
    *,
    root: Path = Path("/"),
    output: Output | None = None,
    loops: bool = False,
    reader: Reader | None = None,
) -> Facts:
    """Collect facts about the machine without changing anything.

    :param root: parent of ``sys``, ``proc`` and ``dev``; another folder in tests.
    :param output: returns the standard output of a command; runs it by default.
    :param loops: include loop devices, for tests of the installer itself.
    :param reader: reads disks; by default the real ones, and none if ``output`` is given: recorded machines have no disks.
    :raises UserError: when lsblk fails.
    """
    ask = output or _output
    found = parse_lsblk(ask(["lsblk", "--all", "--json", "--bytes", "--output", LSBLK]))
    trees = [fill_from_sysfs(tree, root / "sys/class/block") for tree in found]
    if not trees:
        raise UserError("no block device was found", "check 'dmesg': the driver of the disk controller may be missing")
    aliases = read_aliases(root / "dev/disk")
    known = luns(ask(["multipathd", "show", "maps", "json"]))
    reader = reader or (Reader() if output is None else Reader(lambda path, size: None, lambda path, offset, length: b""))
    log, used = KernelLog(ask), read_used(root)
    disks: list[Disk] = []
    installations: list[Installation] = []
    for node, paths in disk_nodes(trees):
        # Loop devices without a file are spare ones.
        if node.get("type") == "loop" and not (loops and node.get("size")):
            continue
        path = text_of(node, "path")
        disk = read_disk(node, disk_from(node, paths=paths), ask, reader)
        # Links to a map point to /dev/dm-N, while its path is below /dev/mapper.
        links = aliases.get(f"/dev/{text_of(node, 'kname')}", aliases.get(path, ()))
        disk = replace(disk, aliases=links, lun=known.get(path))
        disk = replace(disk, uses=purposes(disk, used))
        disks.append(replace(disk, unusable=why_unusable(disk, log), removable=disk.removable or is_card(disk, root)))
        if disk.size and not disk.map and not disk.unreadable:
            installations += read_installations(path, ask)
    cpuinfo = read(root / "proc/cpuinfo")
    under_xen = read(root / "sys/hypervisor/type") == "xen"
    names = read_dhcp_names(root)
    return Facts(
        disks=tuple(disks),
        nics=tuple(replace(nic, dhcp_name=names.get(nic.name, "")) for nic in read_nics(root / "sys/class/net")),
        firmware="uefi" if (root / "sys/firmware/efi").exists() else "bios",
        memory=parse_memory(read(root / "proc/meminfo")),
        virtualization=None if under_xen else parse_virtualization(cpuinfo),
        under_xen=under_xen,
        physical_volumes=lvm_volumes.read_volumes(ask),
        cpus=parse_cpus(cpuinfo),
        sessions=read_sessions(root, ask),
        machine=read_machine(root),
        machine_uuid=machine_uuid(root),
        installations=tuple(installations),
        console=read_console(root, ask),
    )


def _output(argv: list[str]) -> str:
    try:
        return run(argv, check=argv[0] == "lsblk").output
    except UserError:
        if argv[0] == "lsblk":
            raise
        return ""
