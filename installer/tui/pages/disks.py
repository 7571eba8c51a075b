"""Screens for disks: target disk, second mirror disk, guest storage (pure)."""

from __future__ import annotations

from answerfiles import field_types
from dom0kit.units import human_bytes
from installer.model.hardware import Disk
from installer.model.partition_layout import GUEST_DISK_LEAST, DoesNotFit, lay_out, least_size
from installer.tui.pages.disk_rows import HEADER, WIDTHS, can_be_multipath, rows, short, why_not
from installer.tui.pages.field_validators import kind
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Check, CheckList, Entry, Form, Gap, Problem, Radio, Table, Text, Values

DISK_HELP = """Select the disk that the host will boot from. The whole disk is used and all its data is lost, but only \
after a final confirmation that names it.

The list has one line per disk, with all details of the selected one below. A '-' in the last column \
marks disks that cannot be selected, with the reason.

A disk with several paths of a storage network (multipath) is one line, with the states of its paths. \
The single paths are shown too, but cannot be selected. 'As multipath' is for a disk that has one path now and will get more: it \
makes the selected disk a multipath disk, and prepares the host for the other paths.

With a mirror (software RAID 1), the host is stored on two disks and still boots if one of them fails. Do not mirror disks of \
a storage array: it has its own redundancy.

'Rescan' detects the disks again, for example after you have plugged one in."""

GUESTS_HELP = """The virtual disks of guests are stored in an LVM volume group. It takes the space that the host leaves free \
on its own disk: all but about 10 GiB.

Thin: space is allocated when guests write to it. It can be overcommitted, so you must monitor its usage.

None: choose this if guests are stored on a storage network, or if you set up the space later. The rest of the disk \
then stays empty.

Additional disks are used as a whole; all their data is lost. With 'Only these' the rest of the system disk stays empty: \
for a system on a small disk or mirror of its own."""


def target(state: State) -> Form:
    """Build the screen for the target disk."""
    disks = state.facts.disks
    found = rows(disks, disks)
    multipath = (("multipath", "As multipath"),) if any(map(can_be_multipath, disks)) else ()
    return Form(
        title="Target disk",
        items=(
            Text("Select the disk to install the host on. All data on it will be lost."),
            Gap(),
            Table("disk.key", HEADER, found, state.text("disk.key"), WIDTHS, height=6, gap=1, pane=4)
            if found
            else Text("No disk was found."),
            Check("disk.mirror", "Mirror it on a second disk (software RAID 1)", state.is_checked("disk.mirror")),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("rescan", "Rescan"), *multipath),
        help=DISK_HELP,
    )


def submit_target(state: State, values: Values) -> State | list[Problem]:
    """Require a usable disk, and for a mirror a second one."""
    disk = state.disk(str(values.get("disk.key", "")))
    if disk is None:
        return [Problem("", "No disk was found. Connect one and choose 'Rescan'.")]
    if reason := why_not(disk, state.facts.disks):
        return [Problem("disk.key", f"{short(disk.path)} cannot be selected: {reason}.")]
    if disk.sector != 512 and state.facts.firmware == "bios":
        return [Problem("disk.key", f"A BIOS cannot boot from sectors of {disk.sector} bytes. Boot this machine with UEFI.")]
    after = state.with_values(values)
    if after.is_checked("disk.mirror") and not mirror_disks(after):
        return [Problem("disk.mirror", "A mirror needs a second disk, and no other disk is usable.")]
    return after


def mirror_disks(state: State) -> tuple[Disk, ...]:
    """Return the disks that can be the second of the mirror."""
    return tuple(d for d in state.facts.disks if d.path != state.text("disk.key") and not why_not(d, state.facts.disks))


def mirror(state: State) -> Form:
    """Build the screen for the second mirror disk."""
    first = state.disk(state.text("disk.key"))
    assert first is not None
    found = rows(mirror_disks(state), state.facts.disks)
    return Form(
        title="Second mirror disk",
        items=(
            Text(
                f"Select the disk to mirror {short(first.path)[:40]}. All data on it will be lost. "
                "If the disks differ in size, the size of the smaller one is used."
            ),
            Gap(),
            Table("mirror.key", HEADER, found, state.text("mirror.key"), WIDTHS, height=5, gap=1, pane=4),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back")),
        help=DISK_HELP,
    )


def submit_mirror(state: State, values: Values) -> State | list[Problem]:
    """Require two disks with the same sector size; the list excludes all other mismatches."""
    after = state.with_values(values)
    disks = after.system_disks()
    if len(disks) == 2 and disks[0].sector != disks[1].sector:
        return [
            Problem(
                "mirror.key",
                f"The disks have different sector sizes: {disks[0].sector} and {disks[1].sector} bytes. Select another disk.",
            )
        ]
    return after


def skip_mirror(state: State) -> bool:
    """Return whether no mirror was chosen."""
    return not state.is_checked("disk.mirror")


def guest_space(state: State) -> str:
    """Return the size of the guest storage on the target disk, as ", 10 GiB"; "" if it is too small."""
    disks = state.system_disks()
    try:
        small = min(disk.size for disk in disks)
        parts = lay_out(small, max(disk.sector for disk in disks), guests=True, seed=state.identity, mirror=len(disks) > 1)
    except (ValueError, DoesNotFit):
        return ""
    return f", {human_bytes(parts[-1].size)}"


def guests(state: State) -> Form:
    """Build the screen for guest storage."""
    additional = guest_candidates(state)
    return Form(
        title="Guest storage",
        items=(
            Text("Select the storage for the disks of guests (virtual machines)."),
            Gap(),
            Radio(
                "guests.kind",
                (
                    ("lvm", f"Volume group on the rest of the disk{guest_space(state)} (recommended)"),
                    ("thin", "The same, thin-provisioned: allocated as guests write"),
                    ("none", "None: leave the rest of the disk empty"),
                ),
                state.text("guests.kind"),
            ),
            Gap(),
            Entry("guests.group", "Volume group name", state.text("guests.group"), kind(field_types.volume_group), width=24),
            *((Gap(), Check("guests.more", "Add additional disks", state.is_checked("guests.more"))) if additional else ()),
        ),
        help=GUESTS_HELP,
    )


def submit_guests(state: State, values: Values) -> State | list[Problem]:
    """Require a volume group name that is not in use."""
    after = state.with_values(values)
    if after.text("guests.kind") == "none":
        return after
    for disk in after.system_disks():
        least = least_size(disk.sector, guests=True)
        if disk.size < least:
            sizes = f"{human_bytes(disk.size)}, at least {human_bytes(least)} are required"
            return [Problem("guests.kind", f"{short(disk.path)} is too small for guests: {sizes}. Choose None.")]
    name = after.text("guests.group")
    if wrong := kind(field_types.volume_group)(name):
        return [Problem("guests.group", wrong)]
    own = {path for disk in after.chosen_disks() for path in (disk.path, *disk.partitions, *(p for _, p in disk.volumes))}
    taken = [pv.path for pv in state.facts.physical_volumes if pv.group == name and pv.path not in own]
    if taken and not after.is_checked("guests.more"):
        return [Problem("guests.group", f"A volume group {name} already exists on {taken[0]}. Choose another name.")]
    return after


def guest_candidates(state: State) -> tuple[Disk, ...]:
    """Return the usable disks that are not system disks."""
    system = state.system_disks()
    disks = state.facts.disks
    return tuple(disk for disk in disks if disk not in system and not why_not(disk, disks, least=GUEST_DISK_LEAST))


def more(state: State) -> Form:
    """Build the screen for additional guest disks."""
    found = rows(guest_candidates(state), state.facts.disks, GUEST_DISK_LEAST)
    return Form(
        title="Additional guest disks",
        items=(
            Text("Select the disks to add, using the space bar. All data on them will be lost."),
            Gap(),
            CheckList("guests.disks", HEADER, found, state.keys("guests.disks"), WIDTHS, height=7, gap=1),
            Check("guests.only", "Only these: nothing for guests on the system disk", state.is_checked("guests.only")),
        ),
        help=GUESTS_HELP,
    )


def submit_more(state: State, values: Values) -> State | list[Problem]:
    """Require a disk when guests are to use the additional disks only."""
    after = state.with_values(values)
    if after.is_checked("guests.only") and not after.guest_disks():
        return [Problem("guests.disks", "Select at least one disk for guests, or let them use the system disk too.")]
    return after


def skip_more(state: State) -> bool:
    """Return whether no additional disk was requested or is available."""
    return state.text("guests.kind") == "none" or not state.is_checked("guests.more") or not guest_candidates(state)
