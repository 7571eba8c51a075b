"""Use the report in headless Chromium as a reader does, and take pictures of it."""

from __future__ import annotations

import html
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import run
from qa import history
from qa.report import matrix, sample, writer
from qa.report.artifacts import read
from qa.report.page import TEMPLATES

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BUDGET = 7_200_000
"""Milliseconds of the browser's virtual time for the self-test: it passes as fast as the page computes."""
VIEWS = {"light": (1400, 1800, 1), "dark": (1400, 1800, 0), "narrow": (500, 1800, 1)}
"""Each picture with its width and height, and the color scheme: 0 dark, 1 light."""
FOUND = re.compile(r'data-self-test="([^"]*)"')


@dataclass(frozen=True)
class Verdict:
    """What the self-test found: the number of rows and of sections, and what is wrong."""

    rows: int
    sections: int
    wrong: tuple[str, ...]


def browser() -> str:
    """Return the browser's program.

    :raises UserError: when there is none.
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if not found:
        raise UserError("the check of the report needs Chromium, which is not installed", "run: apt-get install chromium")
    return found


def words(program: str, profile: Path, *more: str) -> list[str]:
    """Return the command that runs the browser without a window and without a network.

    :param profile: an empty folder.
    """
    # Chromium has no sandbox for root, as which scenarios run; the page's policy allows no source but its folder.
    base = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
    )
    return [program, *base, "--proxy-server=127.0.0.1:9", f"--user-data-dir={profile}", *more]


def verdict(dom: str) -> Verdict:
    """Return what the self-test left in the document.

    :raises UserError: when it did not come to its end.
    """
    found = FOUND.search(dom)
    if not found:
        raise UserError("the report's self-test did not come to its end", "open the report in a browser and look at its console")
    value = json.loads(html.unescape(found[1]))
    return Verdict(value["rows"], value["sections"], tuple(value["wrong"]))


@contextmanager
def _page_with_test(report: Path) -> Iterator[Path]:
    """Make a page next to the report that tests itself; remove it afterwards."""
    page, script = report.with_name(".report-check.html"), report.with_name(".report-check.js")
    try:
        shutil.copyfile(TEMPLATES / "self_test.js", script)
        page.write_text(report.read_text() + f'<script src="{script.name}"></script>\n')
        yield page
    finally:
        page.unlink(missing_ok=True)
        script.unlink(missing_ok=True)


def check(report: Path) -> Verdict:
    """Use a report in the browser: filter, open every scenario, search consoles, play screens.

    :raises UserError: when there is no browser, or the self-test did not come to its end.
    """
    program = browser()
    with _page_with_test(report) as page, tempfile.TemporaryDirectory(prefix="dom0kit-browser-") as profile:
        more = (f"--virtual-time-budget={BUDGET}", "--dump-dom", page.resolve().as_uri())
        return verdict(run(words(program, Path(profile), *more), timeout=300).output)


def pictures(report: Path, folder: Path) -> list[Path]:
    """Take a picture of the report in each of :data:`VIEWS`."""
    program, made = browser(), []
    for name, (width, height, scheme) in VIEWS.items():
        path = folder / f"report-{name}.png"
        with tempfile.TemporaryDirectory(prefix="dom0kit-browser-") as profile:
            more = (
                f"--window-size={width},{height}",
                f"--blink-settings=preferredColorScheme={scheme}",
                "--virtual-time-budget=10000",
                f"--screenshot={path.resolve()}",
                report.resolve().as_uri(),
            )
            run(words(program, Path(profile), *more), timeout=300)
        made.append(path)
    return made


def check_sample() -> Verdict:
    """Check a report on hostile and damaged artifacts."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-report-") as folder:
        artifacts = Path(folder) / "artifacts"
        sample.make(artifacts)
        recorded = read(artifacts)
        return check(writer.write_pages(artifacts, recorded, matrix.rows(recorded, history.read(artifacts), [])))
