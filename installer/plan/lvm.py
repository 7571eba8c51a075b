"""Volume groups on the selected disks and elsewhere, distinguished by UUID (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from answerfiles.model import Answers
from installer.model import refusals
from installer.model.disk_content import LVM
from installer.model.hardware import Facts, PhysicalVolume
from installer.selection.disks import Chosen


@dataclass(frozen=True)
class Volumes:
    """All physical volumes of a machine, clones included.

    :param here: those on the selected disks.
    :param elsewhere: those on disks that stay.
    """

    here: tuple[PhysicalVolume, ...]
    elsewhere: tuple[PhysicalVolume, ...]

    def groups_here(self) -> dict[str, PhysicalVolume]:
        """Return one physical volume of each volume group on the selected disks, by the group's key."""
        return {key(volume): volume for volume in self.here if volume.group}


def key(volume: PhysicalVolume) -> str:
    """Return what identifies a volume group: its UUID; its name in facts without UUIDs."""
    return volume.group_uuid or volume.group


def own_devices(chosen: Chosen) -> frozenset[str]:
    """Return the selected disks, their partitions and the devices stacked on them."""
    paths = {path for disk in chosen.all for path in disk.paths}
    return frozenset(paths).union(*(disk.devices for disk in chosen.all))


def all_volumes(facts: Facts) -> tuple[PhysicalVolume, ...]:
    """Return the physical volumes that LVM lists, and those that only their own header shows: clones and ignored devices."""
    listed = {volume.path for volume in facts.physical_volumes}
    by_uuid = {volume.uuid: volume for volume in facts.physical_volumes if volume.uuid}
    # The paths of a map show the map's content once more.
    maps = {path: disk.path for disk in facts.disks for path in disk.paths}
    more = []
    for disk in facts.disks:
        for content in disk.found:
            if content.kind != LVM or content.device in listed or disk.path in maps:
                continue
            same = by_uuid.get(content.uuid)
            if same is None:
                more.append(PhysicalVolume(content.device, "", content.uuid))
            elif not (same.missing or _is_alias(content.device, same.path, facts)):
                more.append(replace(same, path=content.device, duplicate=True))
    return (*facts.physical_volumes, *more)


def _is_alias(device: str, path: str, facts: Facts) -> bool:
    """Return whether two paths mean one device: LVM may name another link, or a path of a map."""
    return any({device, path} <= {disk.path, *disk.aliases, *disk.paths} for disk in facts.disks)


def split(chosen: Chosen, facts: Facts) -> Volumes:
    """Return the physical volumes on the selected disks and those elsewhere; missing ones are in neither."""
    own = own_devices(chosen)
    present = [volume for volume in all_volumes(facts) if not volume.missing]
    return Volumes(tuple(v for v in present if v.path in own), tuple(v for v in present if v.path not in own))


def active_groups(chosen: Chosen, facts: Facts) -> tuple[str, ...]:
    """Return the UUIDs of the volume groups that may be active on the selected disks, for deactivating them.

    LVM activates neither those of other machines nor exported ones, and refuses to deactivate them.
    """
    groups = split(chosen, facts).groups_here()
    return tuple(sorted(name for name, volume in groups.items() if not (volume.foreign or volume.exported)))


def group_problems(chosen: Chosen, facts: Facts, answers: Answers) -> list[str]:
    """Return volume groups that would become incomplete, and an error if the configured name exists elsewhere."""
    volumes = split(chosen, facts)
    names = ", ".join(disk.path for disk in chosen.all)
    problems, spanning = [], set()
    kept = {v.uuid for v in volumes.elsewhere if v.uuid}
    for group, volume in sorted(volumes.groups_here().items()):
        gone = {v.uuid for v in volumes.here if key(v) == group}
        # A clone has the UUIDs of what is erased here, and stays complete; so does the group whose copies alone are erased.
        others = [v for v in volumes.elsewhere if v.group and key(v) == group and (not v.uuid or v.uuid not in gone)]
        if others and not gone <= kept:
            spanning.add(group)
            problems.append(
                refusals.VG_SPANS_OTHER_DISKS.text(
                    f"{describe(volume)} on {names} also uses {_paths(others)}, and would become incomplete"
                )
            )
    wanted = answers.volume_group()
    same = [v for v in volumes.elsewhere if wanted and v.group == wanted and key(v) not in spanning]
    if same:
        problems.append(
            refusals.VG_EXISTS.text(
                f"{describe(same[0])} already exists on {_paths(same)}; choose another name with guests.volume_group"
            )
        )
    return problems


def group_warnings(chosen: Chosen, facts: Facts) -> list[str]:
    """Return volume groups on the selected disks that are incomplete already, or that belong to others."""
    warnings = []
    for volume in split(chosen, facts).groups_here().values():
        if volume.broken:
            warnings.append(f"{describe(volume)} on {volume.path} is incomplete already: physical volumes of it are missing")
        elif volume.foreign or volume.exported or volume.shared:
            warnings.append(f"{describe(volume)} on {volume.path} will be erased")
    return warnings


def describe(volume: PhysicalVolume) -> str:
    """Return a volume group in a few words: name, and what is special about it."""
    remarks = (
        f"of the machine {volume.system_id}" if volume.foreign else "",
        "exported" if volume.exported else "",
        "shared by several machines" if volume.shared else "",
    )
    special = ", ".join(remark for remark in remarks if remark)
    return f"volume group {volume.group}" + (f" ({special})" if special else "")


def _paths(volumes: Iterable[PhysicalVolume]) -> str:
    return ", ".join(dict.fromkeys(volume.path for volume in volumes))
