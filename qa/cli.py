"""The subcommands ``dom0kit qa`` and ``dom0kit run``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.arguments.paths import existing_file, output_file, output_folder
from dom0kit.arguments.values import whole
from dom0kit.cli import Add
from dom0kit.errors import UserError
from qa.interactive import options as interactive_options
from qa.metadata import Metadata
from qa.report import command as report_command
from qa.schedule import options

if TYPE_CHECKING:
    from types import ModuleType

ISO = Path("build/dom0kit.iso")

MEMORY = whole(256, 1_000_000, "a number of MiB")
CPUS = whole(1, 512, "a number of processors")


def _load(module: str) -> ModuleType:
    """Import a module of this package when it is needed: the packages of the tests are not installed everywhere.

    :raises UserError: when a Python package is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"the Python package {error.name} is not installed",
            "in a checkout run: make prepare; for a wheel: pipx install --force 'dom0kit-VERSION-py3-none-any.whl[test]'",
        ) from error


def configure_qa(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit qa``."""
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="scenarios to run, by exact name (default: all)")
    parser.add_argument("--iso", type=existing_file, default=ISO, help="the ISO to test (default: %(default)s)")
    parser.add_argument(
        "--artifacts", type=output_folder, default=Path("artifacts"), help="folder for the results (default: %(default)s)"
    )
    parser.add_argument("--fresh", action="store_true", help="neither use nor keep cached stages")
    parser.add_argument("--keep", action="store_true", help="keep disks and media after the run")
    parser.add_argument(
        "--memory", type=MEMORY, default=3072, metavar="MIB", help="memory of each machine (default: %(default)s)"
    )
    parser.add_argument(
        "--cpus", type=CPUS, default=os.environ.get("DOM0KIT_QA_CPUS", "1"), help="processors of each machine (default: 1)"
    )
    options.add(parser)
    report_command.add(parser)
    interactive_options.add(parser)


def _list(arguments: argparse.Namespace, scenarios: Sequence[Metadata]) -> int:
    listing, runs = _load("qa.schedule.listing"), _load("qa.history").read(arguments.artifacts)
    if arguments.json:
        print(json.dumps(listing.records(scenarios, runs), indent=2))
    else:
        print(listing.listing(scenarios, runs, arguments.sets))
    return 0


def qa(arguments: argparse.Namespace) -> int:
    """Run scenarios; see :data:`qa.schedule.options.EPILOG` for the exit codes."""
    selection = _load("qa.selection")
    if report_command.chosen(arguments):
        return report_command.run(arguments)
    if arguments.list:
        chosen = selection.filter_scenarios(selection.catalog(), arguments.scenarios, arguments.sets, arguments.tags)
        return _list(arguments, chosen)
    settings = _load("qa.scenario").Settings(
        iso=arguments.iso,
        artifacts=arguments.artifacts,
        keep=arguments.keep,
        fresh=arguments.fresh,
        cpus=arguments.cpus,
        memory=arguments.memory,
    )
    interactive = _load("qa.interactive.command")
    interactive.prepare(arguments, settings)
    module = interactive if interactive_options.chosen(arguments) else _load("qa.schedule.command")
    return int(module.run(arguments, settings))


RUN_EPILOG = """\
examples:
  dom0kit run                                     boot the installer in a window, or on this terminal
  dom0kit run --answers docs/example-answers.yaml install unattended
  dom0kit run --disk-only --firmware uefi         boot the installed disk
"""


def configure_run(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit run``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = RUN_EPILOG
    parser.add_argument("--iso", type=existing_file, default=ISO, help="the ISO to boot (default: %(default)s)")
    parser.add_argument("--firmware", choices=("bios", "uefi"), default="bios", help="default: %(default)s")
    parser.add_argument(
        "--answers",
        type=existing_file,
        metavar="FILE",
        help="install unattended with this answer file, on a USB stick next to the ISO",
    )
    parser.add_argument("--disk-only", action="store_true", help="boot the installed disk, without the ISO")
    parser.add_argument("--memory", type=MEMORY, default=3072, metavar="MIB", help="default: %(default)s")
    parser.add_argument("--cpus", type=CPUS, default=1, help="default: %(default)s")
    parser.add_argument(
        "--disk",
        type=output_file,
        default=Path("build/run/disk.qcow2"),
        help="disk image; a missing one is created with 20 GiB (default: %(default)s)",
    )
    parser.add_argument(
        "--terminal", action="store_true", help="show the serial console on this terminal even if a window could be opened"
    )


def run(arguments: argparse.Namespace) -> int:
    """Boot the ISO for a user; return QEMU's exit code."""
    return int(_load("qa.run_vm").boot(arguments))


def register(add: Add) -> None:
    """Register the subcommands of this package."""
    add("qa", "run QEMU scenarios against an ISO", configure_qa, qa)
    add(
        "run",
        "boot the ISO in QEMU, in a window or on this terminal; --answers installs unattended",
        configure_run,
        run,
        example="dom0kit run --answers docs/example-answers.yaml",
    )
