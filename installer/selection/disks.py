"""Match disks to the selectors of the answers; list candidates instead of guessing (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from answerfiles.model import Answers, DiskSelector
from dom0kit.units import human_bytes
from installer.model import refusals
from installer.model.hardware import Disk, Facts


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


def plain_wwn(text: str) -> str:
    """Return a WWN without the prefixes of tools (lsblk: 0x5000c500a1b2c3d4, sysfs: naa.5000c500a1b2c3d4)."""
    lower = text.lower()
    for prefix in ("wwn-", "0x", "naa.", "eui.", "nvme."):
        lower = lower.removeprefix(prefix)
    return lower


def fits_pattern(text: str, pattern: str) -> bool:
    """Return whether text matches a pattern with the wildcards * and ?, ignoring case.

    ``fnmatch`` would interpret brackets, which occur in disk models.
    """
    words = {"*": ".*", "?": "."}
    expression = "".join(words.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL) is not None


def mismatch(disk: Disk, selector: DiskSelector) -> str:
    """Return why the disk does not match the selector ("" if it matches)."""
    kind = "a rotating disk" if disk.rotational else "flash"
    checks = (
        (disk.is_medium, "it is the boot medium"),
        (selector.serial is not None and disk.serial != selector.serial, property_text("serial", disk.serial)),
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


def candidates(facts: Facts, selector: DiskSelector) -> str:
    """Return a line for each disk with the reason why it does or does not match."""
    lines = [
        f"    {disk.describe()}: {f'a path of {disk.map}' if disk.map else mismatch(disk, selector) or 'matches'}"
        for disk in facts.disks
    ]
    return "\n".join(lines) if lines else "    no disk was found; the driver of its controller may be missing"


def matching(facts: Facts, selector: DiskSelector) -> tuple[Disk, ...]:
    """Return the disks that match a selector, with maps in place of their paths."""
    return tuple(disk for disk in facts.disks if not disk.map and not mismatch(disk, selector))


def choose_group(facts: Facts, selectors: tuple[DiskSelector, ...], name: str) -> tuple[tuple[Disk, ...], list[str]]:
    """Return the disks for a list of selectors, and problems.

    A selector that occurs n times requires n disks: exactly as many must match.
    """
    problems = []
    found: dict[DiskSelector, list[Disk]] = {}
    for selector in dict.fromkeys(selectors):
        required = selectors.count(selector)
        disks = matching(facts, selector)
        if len(disks) == required:
            found[selector] = sorted(disks, key=lambda disk: disk.path)
            continue
        paths = [disk for disk in facts.disks if disk.map and not mismatch(disk, selector)]
        if paths and not disks:
            problems.append(
                refusals.DISK_IS_PATH.text(
                    f"{name} ({selector}) matches {paths[0].path}, a path of the multipath disk {paths[0].map}; select the map"
                )
            )
            continue
        count = {0: "no disk matches", 1: "only one disk matches"}.get(len(disks), f"{len(disks)} disks match")
        needed = "one" if required == 1 else str(required)
        refusal = refusals.DISK_NOT_FOUND if len(disks) < required else refusals.DISK_AMBIGUOUS
        problems.append(refusal.text(f"{count} {name} ({selector}), exactly {needed} must match:\n{candidates(facts, selector)}"))
    if problems:
        return (), problems
    return tuple(found[selector].pop(0) for selector in selectors), []


def choose_disks(facts: Facts, answers: Answers) -> tuple[Chosen | None, list[str]]:
    """Return the disks that the answers select, or problems that list every candidate."""
    mirrored = answers.target.mirror is not None
    system, problems = choose_group(facts, answers.target.selectors(), "target.mirror" if mirrored else "target.disk")
    asked = () if isinstance(answers.guests, str) else answers.guests.disks
    guests, more = choose_group(facts, asked, "guests.disks")
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
        problems += duplicate_problems(disk, facts)
    if answers.san.multipath == "required":
        problems += [
            refusals.DISK_NOT_MULTIPATH.text(
                f"{disk.describe()} is not a multipath map, but san.multipath is 'required'; check 'multipath -ll'"
            )
            for disk in chosen.system
            if disk.kind != "mpath"
        ]
    return (None, problems) if problems else (chosen, [])


def are_duplicates(one: Disk, other: Disk) -> bool:
    """Return whether two disks are the same one by their identifiers.

    Namespaces of one NVMe drive share a serial number but have their own WWN; cheap sticks share serial numbers, seldom sizes.
    """
    if one.wwn and other.wwn:
        return plain_wwn(one.wwn) == plain_wwn(other.wwn)
    return bool(one.serial) and one.serial == other.serial and one.size == other.size


def duplicate_problems(disk: Disk, facts: Facts) -> list[str]:
    """Return an error if other disks seem to be this one: paths that multipath did not combine."""
    duplicates = [other for other in facts.disks if other.path != disk.path and not other.map and are_duplicates(disk, other)]
    if not duplicates:
        return []
    names = ", ".join(other.path for other in duplicates)
    return [
        refusals.DISK_DUPLICATE.text(
            f"{disk.describe()} has the same serial number or WWN as {names}: paths to one disk that multipath did not combine\n"
            "  run 'multipath -v3' to find the cause; nothing is written to either of them"
        )
    ]
