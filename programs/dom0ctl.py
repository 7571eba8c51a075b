"""``dom0ctl``: manage an installed host."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dom0kit import cli
from dom0kit.cli import Group, Program
from firstboot import cli as firstboot
from pool import cli as pool
from upgrade.commands import images, trial, updates
from upgrade.health import cli as health

PROGRAM = Program(
    name="dom0ctl",
    summary="Manage this Xen host: its first-boot steps, management network, storage paths, images and pool.",
    description="'status' shows whether the host is healthy and what is missing. The pool commands create a pool, join the host "
    "to one, and hand out join tokens. Commands that change the host need root.",
    example="dom0ctl status\ndom0ctl firstboot retry network\ndom0ctl pool token create --host xen2.dc1.example",
    groups={
        "image": Group("the images of this host: the one that runs, and others that are staged", "dom0ctl image list"),
        "pool": Group("the pool that this host belongs to", "dom0ctl pool status"),
        "pool token": Group("join tokens: create, list, revoke", "dom0ctl pool token create --host xen2.dc1.example"),
    },
    registers=(firstboot.register, health.register, images.register, trial.register, updates.register, pool.register),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``dom0ctl``."""
    return cli.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
