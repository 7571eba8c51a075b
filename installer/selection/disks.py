"""Which disks the answers mean. Pure: problems and candidates instead of guesses."""

from __future__ import annotations

import re
from dataclasses import dataclass

from answerfiles.model import Answers, DiskSelector
from dom0kit.units import human_bytes
from installer.model.hardware import Disk, Facts


@dataclass(frozen=True)
class Chosen:
    """The disks of an installation.

    :param system: the disk to install on, or the two of a mirror.
    :param guests: further disks that the guests' volume group takes as a whole.
    """

    system: tuple[Disk, ...]
    guests: tuple[Disk, ...] = ()

    @property
    def all(self) -> tuple[Disk, ...]:
        """All disks that are written to."""
        return self.system + self.guests


def plain_wwn(text: str) -> str:
    """A world wide name without what tools put in front: lsblk says 0x5000c500a1b2c3d4, sysfs naa.5000c500a1b2c3d4."""
    lower = text.lower()
    for prefix in ("wwn-", "0x", "naa.", "eui.", "nvme."):
        lower = lower.removeprefix(prefix)
    return lower


def fits_pattern(text: str, pattern: str) -> bool:
    """Whether a text is what the pattern says, in which * and ? stand for other characters; case does not count.

    ``fnmatch`` would give brackets a meaning, which models of disks contain.
    """
    words = {"*": ".*", "?": "."}
    expression = "".join(words.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.IGNORECASE | re.DOTALL) is not None


def why_not(disk: Disk, selector: DiskSelector) -> str:
    """Why a disk is not the one that was asked for; empty when it is."""
    kind = "a disk that turns" if disk.rotational else "flash"
    checks = (
        (disk.is_medium, "it is the disk that this system was started from"),
        (selector.serial is not None and disk.serial != selector.serial, said("serial", disk.serial)),
        (
            selector.wwn is not None and (not disk.wwn or plain_wwn(disk.wwn) != plain_wwn(selector.wwn)),
            said("wwn", disk.wwn),
        ),
        (selector.path is not None and selector.path not in (disk.path, *disk.aliases), "it has another path"),
        (selector.size is not None and not selector.size.holds(disk.size), said("size", human_bytes(disk.size))),
        (selector.model is not None and not fits_pattern(disk.model, selector.model), said("model", disk.model)),
        (selector.transport is not None and disk.transport != selector.transport, said("transport", disk.transport)),
        (selector.rotational is not None and disk.rotational != selector.rotational, f"it is {kind}"),
        (selector.multipath == "required" and disk.kind != "mpath", "it is no multipath map"),
    )
    return "; ".join(reason for failed, reason in checks if failed)


def said(what: str, value: str) -> str:
    """What a disk has in place of what was asked for."""
    return f"its {what} is {value}" if value else f"it has no {what}"


def candidates(facts: Facts, selector: DiskSelector) -> str:
    """Every disk with the reason why it is or is not taken, a line each."""
    lines = [
        f"    {disk.describe()}: {f'a path of {disk.map}' if disk.map else why_not(disk, selector) or 'matches'}"
        for disk in facts.disks
    ]
    return "\n".join(lines) if lines else "    this machine has no disk, or the driver of its controller is missing"


def matching(facts: Facts, selector: DiskSelector) -> tuple[Disk, ...]:
    """The disks that a selector means; paths of a multipath map are no candidates, the map stands for them."""
    return tuple(disk for disk in facts.disks if not disk.map and not why_not(disk, selector))


def choose_group(facts: Facts, selectors: tuple[DiskSelector, ...], name: str) -> tuple[tuple[Disk, ...], list[str]]:
    """The disks for a list of selectors, and problems.

    A selector that is there twice asks for two disks: exactly as many must match.
    """
    problems = []
    found: dict[DiskSelector, list[Disk]] = {}
    for selector in dict.fromkeys(selectors):
        asked = selectors.count(selector)
        disks = matching(facts, selector)
        if len(disks) == asked:
            found[selector] = sorted(disks, key=lambda disk: disk.path)
            continue
        paths = [disk for disk in facts.disks if disk.map and not why_not(disk, selector)]
        if paths and not disks:
            problems.append(
                f"{name} ({selector}) names {paths[0].path}, one path of the multipath disk {paths[0].map}; name that disk"
            )
            continue
        count = {0: "no disk matches", 1: "only one disk matches"}.get(len(disks), f"{len(disks)} disks match")
        needed = "one" if asked == 1 else str(asked)
        problems.append(f"{count} {name} ({selector}), exactly {needed} must:\n{candidates(facts, selector)}")
    if problems:
        return (), problems
    return tuple(found[selector].pop(0) for selector in selectors), []


def choose_disks(facts: Facts, answers: Answers) -> tuple[Chosen | None, list[str]]:
    """All disks that the answers mean, or problems that list every candidate."""
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
                f"{disk.describe()} is chosen {paths.count(disk.path)} times under target and guests; once is possible"
            )
    for disk in dict.fromkeys(chosen.all):
        problems += twin_problems(disk, facts)
    if answers.san.multipath == "required":
        problems += [
            f"{disk.describe()} is no multipath map, and san.multipath is 'required'; 'multipath -ll' shows the maps"
            for disk in chosen.system
            if disk.kind != "mpath"
        ]
    return (None, problems) if problems else (chosen, [])


def are_twins(one: Disk, other: Disk) -> bool:
    """Whether two disks are the same one by what they say of themselves.

    Namespaces of one NVMe drive share a serial number and have their own WWN; cheap sticks share serial numbers, seldom sizes.
    """
    if one.wwn and other.wwn:
        return plain_wwn(one.wwn) == plain_wwn(other.wwn)
    return bool(one.serial) and one.serial == other.serial and one.size == other.size


def twin_problems(disk: Disk, facts: Facts) -> list[str]:
    """Other disks that seem to be this one: paths that multipath did not recognise; writing to both destroys it."""
    twins = [other for other in facts.disks if other.path != disk.path and not other.map and are_twins(disk, other)]
    if not twins:
        return []
    names = ", ".join(other.path for other in twins)
    return [
        f"{disk.describe()} has the same serial number or WWN as {names}: these are paths to one disk that multipath did not "
        "recognise\n  'multipath -v3' says why; until then nothing is written to either"
    ]
