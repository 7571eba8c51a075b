"""The private apt."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runner import FakeRunner

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.process import CommandFailed
from image import apt, recipe

MADISON = """\
      zstd | 1.5.7+dfsg-1 | http://deb.debian.org/debian trixie/main amd64 Packages
  htop | 3.4.1-5 | http://deb.debian.org/debian trixie/main amd64 Packages
"""


def test_names_that_no_source_offers() -> None:
    assert apt.missing(("htop", "zstd", "no-such-thing"), MADISON) == ["no-such-thing"]


def test_a_wrong_name_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = recipe.DEFAULT_RECIPE.read_text().replace('"htop"', '"hottop"')
    made = recipe.parse(text, "recipe.toml")
    offered = "".join(f"{name} | 1 | x\n" for name in made.all_packages() if name != "hottop")
    monkeypatch.setattr(apt, "run", FakeRunner({"apt-cache": offered}))
    with pytest.raises(UserError) as caught:
        apt.check_names(apt.Cache(tmp_path), made, text, "recipe.toml")
    line = next(n for n, t in enumerate(text.splitlines(), 1) if '"hottop"' in t)
    assert caught.value.message == f"recipe.toml:{line}: no source offers a package hottop"


def test_sources_lie_outside_the_lists_that_apt_tidies(tmp_path: Path) -> None:
    cache = apt.Cache(tmp_path)
    made = recipe.load()
    assert cache.sources(made).parent != cache.lists(made)


def test_the_private_apt_touches_nothing_of_the_hosts(tmp_path: Path) -> None:
    cache = apt.Cache(tmp_path)
    options = dict(word.split("=", 1) for word in apt.configuration(cache, recipe.load()) if "=" in word)
    assert options["Dir::State::Status"] == "/dev/null"
    for name in ("Dir::State::Lists", "Dir::Cache::Archives", "Dir::Etc::SourceList"):
        assert options[name].startswith(str(tmp_path))


def test_the_epoch_is_the_newest_release(tmp_path: Path) -> None:
    (tmp_path / "a_InRelease").write_text("Origin: Debian\nDate: Sat, 15 Nov 2025 09:00:00 UTC\n")
    (tmp_path / "b_InRelease").write_text("Date: Sun, 16 Nov 2025 09:00:00 UTC\nDate: Fri, 01 Jan 2027 00:00:00 UTC\n")
    assert apt.epoch(tmp_path) == 1763283600


def test_no_lists_no_epoch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no package lists"):
        apt.epoch(tmp_path)


def test_an_unreachable_mirror_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: list[str]) -> None:
        raise CommandFailed(argv, 100, "W: old key\nE: Failed to fetch http://m/InRelease  Connection refused\nE: Some failed")

    monkeypatch.setattr(apt, "run", refuse)
    with pytest.raises(UserError) as caught:
        apt.fetch_lists(apt.Cache(tmp_path), recipe.load(), Reporter("build"))
    assert caught.value.message == (
        "the package lists could not be fetched: Failed to fetch http://m/InRelease  Connection refused"
    )
    assert "security_mirror" in caught.value.hint


def test_a_repository_signed_by_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: list[str]) -> None:
        tail = "W: GPG error: no public key\nE: The repository 'https://packages.example.org trixie InRelease' is not signed."
        raise CommandFailed(argv, 100, tail)

    monkeypatch.setattr(apt, "run", refuse)
    with pytest.raises(UserError) as caught:
        apt.fetch_lists(apt.Cache(tmp_path), recipe.load(), Reporter("build"))
    assert "has not signed" in caught.value.hint
