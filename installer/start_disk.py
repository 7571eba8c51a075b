"""Start the disk of a host that is installed already, whatever the firmware's boot order says, once."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from dom0kit.errors import UserError
from installer.bootloader.grub import MTOOLS
from installer.command_log import Commands
from installer.model import partition_layout
from installer.model.partition_layout import partition_path

REQUEST = "EFI/dom0kit/start.env"
"""File on the disk's ESP: asks the boot menu of the medium or the network to start this disk, which it does once."""
BLOCK = 1024
"""Size of GRUB's environment block, which GRUB rewrites in place."""


def environment_block(name: str, value: str) -> bytes:
    """Return GRUB's environment block with one variable."""
    return f"# GRUB Environment Block\n{name}={value}\n".encode().ljust(BLOCK, b"#")


def entry_of(listing: str, partition: str) -> str:
    """Return the number of the active boot entry for an ESP in the output of ``efibootmgr --verbose``; "" if there is none."""
    found = re.search(rf"^Boot([0-9A-F]{{4}})\* .*\bHD\(\d+,GPT,{re.escape(partition)},", listing, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


def request_start(disk: str, firmware: str, commands: Commands) -> str:
    """Let the next restart boot a disk.

    :returns: a sentence if that is not possible; the firmware's boot order decides then.
    """
    esp = partition_path(disk, partition_layout.ESP)
    if firmware == "uefi" and boot_next(esp, commands):
        return ""
    try:
        leave_request(esp, commands)
    except UserError as error:
        return f"the next restart follows the firmware's boot order: {error.message.splitlines()[-1].strip()}"
    return ""


def boot_next(esp: str, commands: Commands) -> bool:
    """Set the firmware's ``BootNext`` to the entry of an ESP; return whether it has one and took it."""
    guid = commands(["blkid", "--probe", "--output", "value", "--match-tag", "PART_ENTRY_UUID", esp], check=False).output.strip()
    number = entry_of(commands(["efibootmgr", "--verbose"], check=False).output, guid) if guid else ""
    return bool(number) and commands(["efibootmgr", "--quiet", "--bootnext", number], check=False).returncode == 0


def leave_request(esp: str, commands: Commands) -> None:
    """Write the request to an ESP, which is not mounted.

    :raises UserError: when it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="dom0kit-start-") as name:
        file = Path(name) / "start.env"
        file.write_bytes(environment_block("dom0kit_start_disk", "yes"))
        commands(["mcopy", "-o", "-i", esp, file, f"::/{REQUEST}"], env=MTOOLS)
    commands(["blockdev", "--flushbufs", esp])
