"""Checks of an installed host.

Each check takes a guest (its console or ssh) and raises ScenarioFailed with what it found.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dom0kit.units import MIB
from qa.errors import ScenarioFailed
from qa.install import answers
from qa.vm.guest import Guest
from qa.vm.qemu_args import Firmware

IDENTITY = {
    "host name": "hostname --fqdn || hostname",
    "machine-id": "cat /etc/machine-id",
    "ssh host keys": "cat /etc/ssh/ssh_host_*_key.pub | sort",
    "iSCSI initiator": "grep ^InitiatorName= /etc/iscsi/initiatorname.iscsi",
    "management address": "ip -j -4 addr show dev xenbr0 | jq -r '.[0].addr_info[0].local'",
    "bridge": "ovs-vsctl list-ports xenbr0 | sort",
}
"""Properties of a host that no reboot may change, and the commands that show them."""


def need(condition: object, text: str) -> None:
    """Raise ScenarioFailed with this text unless the condition is true."""
    if not condition:
        raise ScenarioFailed(text)


def failed_units(output: str) -> str:
    """Return the failed units of ``systemctl --failed``'s output, without the sessions of log-ins.

    ``login`` gives up after 60 s (login.defs(5)); on a starved machine it is gone before systemd makes its session, which is
    then a failed unit without a process. A log-in that a scenario needs is checked by its own wait.
    """
    lines = (line.strip() for line in output.splitlines())
    return "\n".join(line for line in lines if line and not re.match(r"session-\w+\.scope\s", line))


def check_no_failed_unit(guest: Guest) -> None:
    """Check that no unit has failed."""
    failed = failed_units(guest.succeed("systemctl --failed --no-legend --plain"))
    need(not failed, f"failed units:\n{failed}")


def check_xen(guest: Guest) -> None:
    """Check that the host runs Xen 4.20 and is its dom0."""
    info = guest.succeed("xl info")
    version = re.search(r"^xen_version\s*:\s*(\S+)", info, re.MULTILINE)
    need(version and version.group(1).startswith("4.20"), f"xl info does not name Xen 4.20:\n{info}")
    domains = guest.succeed("xl list")
    need(re.search(r"^Domain-0\s+0\s", domains, re.MULTILINE), f"xl list has no Domain-0:\n{domains}")


def check_mode(guest: Guest, mode: str) -> None:
    """Check the mode that the system was booted in."""
    line = guest.succeed("cat /proc/cmdline")
    need(f"dom0kit.mode={mode}" in line.split(), f"/proc/cmdline has no dom0kit.mode={mode}: {line}")


def check_overlay(guest: Guest, *, writable_medium: bool) -> None:
    """Check that the root is an overlay over the image, and how the medium of the image is mounted."""
    root = guest.succeed("findmnt -n -o FSTYPE /").strip()
    need(root == "overlay", f"/ is {root}, not overlay")
    options = guest.succeed("findmnt -n -o OPTIONS --mountpoint /run/dom0kit/medium").strip()
    need(("rw" in options.split(",")) == writable_medium, f"/run/dom0kit/medium is mounted {options}")
    guest.succeed("test -s /run/dom0kit/image/dom0.squashfs && test -s /run/dom0kit/image/manifest.json")
    kind = guest.succeed("findmnt -n -o FSTYPE --mountpoint /run/dom0kit/squashfs").strip()
    need(kind == "squashfs", f"/run/dom0kit/squashfs is {kind}")


def check_identity(guest: Guest, wanted: str = answers.HOST_NAME) -> None:
    """Check that the host has its own name, time zone, machine-id, keys and initiator, which the image lacks."""
    name = guest.succeed("cat /etc/hostname").strip()
    need(name in (wanted, wanted.partition(".")[0]), f"the host name is {name}, not {wanted}")
    zone = guest.succeed("readlink /etc/localtime").strip()
    need(zone.endswith(f"zoneinfo/{answers.ZONE}"), f"the time zone is {zone}")
    machine_id = guest.succeed("cat /etc/machine-id").strip()
    need(re.fullmatch(r"[0-9a-f]{32}", machine_id), f"/etc/machine-id is {machine_id!r}")
    image_id = guest.succeed("cat /run/dom0kit/squashfs/etc/machine-id 2>/dev/null; true").strip()
    need(not re.fullmatch(r"[0-9a-f]{32}", image_id), f"the image itself has the machine-id {image_id}: hosts would share it")
    guest.succeed("ls /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub")
    baked = guest.succeed("ls /run/dom0kit/squashfs/etc/ssh/ 2>/dev/null; true")
    need("ssh_host_" not in baked, f"the image itself has ssh host keys: {baked.split()}")
    initiator = guest.succeed("cat /etc/iscsi/initiatorname.iscsi")
    need(re.search(r"^InitiatorName=iqn\.\S+", initiator, re.MULTILINE), f"no InitiatorName in: {initiator}")


def check_network(guest: Guest, *, prefix: str = "10.0.2.", neighbour: str = "10.0.2.2") -> None:
    """Check that the management card is in the Open vSwitch bridge, and that the bridge has an address.

    :param prefix: the beginning of the expected address.
    :param neighbour: an address in the same network; QEMU's restricted one offers no router, so there is no default route.
    """
    shown = guest.succeed("ovs-vsctl show")
    need(re.search(rf"Bridge \"?{answers.BRIDGE}\b", shown), f"ovs-vsctl show has no bridge {answers.BRIDGE}:\n{shown}")
    ports = guest.succeed(f"ovs-vsctl list-ports {answers.BRIDGE}").split()
    need(ports, f"the bridge {answers.BRIDGE} has no port")
    local = addresses(guest)
    need(any(address.startswith(prefix) for address in local), f"{answers.BRIDGE} has the addresses {local}")
    route = guest.succeed(f"ip route get {neighbour}")
    need(f"dev {answers.BRIDGE}" in route, f"the route to the neighbour is {route!r}")


def addresses(guest: Guest, device: str = answers.BRIDGE) -> list[str]:
    """Return the addresses of an interface that are not link-local."""
    found = json.loads(guest.succeed(f"ip -j addr show dev {device} scope global") or "[]")
    # ip(8) leaves an empty object in place of each address that the scope keeps out.
    return [info["local"] for link in found for info in link.get("addr_info", []) if "local" in info]


def check_access(guest: Guest, public_key: str) -> None:
    """Check that root's key is authorized, and that the files with access data belong to root alone."""
    keys = guest.succeed("cat /root/.ssh/authorized_keys")
    need(public_key.split()[1] in keys, "root's authorized_keys lack the key of the answers")
    mode = guest.succeed("stat -c %a /etc/dom0kit/host.json").strip()
    need(mode == "600", f"/etc/dom0kit/host.json has mode {mode}")


def check_services(guest: Guest) -> None:
    """Check that no unit has failed, and that the clock uses the servers of the answers."""
    check_no_failed_unit(guest)
    sources = guest.succeed("cat /etc/chrony/chrony.conf /etc/chrony/conf.d/* /etc/chrony/sources.d/* 2>/dev/null; true")
    need(re.search(rf"^(server|pool) {re.escape(answers.NTP)}\b", sources, re.MULTILINE), f"chrony does not use {answers.NTP}")


def partitions(listing: str) -> list[dict[str, Any]]:
    """Return the partitions in the output of ``lsblk --json --bytes``, in their order on the disk."""
    disk = json.loads(listing)["blockdevices"][0]
    return [child for child in disk.get("children", []) if child.get("type") == "part"]


def check_layout(listing: str) -> None:
    """Check the partitions against docs/reference/disk-layout.md; ``listing`` is the output of ``lsblk --json --bytes``."""
    found = partitions(listing)
    shown = [(p.get("size"), p.get("fstype"), p.get("label")) for p in found]
    need(len(found) == 4, f"there are {len(found)} partitions, not 4: {shown}")
    boot, esp, system, guests = found
    need(boot["size"] == MIB, f"bios_grub has {boot['size']} bytes")
    # Smaller on disks that have no room for it, with a least size of FAT32, which depends on the sectors.
    sizes = (1024 * MIB, (260 if esp.get("log-sec") == 4096 else 256) * MIB)
    wrong = f"the ESP is {esp['size'] / MIB:g} MiB of {esp['fstype']}, not {sizes[0] / MIB:g} or {sizes[1] / MIB:g} MiB of vfat"
    need(esp["size"] in sizes and esp["fstype"] == "vfat", wrong)
    need(system["fstype"] == "ext4" and system["label"] == "dom0kit-system", f"the system partition is {shown[2]}")
    need(system["size"] <= 10 * 1024 * MIB, f"the system partition has {system['size']} bytes")
    need(guests["fstype"] == "LVM2_member", f"the guests' partition is {shown[3]}")


def check_storage(guest: Guest, firmware: Firmware, *, disk_first: bool = True) -> None:
    """Check partition table, boot loaders and the volume group for guests.

    :param disk_first: whether the firmware keeps the boot order that the installer has set; QEMU's does not when the
        machine boots from the network first.
    """
    # What the partition is on: a disk, or a multipath map, which has no other name than its path.
    disk = guest.succeed("lsblk -nlsp -o NAME $(findmnt -n -o SOURCE /run/dom0kit/medium) | sed -n 2p").strip()
    table = guest.succeed(f"sgdisk -p -v {disk}")
    need("No problems found" in table, f"sgdisk finds problems:\n{table}")
    check_layout(guest.succeed(f"lsblk --json --bytes -o NAME,TYPE,SIZE,FSTYPE,LABEL,PARTTYPE,LOG-SEC {disk}"))
    groups = guest.succeed("vgs --noheadings -o vg_name").split()
    need(answers.VOLUME_GROUP in groups, f"volume groups: {groups}")
    esp = f"$(lsblk -n -l -p -o NAME {disk} | sed -n 3p)"
    files = guest.succeed(f"d=$(mktemp -d) && mount -o ro {esp} $d && (cd $d && find EFI -type f); umount $d && rmdir $d")
    for wanted in ("EFI/BOOT/BOOTX64.EFI", "EFI/dom0kit/grubx64.efi"):
        need(wanted.lower() in files.lower().split(), f"the ESP lacks {wanted}: {files.split()}")
    if firmware == "uefi":
        check_boot_order(guest.succeed("efibootmgr"), first=disk_first)


def check_boot_order(listing: str, *, first: bool = True) -> None:
    """Check that the firmware has an entry for dom0kit and starts it first; ``listing`` is efibootmgr's output."""
    need(re.search(r"^Boot[0-9A-F]{4}\*? dom0kit", listing, re.MULTILINE), f"there is no entry dom0kit:\n{listing}")
    if not first:
        return
    order = re.search(r"^BootOrder: ([0-9A-F]{4})", listing, re.MULTILINE)
    need(order, f"efibootmgr shows no BootOrder:\n{listing}")
    assert order
    begins = re.search(rf"^Boot{order.group(1)}\*? (.*)", listing, re.MULTILINE)
    need(begins and "dom0kit" in begins.group(1), f"dom0kit is not first:\n{listing}")


def identity(guest: Guest) -> dict[str, str]:
    """Return the values of :data:`IDENTITY`, by which other machines know this host."""
    return {name: guest.succeed(command).strip() for name, command in IDENTITY.items()}
