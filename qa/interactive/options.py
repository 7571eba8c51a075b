"""Command-line options of ``dom0kit qa`` for interactive use."""

from __future__ import annotations

import argparse

EPILOG = """
interactive use:
  dom0kit qa install-bios --stop-on-failure       keep everything running at a failure, and print how to reach it
  dom0kit qa shell install-bios --list-steps      list the phases at which a prompt can open
  dom0kit qa shell install-bios --step 'first boot'  a Python prompt at the end of that phase; before:PHASE at its beginning
  dom0kit qa attach SOCKET                        connect this terminal to a console; Ctrl-] ends
  dom0kit qa install-bios --iso-sha256 5a057436   run only with this ISO
"""
SHELL, ATTACH = "shell", "attach"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments and examples."""
    parser.epilog = (parser.epilog or "") + EPILOG
    look = parser.add_argument_group("interactive use")
    look.add_argument(
        "--stop-on-failure",
        action="store_true",
        help="at a failure keep machines, networks and servers running, print how to reach them, wait for Enter; one scenario",
    )
    look.add_argument(
        "--step", default="", metavar="[before:]PHASE", help="with 'shell NAME': open the prompt when this phase ends, or begins"
    )
    look.add_argument("--list-steps", action="store_true", help="with 'shell NAME': print the phases of the last run")
    look.add_argument("--iso-sha256", metavar="HEX", help="refuse any other ISO; its first 8 or more digits suffice")


def chosen(arguments: argparse.Namespace) -> bool:
    """Return whether the arguments ask for ``shell`` or ``attach`` in place of a run."""
    return bool(arguments.scenarios) and arguments.scenarios[0] in (SHELL, ATTACH)
