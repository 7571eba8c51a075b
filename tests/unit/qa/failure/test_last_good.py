"""What changed since a scenario passed last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qa.failure import last_good
from qa.failure.text import since_lines


def test_packages() -> None:
    found = last_good.packages({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})
    assert found == {"added": ["d 1"], "removed": ["c 1"], "changed": ["b 1 -> 2"]}


def test_what_became_slower() -> None:
    then = {"phases": {"install": 60.0, "boot": 100.0, "short": 1.0}, "steps": {"installer: wipe": 10.0}}
    now = {"phases": {"install": 200.0, "boot": 110.0, "short": 4.0, "new": 9.0}, "steps": {"installer: wipe": 40.0}}
    found = last_good.slower(then, now)
    assert [entry["what"] for entry in found] == ["phase install", "step installer: wipe"]
    assert last_good.not_reached(then, {"phases": {"install": 1}}) == ["boot", "short"]


def test_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_good, "manifest_of", lambda iso: {"packages": {"xen": "4.21"}})
    monkeypatch.setattr(last_good, "commits", lambda then, now: [f"{then}..{now}"])
    iso = tmp_path / "x.iso"
    assert last_good.since(tmp_path, "s", commit="b", iso=iso, iso_sha256="2", timings={}) == {}
    run = tmp_path / "s"
    run.mkdir()
    (run / "result.json").write_text(json.dumps({"commit": "a", "finished": "then", "iso": {"sha256": "1"}}))
    (run / "timings.json").write_text(json.dumps({"phases": {"boot": 1.0}}))
    last_good.keep(tmp_path, "s", iso)
    (tmp_path / "good/s/manifest.json").write_text(json.dumps({"packages": {"xen": "4.20"}}))
    found = last_good.since(tmp_path, "s", commit="b-dirty", iso=iso, iso_sha256="2", timings={"phases": {"boot": 31.0}})
    assert found["commits"] == ["a..b-dirty"]
    assert found["packages"]["changed"] == ["xen 4.20 -> 4.21"]
    assert found["slower"] == [{"what": "phase boot", "then": 1.0, "now": 31.0}]
    text = "\n".join(since_lines(found))
    for part in ("commit a, then", "uncommitted changes", "xen 4.20 -> 4.21", "phase boot: 1 s then, 31 s now"):
        assert part in text
    same = last_good.since(tmp_path, "s", commit="b", iso=iso, iso_sha256="1", timings={})
    assert same["same_iso"]
    assert same["packages"] == {"added": [], "removed": [], "changed": []}


def test_without_two_commits_there_is_nothing_between() -> None:
    assert last_good.commits("", "a") == []
    assert last_good.commits("a-dirty", "a") == []
