"""``dom0kit`` on a build machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from dom0kit import cli
from dom0kit.cli import Add, Group, Program

# Each package is imported when its commands are needed: all of them take a second, and 'answers check' runs for every commit.


def _pipeline(add: Add) -> None:
    from pipeline.cli import register  # noqa: PLC0415

    register(add)


def _image(add: Add) -> None:
    from image.cli import register  # noqa: PLC0415

    register(add)


def _iso(add: Add) -> None:
    from iso.cli import register  # noqa: PLC0415

    register(add)


def _answerfiles(add: Add) -> None:
    from answerfiles.cli import register  # noqa: PLC0415

    register(add)


def _installer(add: Add) -> None:
    from installer.cli import register  # noqa: PLC0415
    from upgrade.outside.tasks import prepare  # noqa: PLC0415

    register(add, prepare)


def _qa(add: Add) -> None:
    from qa.cli import register  # noqa: PLC0415

    register(add)


def _manifests(add: Add) -> None:
    from upgrade.commands import feeds, manifests  # noqa: PLC0415

    manifests.register(add)
    feeds.register(add)


def _answers_check(add: Add) -> None:
    from installer.answers_check import register  # noqa: PLC0415

    register(add)


PROGRAM = Program(
    name="dom0kit",
    summary="Build, install and test Xen hosts from one small ISO.",
    description="'iso' builds the ISO. 'answers' checks answer files, renders the network-boot tree of a rack and makes "
    "unattended ISOs. 'run' and 'qa' boot the ISO under QEMU. Results go to the folder build/ in the current folder.",
    example="dom0kit iso\ndom0kit answers check host.yaml\ndom0kit answers render inventory.yaml -o tree --url http://192.0.2.1",
    groups={
        "answers": Group("answer files: check, convert, render, embed, serve", "dom0kit answers check host.yaml"),
        "feed": Group(
            "the folder in which hosts look for newer images", "dom0kit feed add /srv/feed build/dom0kit.iso --unsigned"
        ),
        "manifest": Group("what images contain", "dom0kit manifest diff old.iso build/image"),
    },
    registers=(_pipeline, _image, _iso, _answerfiles, _installer, _manifests, _qa),
    quick={"answers check": _answers_check},
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``dom0kit``."""
    return cli.main(PROGRAM, argv)


if __name__ == "__main__":
    sys.exit(main())
