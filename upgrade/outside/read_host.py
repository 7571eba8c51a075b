"""Read what the file systems of a host say, from its disk and without mounting anything; nothing is written.

``debugfs -c`` reads a file system that has an unfinished journal, and mtools(1) an ESP, both at their places on the disk: the
partitions may not be there as devices.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from dom0kit.process import run
from dom0kit.units import SECTOR as START_UNIT
from installer.hardware.installations import FOLDER, LABEL, json_object
from installer.model.hardware import Facts
from installer.model.image_manifest import Manifest, parse_manifest
from installer.model.partition_layout import ESP, KINDS
from upgrade.choice.esps import MTOOLS
from upgrade.outside.found_host import Details, FoundHost, FoundImage, group
from upgrade.outside.work import RETURNED
from upgrade.store.images import FAILED

Ask = Callable[[list[str]], str]
"""Returns the standard output of a command, "" if it failed."""
NUMBERS = {"free": r"^Free blocks:\s+(\d+)", "reserved": r"^Reserved block count:\s+(\d+)", "block": r"^Block size:\s+(\d+)"}


def ask(argv: list[str]) -> str:
    """Run a program that reads a disk, and return its output; "" if it fails."""
    try:
        return run(argv, check=False, env=MTOOLS).output
    except UserError:
        return ""


def find_hosts(facts: Facts, ask: Ask = ask) -> list[FoundHost]:
    """Return the hosts on the disks with what their file systems say."""
    return [replace(host, details=read_details(host, ask)) for host in group(facts)]


def read_details(host: FoundHost, ask: Ask) -> Details:
    """Read the images, the choice and the last results of a host; what is damaged is left out."""
    places = [read_places(disk.path, ask) for disk in host.disks]
    choice = boot_choice.newest(read_choice(esp, host.system, ask) for _, esp in places if esp)
    system = next((place for place, _ in places if place), "")
    if not system:
        return Details(choice=choice)

    def cat(path: str) -> str:
        return ask(["debugfs", "-c", "-R", f'cat "{path}"', system])

    listing = ask(["debugfs", "-c", "-R", "ls -p /images", system])
    names = [name for name in FOLDER.findall(listing) if boot_choice.IMAGE.fullmatch(name)]
    images = []
    for name in names:
        marker = cat(f"/state/{name}/installed.json")
        made_by = str(json_object(marker).get("task", ""))
        images.append(FoundImage(name, manifest_of(cat(f"/images/{name}/manifest.json")), bool(marker), made_by))
    confirmed = choice.image if choice is not None else (images[0].name if len(images) == 1 else "")
    return Details(
        images=tuple(images),
        choice=choice,
        failed=failures(cat(f"/{FAILED}")),
        unhealthy=unhealthy(cat(f"/state/{confirmed}/health.json")) if confirmed else None,
        returned=str(json_object(cat(f"/{RETURNED}")).get("task", "")),
        free=free_bytes(ask(["debugfs", "-c", "-R", "show_super_stats -h", system])),
    )


def read_places(disk: str, ask: Ask) -> tuple[str, str]:
    """Return where the system and the ESP are on a disk, as debugfs and mtools take it; "" for one that is not there."""
    listing = ask(["partx", "--raw", "--noheadings", "--output", "START,NAME", disk])
    starts: dict[str, int] = {}
    for line in listing.splitlines():
        start, _, name = line.strip().partition(" ")
        if start.isdigit():
            starts.setdefault(name.strip(), int(start) * START_UNIT)
    esp = KINDS[ESP][0]
    return (
        f"{disk}?offset={starts[LABEL]}" if LABEL in starts else "",
        f"{disk}@@{starts[esp]}" if esp in starts else "",
    )


def read_choice(esp: str, system: str, ask: Ask) -> Choice | None:
    """Return the choice on an ESP; None when it has none, or one for another system."""
    text = ask(["mtype", "-i", esp, f"::/{boot_choice.PATH}"])
    try:
        choice = boot_choice.parse(text.encode("ascii", "replace"))
        return choice if choice.system == uuid.UUID(system) else None
    except (UserError, ValueError):
        return None


def manifest_of(text: str) -> Manifest | None:
    """Return a manifest; None for a damaged one."""
    try:
        return parse_manifest(text)
    except UserError:
        return None


def failures(text: str) -> dict[str, str]:
    """Return why images failed, by name; empty for a damaged file."""
    value = json_object(text)
    return {name: str(entry["reason"]) for name, entry in value.items() if isinstance(entry, dict) and "reason" in entry}


def unhealthy(text: str) -> tuple[str, ...] | None:
    """Return the required checks that failed in a health report; None without one."""
    checks = json_object(text).get("checks")
    if not isinstance(checks, list):
        return None
    found = [check for check in checks if isinstance(check, dict) and check.get("required") and check.get("state") != "ok"]
    return tuple(f"{check.get('name')}: {check.get('text')}" for check in found)


def free_bytes(superblock: str) -> int:
    """Return the bytes that files may still take, from the output of ``show_super_stats``; 0 if unknown."""
    values = {}
    for name, pattern in NUMBERS.items():
        found = re.search(pattern, superblock, re.MULTILINE)
        if found is None:
            return 0
        values[name] = int(found[1])
    return max(values["free"] - values["reserved"], 0) * values["block"]


def was_ok(report: str, name: str) -> bool:
    """Return whether a check was fulfilled in a health report; without the check, or without a report, it counts as such."""
    checks = json_object(report).get("checks")
    found = [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []
    return all(check.get("state") == "ok" for check in found if check.get("name") == name)


def read_report(state: Path) -> str:
    """Return the last health report in the folder of an image's state; "" without one."""
    try:
        return (state / "health.json").read_text(errors="replace")
    except OSError:
        return ""
