"""First-boot step ``storage``: the guests' volume group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.process import COMMAND_SECONDS

if TYPE_CHECKING:
    from firstboot.host import Host


def storage(host: Host) -> None:
    """Check that the guests' volume group exists."""
    if (group := host.answers.volume_group()) is not None:
        hint = "check for the disk with the guests' partition: lsblk; pvs"
        host.run(["vgs", "--noheadings", "--options", "vg_name", group], timeout=COMMAND_SECONDS, hint=hint)
