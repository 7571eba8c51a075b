"""Windows for restarts, in local time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from upgrade.commands import trial
from upgrade.feed import settings
from upgrade.trial import window


def at(text: str) -> datetime:
    """Return a time of December 2026; the 6th is a Sunday."""
    return datetime.fromisoformat(f"2026-12-{text}")


@pytest.mark.parametrize(
    ("text", "now", "inside"),
    [
        ("Sun 02:00-04:00", "06 02:00", True), ("Sun 02:00-04:00", "06 03:59:59", True), ("Sun 02:00-04:00", "06 04:00", False),
        ("Sun 02:00-04:00", "06 01:59", False), ("Sun 02:00-04:00", "07 03:00", False), ("02:00-04:00", "09 03:00", True),
        ("Mon..Fri 22:00-02:00", "11 23:00", True), ("Mon..Fri 22:00-02:00", "12 01:00", True),
        ("Mon..Fri 22:00-02:00", "07 01:00", False), ("Fri..Mon 01:00-02:00", "06 01:30", True),
        ("sat,SUN 01:00-02:00", "05 01:30", True),
        ("00:00-24:00", "09 12:00", True),
    ],
)  # fmt: skip
def test_within(text: str, now: str, inside: bool) -> None:
    assert window.parse(text).contains(at(now)) is inside


@pytest.mark.parametrize(
    ("text", "now", "start"),
    [("Sun 02:00-04:00", "01 12:00", "06 02:00"), ("Sun 02:00-04:00", "06 05:00", "13 02:00"),
     ("02:00-04:00", "06 01:00", "06 02:00"), ("Sun 02:00-04:00", "06 02:00", "13 02:00")],
)  # fmt: skip
def test_the_next_one(text: str, now: str, start: str) -> None:
    assert window.parse(text).next_start(at(now)) == at(start)


@pytest.mark.parametrize(
    "text", ["", "Sun", "Sun 2-4", "Sun 02:00-02:00", "25:00-26:00", "01:60-02:00",
             "Day 01:00-02:00", "Mon..Tue..Wed 01:00-02:00", "Mon.. 01:00-02:00"]
)  # fmt: skip
def test_no_window(text: str) -> None:
    with pytest.raises(UserError) as caught:
        window.parse(text)
    assert "Sun 02:00-04:00" in caught.value.hint


def test_a_try_waits_for_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return at("06 05:00")

    monkeypatch.setattr(trial, "datetime", Clock)
    assert trial.closed_until(tmp_path) is None, "no window is stored"
    settings.write(tmp_path, settings.Settings(window="Sun 02:00-04:00"))
    assert trial.closed_until(tmp_path) == "2026-12-13 02:00:00"
    settings.write(tmp_path, settings.Settings(window="04:00-06:00"))
    assert trial.closed_until(tmp_path) is None
