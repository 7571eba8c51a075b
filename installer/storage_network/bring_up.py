"""Storage networks are brought up before anybody looks for disks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from answerfiles.model import Answers
from installer.command_log import Commands
from installer.model.hardware import MEDIUM
from installer.storage_network import iscsi_login, multipath
from installer.storage_network.multipath import RawDisk

HOST = Path("/etc/dom0kit/host.json")
"""An installed host has its answers there."""


def bring_up(
    answers: Answers | None, commands: Commands, tell: Callable[[float, str], None] = lambda fraction, text: None
) -> tuple[RawDisk, ...]:
    """Log in to iSCSI targets, then make a map of every disk with more than one path; the SCSI disks that were seen.

    :param answers: None: nobody has answered yet, and the firmware's targets are all there is.
    :raises UserError: when a target refuses, or a map cannot be made.
    """
    # A machine that runs an installed system, or builds images, has its own sessions; they are nobody's business here.
    if Path(MEDIUM).is_dir() and not HOST.exists():
        iscsi_login.log_in(answers.san.iscsi if answers else None, commands, tell)
    return multipath.find_paths(commands, tell)
