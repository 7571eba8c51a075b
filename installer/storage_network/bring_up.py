"""Bring up storage networks before disks are probed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from answerfiles.model import Answers
from installer.command_log import Commands
from installer.model.hardware import MEDIUM
from installer.storage_network import iscsi_login, multipath
from installer.storage_network.multipath import RawDisk

HOST = Path("/etc/dom0kit/host.json")
"""Answers of an installed host."""


def bring_up(
    answers: Answers | None, commands: Commands, tell: Callable[[float, str], None] = lambda fraction, text: None
) -> tuple[RawDisk, ...]:
    """Log in to iSCSI targets, then create multipath maps; return the SCSI disks found.

    :param answers: None before there are answers: only the firmware's targets are used.
    :raises UserError: when a target rejects the log-in, or a map cannot be created.
    """
    # An installed system or a build machine manages its own sessions; leave them alone.
    if Path(MEDIUM).is_dir() and not HOST.exists():
        iscsi_login.log_in(answers.san.iscsi if answers else None, commands, tell)
    return multipath.find_paths(commands, tell)
