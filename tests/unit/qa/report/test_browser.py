"""The browser's command line, and the parsing of its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.report import browser
from qa.report.browser import Verdict


def test_the_verdict_is_read_from_the_document() -> None:
    dom = '<html data-self-test="{&quot;rows&quot;:2,&quot;sections&quot;:1,&quot;wrong&quot;:[&quot;a &amp;lt; b&quot;]}">'
    assert browser.verdict(dom) == Verdict(2, 1, ("a &lt; b",))


def test_a_test_without_an_end_is_no_success() -> None:
    with pytest.raises(UserError, match="did not come to its end"):
        browser.verdict("<html></html>")


def test_a_missing_browser_is_named_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UserError, match="Chromium") as error:
        browser.browser()
    assert "apt-get install chromium" in error.value.hint


def test_the_browser_has_no_network() -> None:
    assert "--proxy-server=127.0.0.1:9" in browser.words("chromium", Path("profile"))
