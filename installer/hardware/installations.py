"""Finished installations of dom0kit on the disks, read without mounting anything.

``debugfs -c`` reads a file system that is damaged, in use or has an unfinished journal, and writes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from dom0kit.units import SECTOR
from dom0kit.untrusted.values import whole_number
from installer.model.installation import Installation
from installer.model.partition_layout import KINDS, SYSTEM

LABEL = KINDS[SYSTEM][0]
"""Name of the system's partition."""
FOLDER = re.compile(r"^/\d+/\d+/\d+/\d+/([^/]+)/", re.MULTILINE)
"""A line of ``ls -p``: inode, mode, owner, group, name, size."""
SYSTEM_UUID = re.compile(r"^Filesystem UUID:\s+([0-9a-fA-F-]{36})\s*$", re.MULTILINE)

Ask = Callable[[list[str]], str]


def system_places(disk: str, listing: str) -> list[str]:
    """Return the places that may hold a system of dom0kit, as ``debugfs`` takes them: a device and an offset in bytes.

    The disk itself is read: its partitions may not be there as devices. A member of a mirror holds the same file system at
    the same place (metadata 1.0), so that each disk speaks for itself.

    :param listing: output of ``partx --raw --noheadings --output START,NAME``.
    """
    found = [line.split(maxsplit=1) for line in listing.splitlines() if line.split()[:1]]
    parts = [(start, "".join(words[1:]).strip()) for words in found if (start := whole_number(words[0], 0, 2**63, -1)) >= 0]
    named = [start for start, name in parts if name == LABEL]
    return [f"{disk}?offset={start * SECTOR}" for start in named or [start for start, _ in parts]]


def read_installations(disk: str, ask: Ask) -> tuple[Installation, ...]:
    """Return the finished installations on a disk.

    :param ask: returns the standard output of a command, "" if it failed.
    """
    found: dict[Installation, None] = {}
    for place in system_places(disk, ask(["partx", "--raw", "--noheadings", "--output", "START,NAME", disk])):
        system = ""
        for version in FOLDER.findall(ask(["debugfs", "-c", "-R", "ls -p /state", place])):
            if version in (".", "..") or '"' in version:
                continue
            state = f"/state/{version}"
            if marker := ask(["debugfs", "-c", "-R", f'cat "{state}/installed.json"', place]):
                now = ask(["debugfs", "-c", "-R", f'cat "{state}/upper/etc/dom0kit/host.json"', place])
                system = system or system_uuid(ask(["debugfs", "-c", "-R", "show_super_stats -h", place]))
                found[parse_installation(disk, version, marker, now, system)] = None
    return tuple(found)


def system_uuid(superblock: str) -> str:
    """Return the UUID of a file system in the output of ``show_super_stats``; "" without one."""
    found = SYSTEM_UUID.search(superblock)
    return found[1].lower() if found else ""


def parse_installation(disk: str, version: str, marker: str, host_json: str, system: str = "") -> Installation:
    """Return an installation from its marker and its answers; a damaged one keeps what can be read."""
    fields, answers = json_object(marker), json_object(host_json)
    names = (_text(fields, "host_name"), _text(answers, "host_name"))
    return Installation(
        disk=disk,
        names=tuple(dict.fromkeys(name for name in names if name)),
        machine=_text(fields, "machine"),
        install_id=_text(fields, "install_id"),
        order=_text(fields, "order"),
        version=_text(fields, "version") or version,
        installed=_text(fields, "installed"),
        firmware=_text(fields, "firmware"),
        image=version,
        system=system,
    )


def json_object(text: str) -> dict[str, Any]:
    """Return the object that a file of a disk holds as JSON; empty when it is damaged."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: dict[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
