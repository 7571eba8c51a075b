"""Every generated page of docs/reference/ is current, and the dom0 image has no generator of pages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from image.cache_keys import TRAVELLING
from reference_pages import answers, commands, qa_scenarios, refusals, xenserver_answers
from reference_pages.__main__ import main
from reference_pages.page import PROJECT, Page
from reference_pages.registry import PAGES

REFERENCE = PROJECT / "docs/reference"
PAGE_SIGNS = re.compile(r"\|---\||make docs|reference_pages|[\"'](docs|reference)/[\w./-]*[\"']")
"""What a module that writes a page contains: a table in Markdown, the remark of its origin, the page's path."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_is_current(page: Page) -> None:
    text = (REFERENCE / page.name).read_text()
    assert page.render(text) == text, "run 'make docs'"


def test_every_page_with_a_remark_of_its_origin_is_registered() -> None:
    remarks = {path.name for path in REFERENCE.glob("*.md") if "made by 'make docs'" in path.read_text()}
    assert remarks == {page.name for page in PAGES if page.name.endswith(".md")}


def test_pages_are_written_and_the_text_around_a_generated_part_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(REFERENCE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "answers.schema.json").write_text("old")
    (tmp_path / "cli.md").unlink()
    assert main([str(tmp_path)]) == 0
    for page in PAGES:
        assert (tmp_path / page.name).read_text() == (REFERENCE / page.name).read_text()
    (tmp_path / "answers.md").write_text("# no place\n")
    (tmp_path / "refusals.md").write_text("old")
    assert main([str(tmp_path)]) == 1
    assert "error: answers.md: the page has no place for the reference" in capsys.readouterr().err
    assert (tmp_path / "refusals.md").read_text() == (REFERENCE / "refusals.md").read_text()


@pytest.mark.parametrize("module", [answers, xenserver_answers], ids=lambda module: module.__name__)
def test_a_page_without_the_marks_is_refused(module: object) -> None:
    with pytest.raises(UserError, match="no place"):
        module.page("")  # type: ignore[attr-defined]


def test_the_image_has_no_generator_of_pages() -> None:
    hook = (PROJECT / "image/elements/dom0-host/extra-data.d/60-packages").read_text()
    copied = re.findall(r"^for package in (.+); do$", hook, re.M)
    assert copied == [" ".join(TRAVELLING)]
    files = [path for package in TRAVELLING for path in (PROJECT / package).rglob("*.py")]
    assert len(files) > 100
    assert [str(path.relative_to(PROJECT)) for path in files if PAGE_SIGNS.search(path.read_text())] == []


def test_generators_have_the_signs_that_are_searched_in_the_image() -> None:
    modules = [Path(str(module.__file__)) for module in (answers, commands, qa_scenarios, refusals, xenserver_answers)]
    assert [path for path in modules if not PAGE_SIGNS.search(path.read_text())] == []
