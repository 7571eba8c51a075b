"""The parts of ``dom0kit qa`` that run no scenario: write the report again, check it, renew what the docs show of it."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.units import counted

PROJECT = Path(__file__).parent.parent.parent


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("report", "these run no scenario")
    group.add_argument("--report-only", action="store_true", help="write report.html again from the artifacts")
    group.add_argument(
        "--check-report",
        action="store_true",
        help="use the report in headless Chromium as a reader does, and take pictures of it",
    )
    group.add_argument("--test-results", action="store_true", help="write docs/test-results.md from the artifacts")
    group.add_argument("--pictures", action="store_true", help="renew the pictures of README.md and docs/ from the artifacts")


def chosen(arguments: argparse.Namespace) -> bool:
    """Return whether one of the options is given."""
    return bool(arguments.report_only or arguments.check_report or arguments.test_results or arguments.pictures)


def _load(name: str) -> Any:
    # What these need, such as a template engine, is not needed by other subcommands.
    return importlib.import_module(name)


def _check(report: Path) -> None:
    browser = _load("qa.report.browser")
    for what, verdict in (("a report on hostile artifacts", browser.check_sample()), (str(report), browser.check(report))):
        if verdict.wrong:
            wrong = "\n".join(f"  {line}" for line in verdict.wrong)
            raise UserError(f"{what} does not work in the browser:\n{wrong}", "open it in a browser and look at its console")
        print(f"{what}: {counted(verdict.rows, 'row')}, {counted(verdict.sections, 'scenario')}, all parts work")
    for path in browser.pictures(report, report.parent):
        print(f"picture: {path}")


def run(arguments: argparse.Namespace) -> int:
    """Do what the options say, in the order in which they depend on each other.

    :raises UserError: when nothing is recorded, a picture is missing, or the report does not work in the browser.
    """
    catalog = _load("qa.selection").catalog()
    if arguments.report_only or arguments.check_report:
        report = _load("qa.report.writer").write(arguments.artifacts, [item.name for item in catalog], catalog)
        if report is None:
            raise UserError(
                f"no result is recorded in {arguments.artifacts}", "run scenarios first, or name a folder with --artifacts"
            )
        if arguments.check_report:
            _check(report)
    if arguments.test_results:
        print(_load("qa.report.results_page").write(arguments.artifacts, catalog, PROJECT / "docs/test-results.md"))
    if arguments.pictures:
        for target in _load("qa.report.pictures").publish(arguments.artifacts, PROJECT):
            print(target)
    return 0
