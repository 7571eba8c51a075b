"""Match disks to the selectors of the answers; list candidates instead of guessing (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from answerfiles.checks.device_paths import plain_wwn
from answerfiles.model import Answers, DiskSelector
from dom0kit.units import human_bytes
from installer.model import refusals
from installer.model.hardware import Disk, Facts
from installer.model.partition_layout import GUEST_DISK_LEAST, least_size
from installer.selection.disk_identity import are_one, may_be_one, plain_serial, twins
from installer.selection.obstacles import find_obstacle

Least = Callable[[Disk], int]
"""Returns the smallest size in bytes of a disk for a purpose."""


EXTERNAL = "it is removable or on USB, and the rule has no serial, wwn, path or transport"


@dataclass(frozen=True)
class Chosen:
    """The disks of an installation.

    :param system: the target disk, or the two of a mirror.
    :param guests: additional disks that the guests' volume group uses as a whole.
    """

    system: tuple[Disk, ...]
    guests: tuple[Disk, ...] = ()

    @property
    def all(self) -> tuple[Disk, ...]:
        """Return all disks that are written to."""
        return self.system + self.guests


def fits_pattern(text: str, pattern: str) -> bool:
    """Return whether text matches a pattern with the wildcards * and ?, ignoring case.

    ``fnmatch`` would interpret brackets, which occur in disk models.
    """
    words = {"*": ".*", "?": "."}
    expression = "".join(words.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL) is not None


def is_external(disk: Disk) -> bool:
    """Return whether a disk is one that people plug in: a USB stick or disk, a card."""
    return disk.removable or disk.transport == "usb"


def names_external(selector: DiskSelector) -> bool:
    """Return whether a selector means such a disk: by its transport, or by a name of this one."""
    return selector.transport is not None or selector.names_one()


def mismatch(disk: Disk, selector: DiskSelector) -> str:
    """Return why the disk does not match the selector ("" if it matches)."""
    kind = "a rotating disk" if disk.rotational else "flash"
    checks = (
        (disk.is_medium, "it is the boot medium"),
        (
            selector.serial is not None and plain_serial(disk.serial) != plain_serial(selector.serial),
            property_text("serial", disk.serial),
        ),
        (is_external(disk) and not names_external(selector), EXTERNAL),
        (
            selector.wwn is not None and (not disk.wwn or plain_wwn(disk.wwn) != plain_wwn(selector.wwn)),
            property_text("wwn", disk.wwn),
        ),
        (selector.path is not None and selector.path not in (disk.path, *disk.aliases), "its path is different"),
        (selector.size is not None and not selector.size.holds(disk.size), property_text("size", human_bytes(disk.size))),
        (selector.model is not None and not fits_pattern(disk.model, selector.model), property_text("model", disk.model)),
        (selector.transport is not None and disk.transport != selector.transport, property_text("transport", disk.transport)),
        (selector.rotational is not None and disk.rotational != selector.rotational, f"it is {kind}"),
        (selector.multipath == "required" and disk.kind != "mpath", "it is not a multipath map"),
    )
    return "; ".join(reason for failed, reason in checks if failed)


def property_text(what: str, value: str) -> str:
    """Return the text on a disk's actual property."""
    return f"its {what} is {value}" if value else f"it has no {what}"


def why_not(disk: Disk, selector: DiskSelector, least: int = 0) -> str:
    """Return why a disk is not taken for a selector; "" if it is."""
    if disk.map:
        return f"a path of {disk.map}"
    obstacle = find_obstacle(disk, least)
    return "; ".join(filter(None, (mismatch(disk, selector), obstacle.sentence if obstacle else "")))


def candidates(facts: Facts, selector: DiskSelector, least: Least = lambda disk: 0) -> str:
    """Return a line for each disk with the reason why it does or does not match."""
    lines = []
    for disk in facts.disks:
        notes = [why_not(disk, selector, least(disk)) or "matches"]
        notes += [f"cannot be read: {disk.unreadable}"] if disk.unreadable else []
        if not disk.map and (same := twins(disk, facts.disks)):
            notes.append(f"same serial number as {', '.join(other.path for other in same)}")
        lines.append(f"    {disk.describe()}: {'; '.join(notes)}")
    return "\n".join(lines) if lines else "    no disk was found; the driver of its controller may be missing"


def matching(facts: Facts, selector: DiskSelector, least: Least = lambda disk: 0) -> tuple[Disk, ...]:
    """Return the disks that match a selector, with maps in place of their paths."""
    return tuple(disk for disk in facts.disks if not why_not(disk, selector, least(disk)))


def choose_group(
    facts: Facts, selectors: tuple[DiskSelector, ...], name: str, least: Least
) -> tuple[tuple[Disk, ...], list[str]]:
    """Return the disks for a list of selectors, and problems.

    A selector that occurs n times requires n disks: exactly as many must match.
    """
    problems = []
    found: dict[DiskSelector, list[Disk]] = {}
    for selector in dict.fromkeys(selectors):
        required = selectors.count(selector)
        disks = matching(facts, selector, least)
        if len(disks) == required:
            found[selector] = sorted(disks, key=lambda disk: disk.path)
            continue
        if not disks and (reasons := obstacle_problems(facts, selector, name, required, least)):
            problems += reasons
            continue
        count = {0: "no disk matches", 1: "only one disk matches"}.get(len(disks), f"{len(disks)} disks match")
        needed = "one" if required == 1 else str(required)
        refusal = refusals.DISK_NOT_FOUND if len(disks) < required else refusals.DISK_AMBIGUOUS
        problems.append(
            refusal.text(f"{count} {name} ({selector}), exactly {needed} must match:\n{candidates(facts, selector, least)}")
        )
    if problems:
        return (), problems
    return tuple(found[selector].pop(0) for selector in selectors), []


def obstacle_problems(facts: Facts, selector: DiskSelector, name: str, required: int, least: Least) -> list[str]:
    """Return why the very disks that a selector means cannot be targets; nothing if it means others, too."""
    meant = [disk for disk in facts.disks if not mismatch(disk, selector)]
    paths = [disk for disk in meant if disk.map]
    if paths:
        text = f"{name} ({selector}) matches {paths[0].path}, a path of the multipath disk {paths[0].map}; select the map"
        return [refusals.DISK_IS_PATH.text(text)]
    if len(meant) != required:
        return []
    obstacles = [(disk, find_obstacle(disk, least(disk))) for disk in meant]
    return [o.refusal.text(f"{name} ({selector}) matches {disk.describe()}, but {o.sentence}") for disk, o in obstacles if o]


def choose_disks(facts: Facts, answers: Answers) -> tuple[Chosen | None, list[str]]:
    """Return the disks that the answers select, or problems that list every candidate."""
    mirrored = answers.target.mirror is not None
    for_guests = answers.guests_on_target()

    def least(disk: Disk) -> int:
        return least_size(disk.sector, guests=for_guests)

    name = "target.mirror" if mirrored else "target.disk"
    system, problems = choose_group(facts, answers.target.selectors(), name, least)
    asked = () if isinstance(answers.guests, str) else answers.guests.disks
    guests, more = choose_group(facts, asked, "guests.disks", lambda disk: GUEST_DISK_LEAST)
    problems += more
    if problems:
        return None, problems
    chosen = Chosen(system, guests)
    paths = [disk.path for disk in chosen.all]
    for disk in dict.fromkeys(chosen.all):
        if paths.count(disk.path) > 1:
            problems.append(
                refusals.DISK_SELECTED_TWICE.text(
                    f"{disk.describe()} is selected {paths.count(disk.path)} times under target and guests; select it once"
                )
            )
    for disk in dict.fromkeys(chosen.all):
        problems += duplicate_problems(disk, facts, chosen)
    if answers.san.multipath == "required":
        problems += [
            refusals.DISK_NOT_MULTIPATH.text(
                f"{disk.describe()} is not a multipath map, but san.multipath is 'required'; check 'multipath -ll'"
            )
            for disk in chosen.system
            if disk.kind != "mpath"
        ]
    return (None, problems) if problems else (chosen, [])


def duplicate_problems(disk: Disk, facts: Facts, chosen: Chosen) -> list[str]:
    """Return an error if other devices are this disk, or may be while both are to be erased or one is a multipath map."""
    others = [other for other in facts.disks if other.path != disk.path and not other.map]
    duplicates = [
        other
        for other in others
        if are_one(disk, other) or (may_be_one(disk, other) and (other in chosen.all or "mpath" in (disk.kind, other.kind)))
    ]
    if not duplicates:
        return []
    names = ", ".join(other.path for other in duplicates)
    return [
        refusals.DISK_DUPLICATE.text(
            f"{disk.describe()} has the same serial number or WWN as {names}: paths to one disk that multipath did not combine\n"
            "  run 'multipath -v3' to find the cause; nothing is written to either of them"
        )
    ]


def twin_warnings(facts: Facts, chosen: Chosen) -> list[str]:
    """Return the selected disks that share their serial number with others, which were distinguished."""
    return [
        f"{disk.describe()} has the same serial number as {', '.join(other.path for other in same)}: check that it is the disk "
        "that is meant"
        for disk in chosen.all
        if (same := twins(disk, facts.disks))
    ]
