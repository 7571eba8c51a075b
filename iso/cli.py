"""The subcommand ``master``."""

from __future__ import annotations

import argparse
from pathlib import Path

from dom0kit.arguments.paths import existing_folder, output_file
from dom0kit.arguments.values import whole
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.units import human_bytes
from iso.grub_menu import MenuOptions
from iso.master import build


def register(add: Add) -> None:
    """Register this package's subcommand."""
    add(
        "master",
        "make a bootable hybrid ISO from an image folder",
        configure_master,
        run_master,
        example="dom0kit master build/image -o my.iso --add host1.yaml=/answers/host1.yaml",
    )


def configure_master(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dom0kit master``."""
    defaults = MenuOptions()
    parser.add_argument(
        "image_dir", type=existing_folder, metavar="IMAGE_DIR", help="the image folder, with manifest.json and boot/"
    )
    parser.add_argument(
        "-o", "--output", type=output_file, required=True, metavar="OUT.iso", help="the ISO; its checksum goes to OUT.iso.sha256"
    )
    parser.add_argument(
        "--add",
        action="append",
        default=[],
        metavar="FILE=/PATH",
        help="put an additional file on the ISO, such as answers for dom0kit.answers=/PATH; may be repeated",
    )
    parser.add_argument(
        "--timeout",
        type=whole(-1, 86400, "a number of seconds"),
        default=defaults.timeout,
        metavar="SECONDS",
        help="until the menu starts the interactive installer; -1 waits for ever (default: %(default)s)",
    )
    parser.add_argument(
        "--dom0-memory",
        default=defaults.dom0_memory,
        metavar="ARGUMENT",
        help="Xen's argument for the entries under Xen (default: %(default)s)",
    )


def parse_added(text: str) -> tuple[str, Path]:
    """``FILE=/PATH`` as the path on the ISO and the file.

    :raises UserError: when it has another form.
    """
    file, found, path = text.rpartition("=")
    if not found or not file or not path.startswith("/"):
        raise UserError(f"--add {text} is not FILE=/PATH", "for example: --add host1.yaml=/answers/host1.yaml")
    return path, Path(file)


def run_master(arguments: argparse.Namespace) -> int:
    """Master, verify, and tell where the ISO is."""
    reporter = Reporter("build", [TerminalSink()])
    options = MenuOptions(timeout=arguments.timeout, dom0_memory=arguments.dom0_memory)
    result = build(arguments.image_dir, arguments.output, reporter, options=options, added=dict(map(parse_added, arguments.add)))
    print(f"{result.path}  {human_bytes(result.size)}  {result.volume_id}\nsha256 {result.sha256}")
    return 0
