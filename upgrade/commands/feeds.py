"""``dom0kit feed``: make the feed that hosts look for newer images in."""

from __future__ import annotations

import argparse
import shlex
import shutil
from pathlib import Path

from dom0kit.arguments.paths import path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.linux.signatures import sign
from upgrade.commands.manifests import IMAGE_HELP
from upgrade.feed.publish import Sign, add_image, remove_image
from upgrade.store.sources.any_source import open_source

EXAMPLE_SIGN = "ssh-keygen -Y sign -n dom0kit -f release.key"


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "feed add",
        "add an image to a feed: a folder with a signed index, in which hosts look for newer images",
        _configure_add,
        add_to_feed,
        example=f'dom0kit feed add /srv/feed build/dom0kit.iso --sign "{EXAMPLE_SIGN}"',
    )
    add(
        "feed remove",
        "remove an image from a feed",
        _configure_remove,
        remove_from_feed,
        example=f'dom0kit feed remove /srv/feed 0.1.0-ba500ddc --sign "{EXAMPLE_SIGN}"',
    )


def _configure_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("feed", type=path, metavar="FOLDER", help="the feed; a web server serves it as it is")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--sign",
        metavar="COMMAND",
        help=f"signs the index: gets it on standard input, writes the signature to standard output, such as: {EXAMPLE_SIGN}",
    )
    how.add_argument("--unsigned", action="store_true", help="for hosts whose image accepts unsigned images")


def _configure_add(parser: argparse.ArgumentParser) -> None:
    _configure_common(parser)
    parser.add_argument("source", metavar="IMAGE", help=IMAGE_HELP.partition(", ")[2])


def _configure_remove(parser: argparse.ArgumentParser) -> None:
    _configure_common(parser)
    parser.add_argument("name", metavar="NAME", help="the image's name, as 'dom0ctl image list' shows it")


def signer(command: str | None) -> Sign:
    """Return what signs an index; None signs nothing.

    :raises UserError: when the command's program is not there.
    """
    if command is None:
        return lambda data: b""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"--sign {command!r} is no command: {error}", f"write it as: {EXAMPLE_SIGN}") from error
    if not words or shutil.which(words[0]) is None:
        raise UserError(f"--sign {command!r} names no program that is installed", f"write it as: {EXAMPLE_SIGN}")
    return lambda data: sign(data, words)


def add_to_feed(arguments: argparse.Namespace) -> int:
    """Run ``dom0kit feed add``."""
    source = open_source(arguments.source)
    folder: Path = arguments.feed
    image = add_image(folder, source, signer(arguments.sign), Reporter("feed", [TerminalSink()]))
    print(f"{image.name} is in {folder}")
    return 0


def remove_from_feed(arguments: argparse.Namespace) -> int:
    """Run ``dom0kit feed remove``."""
    remove_image(arguments.feed, arguments.name, signer(arguments.sign))
    print(f"{arguments.name} is removed from {arguments.feed}")
    return 0
