"""The screens about disks: where to install, the second disk of a mirror, space for guests. Pure."""

from __future__ import annotations

from answerfiles import field_types
from dom0kit.units import human_bytes
from installer.model.hardware import Disk
from installer.model.partition_layout import DoesNotFit, lay_out
from installer.tui.pages.disk_rows import HEADER, WIDTHS, may_get_paths, rows, short, why_not
from installer.tui.pages.field_validators import kind
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Check, CheckList, Entry, Form, Gap, Problem, Radio, Table, Text, Values

DISK_HELP = """Choose the disk that the host will start from. The whole disk is used and everything on it is lost, but not \
before a last question that names it.

The list has one line for each real disk; below it stands all that is known about the marked one. A '-' in the last column \
marks disks that cannot be chosen, with the reason.

A disk that is reached over several cables of a storage network (multipath) is one line, with its paths and how they are. \
The single paths are shown too, but cannot be chosen. 'As multipath' is for a disk that has one cable now and will get more: it \
makes the marked disk a multipath disk, and the host is prepared for the other paths.

With a mirror (software RAID 1) the host lives on two disks and still starts when one of them dies. Do not mirror disks of \
a storage array: it does that itself.

'Look again' searches anew, for example when you have plugged a disk in."""

GUESTS_HELP = """Guests (virtual machines) keep their disks in an LVM volume group. It takes what the host leaves free on its \
own disk: all but about 10 GiB.

Thin: guests get space as they write to it. More can be promised than there is, so you must watch how full it gets.

None: choose this when guests live on a storage network, or when you will set the space up yourself later. The rest of the disk \
then stays empty.

Further disks are taken as a whole; everything on them is lost."""


def target(state: State) -> Form:
    """The disk to install on."""
    disks = state.facts.disks
    found = rows(disks, disks)
    later = (("multipath", "As multipath"),) if any(map(may_get_paths, disks)) else ()
    return Form(
        title="Disk to install on",
        items=(
            Text("Where shall the host be installed? All data on this disk will be lost."),
            Gap(),
            Table("disk.key", HEADER, found, state.text("disk.key"), WIDTHS, height=6, gap=1, pane=4)
            if found
            else Text("This machine has no disk."),
            Check("disk.mirror", "Mirror it on a second disk (software RAID 1)", state.on("disk.mirror")),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("rescan", "Look again"), *later),
        help=DISK_HELP,
    )


def take_target(state: State, values: Values) -> State | list[Problem]:
    """A disk that can be written to; for a mirror there must be another one."""
    disk = state.disk(str(values.get("disk.key", "")))
    if disk is None:
        return [Problem("", "No disk to install on was found. Connect one and choose 'Look again'.")]
    if reason := why_not(disk, state.facts.disks):
        return [Problem("disk.key", f"{short(disk.path)} cannot be chosen: {reason}.")]
    if disk.sector != 512 and state.facts.firmware == "bios":
        return [Problem("disk.key", f"A BIOS cannot start from sectors of {disk.sector} bytes. Start this machine by UEFI.")]
    after = state.having(values)
    if after.on("disk.mirror") and not mirror_disks(after):
        return [Problem("disk.mirror", "A mirror needs a second disk, and there is none that could be one.")]
    return after


def mirror_disks(state: State) -> tuple[Disk, ...]:
    """Disks that could be the second of the mirror."""
    return tuple(d for d in state.facts.disks if d.path != state.text("disk.key") and not why_not(d, state.facts.disks))


def mirror(state: State) -> Form:
    """The second disk of a mirror."""
    first = state.disk(state.text("disk.key"))
    assert first is not None
    found = rows(mirror_disks(state), state.facts.disks)
    return Form(
        title="Second disk of the mirror",
        items=(
            Text(
                f"The first is {short(first.path)[:40]}. Which disk shall hold the same? All data on it will be lost too. "
                "Of two disks that differ in size the smaller one counts."
            ),
            Gap(),
            Table("mirror.key", HEADER, found, state.text("mirror.key"), WIDTHS, height=5, gap=1, pane=4),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back")),
        help=DISK_HELP,
    )


def take_mirror(state: State, values: Values) -> State | list[Problem]:
    """Sectors of one size; the rest the list has sorted out."""
    after = state.having(values)
    disks = after.system_disks()
    if len(disks) == 2 and disks[0].sector != disks[1].sector:
        return [
            Problem("mirror.key", f"The two must have sectors of one size: {disks[0].sector} and {disks[1].sector} bytes here.")
        ]
    return after


def no_mirror(state: State) -> bool:
    """Skipped when one disk is enough."""
    return not state.on("disk.mirror")


def room(state: State) -> str:
    """How much of the chosen disk is left for guests; empty when it is too small for any."""
    disks = state.system_disks()
    try:
        small = min(disk.size for disk in disks)
        parts = lay_out(small, max(disk.sector for disk in disks), guests=True, seed=state.identity, mirror=len(disks) > 1)
    except (ValueError, DoesNotFit):
        return ""
    return f", {human_bytes(parts[-1].size)}"


def guests(state: State) -> Form:
    """Space for guests."""
    further = guest_candidates(state)
    return Form(
        title="Space for guests",
        items=(
            Text("Where shall the disks of guests (virtual machines) be kept?"),
            Gap(),
            Radio(
                "guests.kind",
                (
                    ("lvm", f"In a volume group on the rest of the disk{room(state)} (recommended)"),
                    ("thin", "The same, thin: space is taken as guests write to it"),
                    ("none", "Nowhere on this host: leave the rest of the disk empty"),
                ),
                state.text("guests.kind"),
            ),
            Gap(),
            Entry(
                "guests.group", "Name of the volume group", state.text("guests.group"), kind(field_types.volume_group), width=24
            ),
            *((Gap(), Check("guests.more", "Add further disks to it", state.on("guests.more"))) if further else ()),
        ),
        help=GUESTS_HELP,
    )


def take_guests(state: State, values: Values) -> State | list[Problem]:
    """A name that is free."""
    after = state.having(values)
    if after.text("guests.kind") == "none":
        return after
    name = after.text("guests.group")
    if wrong := kind(field_types.volume_group)(name):
        return [Problem("guests.group", wrong)]
    own = {path for disk in after.chosen_disks() for path in (disk.path, *disk.partitions, *(p for _, p in disk.volumes))}
    taken = [pv.path for pv in state.facts.physical_volumes if pv.group == name and pv.path not in own]
    if taken and not after.on("guests.more"):
        return [Problem("guests.group", f"There is a volume group {name} already, on {taken[0]}. Choose another name.")]
    return after


def guest_candidates(state: State) -> tuple[Disk, ...]:
    """Disks that could hold guests beside the system's."""
    system = state.system_disks()
    return tuple(disk for disk in state.facts.disks if disk not in system and not why_not(disk, state.facts.disks))


def more(state: State) -> Form:
    """Further disks for guests."""
    found = rows(guest_candidates(state), state.facts.disks)
    return Form(
        title="Further disks for guests",
        items=(
            Text("Which disks shall be added? Mark them with the space bar. All data on them will be lost."),
            Gap(),
            CheckList("guests.disks", HEADER, found, state.keys("guests.disks"), WIDTHS, height=9, gap=1),
        ),
        help=GUESTS_HELP,
    )


def no_more(state: State) -> bool:
    """Skipped when no further disk is wanted or there is none."""
    return state.text("guests.kind") == "none" or not state.on("guests.more") or not guest_candidates(state)
