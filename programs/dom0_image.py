"""``dom0kit`` in the dom0 image: what an administrator needs on a machine that the image was booted on."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from answerfiles import cli as answerfiles
from dom0kit import cli
from dom0kit.cli import Add, Group, Program
from installer import cli as installer
from upgrade.outside.tasks import prepare


def _installer(add: Add) -> None:
    installer.register(add, prepare)


PROGRAM = Program(
    name="dom0kit",
    summary="Install this machine as a Xen host, from the booted dom0kit image.",
    description="'facts' shows the disks, network cards and firmware that an answer file can select. 'answers check' compares an "
    "answer file with them; 'install' installs. An installed host is managed by dom0ctl.",
    example="dom0kit facts\ndom0kit answers check host.yaml\ndom0kit install --answers host.yaml",
    groups={"answers": Group("answer files: check, convert, schema", "dom0kit answers check host.yaml")},
    registers=(_installer, answerfiles.register),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``dom0kit``."""
    return cli.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
