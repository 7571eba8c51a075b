"""``dom0kit verify``: release files are checked, and what was checked is printed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from dom0kit.arguments.paths import existing_file, existing_folder, path
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from image.recipe import DEFAULT_RECIPE
from image.signing.keys import read_keys, write_keys
from image.signing.signer import signer_of
from pipeline.release_checks import Check, Checker

EPILOG = """\
examples:
  dom0kit verify build/dom0kit.iso
  dom0kit verify --keys publisher-keys SHA256SUMS
  dom0kit verify /srv/tree build/image/manifest.json

An ISO, SHA256SUMS, FILE.sha256, manifest.json, an image folder or a network-boot tree can be named."""


def file_or_folder(text: str) -> Path:
    """Return the path of a file or folder that is there; of neither a pipe nor another thing whose reading may not end."""
    return existing_folder(text) if path(text).is_dir() else existing_file(text)


def configure_verify(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit verify``."""
    parser.epilog = EPILOG
    parser.add_argument("paths", type=file_or_folder, nargs="+", metavar="FILE|FOLDER", help="what to check")
    parser.add_argument(
        "--keys",
        type=existing_folder,
        metavar="FOLDER",
        help="the accepted keys: allowed_signers, revoked_keys, openpgp.gpg (default: those of the recipe)",
    )
    parser.add_argument(
        "--recipe",
        type=existing_file,
        default=DEFAULT_RECIPE,
        metavar="FILE",
        help="take the keys of this recipe (default: dom0kit's, with the development key when there is one)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_verify(arguments: argparse.Namespace) -> int:
    """Check, and print what was checked, what was not, and what is wrong."""
    reporter = Reporter("verify", [TerminalSink(sys.stderr)])
    found: list[Check] = []
    with accepted_keys(arguments) as keys:
        for named in arguments.paths:
            with reporter.step(f"check {named}") as step:
                found += Checker(keys, step.progress).check(named)
    if arguments.json:
        print(json.dumps([asdict(check) for check in found], indent=2))
    else:
        print(listing(found))
    if failed := [check for check in found if check.state == "failed"]:
        first = failed[0]
        more = f" ({len(failed) - 1} more above)" if len(failed) > 1 else ""
        raise UserError(f"{first.path}: {first.text}{more}", first.hint)
    return 0


@contextmanager
def accepted_keys(arguments: argparse.Namespace) -> Iterator[Path | None]:
    """Give the folder of the accepted keys; None when there are none.

    :raises UserError: when the folder that was named has no keys, or the recipe's are missing.
    """
    if arguments.keys:
        read_keys(arguments.keys)
        yield arguments.keys
        return
    signer = signer_of(arguments.recipe, make=False)
    if signer is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="dom0kit-keys-") as folder:
        write_keys(signer.keys, Path(folder))
        yield Path(folder)


def listing(found: list[Check]) -> str:
    """Return the checks as text, below the paths that they are about."""
    lines = []
    above = ""
    for check in found:
        if check.path != above:
            lines.append(check.path)
            above = check.path
        text = check.text.replace("\n", "\n" + " " * 15)
        lines.append(f"  {check.state:<11}  {text}")
    return "\n".join(lines)
