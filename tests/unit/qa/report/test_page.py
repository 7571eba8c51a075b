"""The report's page and its data files. What they do in a browser is checked by ``make report-check``."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from qa.report import page, sample, write
from qa.report.artifacts import ConsoleLine, MachineRun, scenario_run


class Reader(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture
def html(artifacts: Path) -> str:
    """Return the page of the sample."""
    path = write(artifacts, [], [])
    assert path == artifacts / "report.html"
    return path.read_text()


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    """Return the page's elements."""
    reader = Reader()
    reader.feed(html)
    return reader.elements


def test_nothing_of_the_artifacts_becomes_markup(html: str) -> None:
    found = elements(html)
    assert [tag for tag, _ in found].count("script") == 1
    assert not any(name.startswith("on") for _, attributes in found for name in attributes)
    assert sample.INJECTION not in html
    assert "&lt;script&gt;window.injected" in html, "it is shown"
    assert "{{ 7 * 7 }}" in html, "it is no template"


def test_nothing_is_loaded_from_elsewhere(html: str) -> None:
    links = [
        value for _, attributes in elements(html) for name, value in attributes.items() if name in ("src", "href", "data-script")
    ]
    assert links
    assert not [link for link in links if re.match(r"[a-z]+:|//|/", link)]
    policy = next(attributes["content"] for tag, attributes in elements(html) if tag == "meta" and "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_every_link_leads_to_a_file_or_a_part_of_the_page(html: str, artifacts: Path) -> None:
    found = elements(html)
    names = {attributes.get("id") for _, attributes in found}
    links = [value for _, attributes in found for name, value in attributes.items() if name in ("src", "href", "data-script")]
    assert len(links) > 20
    for link in links:
        if link.startswith("#"):
            assert unquote(link[1:]) in names, link
        else:
            assert (artifacts / unquote(link)).is_file(), link


def test_a_data_file_is_one_call_with_json(html: str, artifacts: Path) -> None:
    text = (artifacts / page.DATA / page.data_file(sample.HOSTILE)).read_text()
    assert text.isascii()
    value = json.loads(text.removeprefix("dom0kitReport(").removesuffix(");\n"))
    assert value["scenario"] == sample.HOSTILE
    (machine,) = value["machines"]
    assert machine["name"] == sample.MACHINE
    assert [20.0, f"frames-{sample.MACHINE}/0002.png"] in machine["frames"]
    assert [26.0, "[FAILED] Failed to start bad.service", "failed unit"] in machine["lines"]
    assert any(sample.INJECTION in line[1] for line in machine["lines"])


def test_a_failure_explains_itself_first(html: str) -> None:
    assert html.index("the sentence") < html.index('class="timeline"')
    assert "Reproduce it with:" in html


def test_without_an_explanation_the_error_is_shown(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"result": "failed", "error": "no event finished\nthe console said last"}))
    parts = page.failure_parts(scenario_run(folder))
    assert (parts["sentence"], parts["error"]) == ("no event finished", "no event finished\nthe console said last")
    (folder / "failure.txt").write_text("a block")
    assert page.failure_parts(scenario_run(folder))["parts"] == [("explanation", "a block")]


def test_objects_of_an_explanation_are_readable() -> None:
    since = {"commit": "0123", "commits": ["a", "b"], "same_iso": True, "slower": [{"what": "install", "now": 9}], "packages": {}}
    assert page.readable(since).splitlines() == [
        "commit: 0123",
        "commits:",
        "  a",
        "  b",
        "same_iso: true",
        "slower:",
        "  what install, now 9",
        "packages:",
    ]
    assert page.readable({"packages": {"added": ["x 1"]}}) == "packages:\n  added:\n    x 1"
    assert page.readable(None) == page.readable([]) == ""


def test_data_files_of_scenarios_that_are_gone_go_too(artifacts: Path) -> None:
    write(artifacts, [], [])
    (artifacts / sample.OLD / "result.json").unlink()
    write(artifacts, [], [])
    assert not (artifacts / page.DATA / f"{sample.OLD}.js").exists()
    assert (artifacts / page.DATA / f"{sample.PLAIN}.js").exists()


def test_a_long_console_is_shortened_in_its_middle() -> None:
    lines = tuple(ConsoleLine(float(n), f"{n:04d}" + "x" * 84) for n in range(1000))
    kept, left_out = page.shortened(lines, 30_000)
    assert sum(len(line.text) + 12 for line in kept) <= 30_000
    assert (kept[0], kept[-1], len(kept) + left_out) == (lines[0], lines[-1], 1000)
    assert page.shortened(lines) == (list(lines), 0)
    data = page.machine_data(MachineRun("m", lines=lines))
    assert (data["gap"], data["gapAt"]) == (0, -1)


def test_the_place_of_the_gap_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_CHARACTERS", 100)
    lines = tuple(ConsoleLine(float(n), "x" * 8) for n in range(10))
    kept, left_out = page.shortened(lines, 100)
    assert (len(kept), left_out) == (5, 5)
    cut = next(index for index, line in enumerate(kept) if line.at != index)
    assert cut == 1


def test_no_folder_no_page(tmp_path: Path) -> None:
    assert write(tmp_path, [], []) is None


def test_the_terminal_gets_the_table_of_the_chosen(artifacts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(artifacts, [sample.PLAIN], [])
    printed = capsys.readouterr().out
    assert re.search(rf"{sample.PLAIN} +passed +1 min 10 s +18 of 21 +{artifacts}", printed)
    assert sample.OLD not in printed
    assert f"report: {artifacts}/report.html" in printed
