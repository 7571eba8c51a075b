"""The kernel's own announcements of devices (uevents), without udev: they come when a path fails, and need no disk."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from dom0kit.units import MIB

KERNEL_GROUP = 1
NETLINK_KOBJECT_UEVENT = 15
LARGEST = 65536
ROOM = MIB
"""Bytes of announcements that may wait: a storage network that goes takes many disks with it at once."""


def listen() -> socket.socket:
    """A socket on which each uevent is one message (netlink(7)).

    :raises PermissionError: without the right to it.
    """
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
    line.bind((0, KERNEL_GROUP))
    return line


def parse(data: bytes) -> dict[str, str]:
    """The variables of a uevent; the message is ``ACTION@DEVPATH`` and ``NAME=VALUE``, each closed by a zero."""
    words = data.decode(errors="replace").split("\0")
    return dict(word.split("=", 1) for word in words[1:] if "=" in word)


def concerns_paths(event: Mapping[str, str]) -> bool:
    """Whether paths may have changed: a disk came or went, or device-mapper tells of a map."""
    if event.get("SUBSYSTEM") != "block":
        return False
    if event.get("DEVNAME", "").startswith("dm-"):
        return event.get("DM_ACTION") is not None or event.get("ACTION") in ("add", "change", "remove")
    return event.get("DEVTYPE") == "disk" and event.get("ACTION") in ("add", "remove", "offline", "online")


def heard(line: socket.socket) -> bool:
    """Take a uevent that has come; whether paths may have changed. When some were lost (ENOBUFS), they may."""
    try:
        return concerns_paths(parse(line.recv(LARGEST)))
    except OSError:
        return True


def last_path(event: Mapping[str, str]) -> str:
    """The map that has just lost its last path, as device-mapper itself says; empty otherwise."""
    if event.get("DM_ACTION") == "PATH_FAILED" and event.get("DM_NR_VALID_PATHS") == "0":
        return event.get("DM_UUID", "").removeprefix("mpath-") or event.get("DM_NAME", "")
    return ""
