"""Devices of RAID arrays: the name below /dev/md comes from udev, the array itself from the kernel."""

from __future__ import annotations

import os
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import udev
from dom0kit.polling import TimedOut
from installer.apply.partition_devices import wait_for
from installer.command_log import Commands
from installer.model.actions import Array


def wait_for_array(array: Array, commands: Commands, root: Path = Path("/")) -> None:
    """Wait until an array has its name, which udev gives it; ask udev once more, and then give it the name here.

    :raises UserError: when the kernel does not have the array.
    """
    try:
        wait_for([array.device], "the array")
        return
    except TimedOut as error:
        name = find_array(array.md_uuid, commands, root)
        if not name:
            raise UserError(f"{error.message}, and the kernel has no array {array.md_uuid}", "see 'dmesg'") from error
    commands(["udevadm", "trigger", "--action=change", f"--name-match=/dev/{name}"], check=False)
    udev.settle(commands, note=commands.note)
    link = root / array.device.lstrip("/")
    if not link.exists():
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        os.symlink(f"../{name}", link)
        commands.note(f"udev gave /dev/{name} no name; linked {array.device} to it")


def find_array(md_uuid: str, commands: Commands, root: Path = Path("/")) -> str:
    """Return the kernel's name of a running array by its UUID, such as ``md127``; "" if there is none."""
    for node in sorted((root / "sys/class/block").glob("md*/md")):
        name = node.parent.name
        result = commands(["mdadm", "--detail", "--export", f"/dev/{name}"], check=False)
        if f"MD_UUID={md_uuid}" in result.output.split():
            return name
    return ""
