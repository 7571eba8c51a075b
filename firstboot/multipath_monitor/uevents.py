"""The kernel's uevents without udev: they arrive when a path fails, and need no disk."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from dom0kit.units import MIB

KERNEL_GROUP = 1
NETLINK_KOBJECT_UEVENT = 15
LARGEST = 65536
RECEIVE_BUFFER = MIB
"""Bytes of pending uevents: a storage network that fails takes many disks with it at once."""


def listen() -> socket.socket:
    """Return a socket on which each uevent is one message (netlink(7)).

    :raises PermissionError: without the required capability.
    """
    line = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    line.bind((0, KERNEL_GROUP))
    return line


def parse(data: bytes) -> dict[str, str]:
    """Parse the variables of a uevent.

    ``ACTION@DEVPATH`` and ``NAME=VALUE``, each terminated by a zero byte.
    """
    words = data.decode(errors="replace").split("\0")
    return dict(word.split("=", 1) for word in words[1:] if "=" in word)


def concerns_paths(event: Mapping[str, str]) -> bool:
    """Whether paths may have changed: a disk was added or removed, or device-mapper reports a map."""
    if event.get("SUBSYSTEM") != "block":
        return False
    if event.get("DEVNAME", "").startswith("dm-"):
        return event.get("DM_ACTION") is not None or event.get("ACTION") in ("add", "change", "remove")
    return event.get("DEVTYPE") == "disk" and event.get("ACTION") in ("add", "remove", "offline", "online")


def receive(line: socket.socket) -> bool:
    """Receive a uevent.

    :returns: whether paths may have changed; True when uevents were lost (ENOBUFS).
    """
    try:
        return concerns_paths(parse(line.recv(LARGEST)))
    except OSError:
        return True


def last_path(event: Mapping[str, str]) -> str:
    """Return the map that has lost its last path by device-mapper's report; else empty."""
    if event.get("DM_ACTION") == "PATH_FAILED" and event.get("DM_NR_VALID_PATHS") == "0":
        return event.get("DM_UUID", "").removeprefix("mpath-") or event.get("DM_NAME", "")
    return ""
