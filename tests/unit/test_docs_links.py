"""Every relative link and anchor in the project's Markdown files resolves."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", ".git", "build", "artifacts", "node_modules"}
FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.M | re.S)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\]|!\[[^\]]*\]\([^)]*\))*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.M)


def pages() -> list[Path]:
    """Return the project's Markdown files."""
    found = (path for path in PROJECT.rglob("*.md") if not NOT_OURS & set(path.relative_to(PROJECT).parts))
    return sorted(found)


def slug(heading: str) -> str:
    """Return the anchor of a heading, by the rule of GitHub and of ``pymdownx.slugs``."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page: its headings, numbered when they repeat, and explicit ``id`` attributes."""
    text = FENCE.sub("", page.read_text())
    found: set[str] = set()
    for heading in HEADING.findall(text):
        name, number = slug(heading), 0
        while (anchor := f"{name}-{number}" if number else name) in found:
            number += 1
        found.add(anchor)
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def broken(page: Path, text: str) -> list[str]:
    """Return the relative links in `text` that lead nowhere from `page`."""
    wrong = []
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.is_relative_to(PROJECT) or not target.exists():
            wrong.append(f"{link}: no such file")
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            wrong.append(f"{link}: no such heading")
    return wrong


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_relative_links_and_anchors_resolve(page: Path) -> None:
    assert broken(page, page.read_text()) == []


def test_the_check_finds_what_is_broken() -> None:
    page = PROJECT / "README.md"
    text = "[a](docs/nowhere.md) ![b](docs/flow.svg) [c](README.md#no-such-heading) [d](#targets) [e](https://example.org/x)"
    assert broken(page, text) == ["docs/nowhere.md: no such file", "README.md#no-such-heading: no such heading"]
    assert broken(page, "```\n[a](nowhere.md)\n```\n") == []


def test_code_and_configuration_name_pages_that_exist() -> None:
    suffixes = {".py", ".toml", ".cfg", ".conf", ".service", ".yaml", ".yml", ".md", ""}
    generated = {"docs/test-results.md"}
    for path in PROJECT.rglob("*"):
        parts = path.relative_to(PROJECT).parts
        if (
            NOT_OURS & set(parts)
            or path.suffix not in suffixes
            or parts[0] == "tests"
            or parts[-1] == "CHANGELOG.md"
            or not path.is_file()
        ):
            continue
        try:
            text = path.read_text()
        except (UnicodeDecodeError, PermissionError):
            continue
        for name in set(re.findall(r"(?<![\w./])docs/[\w./-]+\.(?:md|yaml|json)", text)) - generated:
            assert (PROJECT / name).exists(), f"{path.relative_to(PROJECT)} names {name}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_imports_in_examples_exist(page: Path) -> None:
    """A module moved and the how-to for scenarios kept its old name."""
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for module, names in re.findall(r"^from ([\w.]+) import ([\w, ]+)$", block, re.MULTILINE):
            target = importlib.import_module(module)
            for name in names.split(", "):
                if not hasattr(target, name):
                    importlib.import_module(f"{module}.{name}")


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/install-by-hand.md", "docs/how-to/debug-a-failed-installation.md"])
def test_m7_what_firmware_with_secure_boot_says_is_found_by_its_words(page: str) -> None:
    text = (PROJECT / page).read_text()
    assert "Access Denied" in text
    assert "Security Violation" in text
