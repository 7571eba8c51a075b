"""``dom0kit manifest``: compare images by their manifests."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dom0kit.cli import Add
from dom0kit.fs import read_limited
from installer.model.image_manifest import Manifest, parse_manifest
from upgrade.store.differences import compare, diff_lines
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.source import LARGEST_MANIFEST
from upgrade.store.staging import parse_source

IMAGE_HELP = "a manifest.json, an image folder, an ISO, a network-boot tree, or the http or https URL of a tree or image folder"


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "manifest diff",
        "show what changes from one image to another: packages, kernel, Xen, sizes, keys",
        _configure_diff,
        diff,
        example="dom0kit manifest diff dom0kit-0.1.0.iso build/image\n"
        "dom0kit manifest diff http://192.0.2.1 build/image/manifest.json --json",
    )


def _configure_diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help=IMAGE_HELP)
    parser.add_argument("new", metavar="NEW", help="the same, of the other image")
    parser.add_argument("--json", action="store_true", help="print JSON")


def open_manifest(text: str) -> Manifest:
    """Read the manifest that a user names, directly or by its image.

    :raises UserError: when there is none, or it is damaged.
    """
    path = Path(text)
    if path.suffix == ".json" and path.is_file():
        return parse_manifest(read_limited(path, LARGEST_MANIFEST).decode("utf-8", "replace"), text)
    return parse_source(open_source(text))


def diff(arguments: argparse.Namespace) -> int:
    """Run ``dom0kit manifest diff``."""
    found = compare(open_manifest(arguments.old), open_manifest(arguments.new))
    print(json.dumps(found.to_json(), indent=2) if arguments.json else "\n".join(diff_lines(found)))
    return 0
