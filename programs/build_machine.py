"""``dom0kit`` on a build machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from answerfiles import cli as answerfiles
from dom0kit import cli
from dom0kit.cli import Group, Program
from image import cli as image
from installer import cli as installer
from iso import cli as iso
from pipeline import cli as pipeline
from qa import cli as qa

PROGRAM = Program(
    name="dom0kit",
    summary="Build, install and test Xen hosts from one small ISO.",
    description="'iso' builds the ISO. 'answers' checks answer files, renders the network-boot tree of a rack and makes "
    "unattended ISOs. 'run' and 'qa' boot the ISO under QEMU. Results go to the folder build/ in the current folder.",
    example="dom0kit iso\ndom0kit answers check host.yaml\ndom0kit answers render inventory.yaml -o tree --url http://192.0.2.1",
    groups={
        "answers": Group("answer files: check, convert, render, embed, serve", "dom0kit answers check host.yaml"),
    },
    registers=(
        pipeline.register,
        image.register,
        iso.register,
        answerfiles.register,
        installer.register,
        qa.register,
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``dom0kit``."""
    return cli.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
