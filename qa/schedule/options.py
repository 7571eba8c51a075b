"""Command-line options of ``dom0kit qa`` that select and schedule scenarios."""

from __future__ import annotations

import argparse

from dom0kit.arguments.values import minutes, whole
from qa.metadata import SETS

EXIT_FAILED, EXIT_UNFINISHED, EXIT_STARVED = 1, 3, 4
EPILOG = """\
exit codes:
  0    all scenarios passed
  1    a scenario failed, or cannot run here
  3    not finished, nothing failed: the time budget is used up
  4    a scenario was starved of processor time, nothing failed: run it again on a less busy machine
  130  interrupted

examples:
  dom0kit qa --list --set san                     the scenarios of a set, their expected duration and last result
  dom0kit qa install-bios                         one scenario, its output on this terminal
  dom0kit qa --set install --jobs auto            as many at a time as memory and cores allow
  dom0kit qa --set nightly --budget 100m --resume as many as fit into 100 minutes; repeat to continue
  dom0kit qa --report-only                        write artifacts/report.html again without running anything

environment:
  DOM0KIT_QA_PATIENCE=FACTOR  stretch all limits
  DOM0KIT_QA_ACCEL=kvm|tcg    skip the probe of KVM
  DOM0KIT_QA_CPUS=NUMBER      processors of a machine
"""


def jobs(text: str) -> int | None:
    """Return how many scenarios run at a time, None for ``auto``.

    :raises argparse.ArgumentTypeError: for anything else than ``auto`` or a positive number.
    """
    if text == "auto":
        return None
    return whole(1, 1000, "'auto' or a number of jobs")(text)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments, exit codes and examples."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    sets = "; ".join(f"{name}: {text}" for name, text in SETS.items())
    choose = parser.add_argument_group("selection")
    choose.add_argument(
        "--set", dest="sets", action="append", default=[], choices=SETS, metavar="SET", help=f"a named set, repeatable ({sets})"
    )
    choose.add_argument("--tag", dest="tags", action="append", default=[], metavar="TAG", help="only those with this tag")
    choose.add_argument("--list", action="store_true", help="print a table of the scenarios and stop")
    choose.add_argument("--json", action="store_true", help="with --list: print JSON")
    run = parser.add_argument_group("scheduling")
    run.add_argument(
        "--jobs",
        type=jobs,
        default=1,
        metavar="auto|N",
        help="the most scenarios at a time; never more than memory and cores allow; auto: as many as that (default: 1)",
    )
    run.add_argument(
        "--budget",
        type=minutes,
        metavar="TIME",
        help="start only scenarios expected to end within this time, such as 100m or 2h; exit code 3 if any is left out",
    )
    run.add_argument(
        "--resume",
        action="store_true",
        help="leave out scenarios that passed with this commit (without uncommitted changes) and this ISO",
    )
    run.add_argument(
        "--retry-failed",
        action="store_true",
        help="run failed scenarios once more and report 'fails always' or 'sometimes'; exit code 1 in both cases",
    )
    run.add_argument(
        "--allow-flaky", action="store_true", help="with --retry-failed: count a scenario that passes the second time as passed"
    )
    # A child of the scheduler: runs one scenario and leaves history and report to its parent.
    run.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
