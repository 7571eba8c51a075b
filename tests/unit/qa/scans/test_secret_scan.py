"""Secrets in artifacts, and programs that are missing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from prepare import apt_packages
from qa import requirements
from qa.scans.secret_scan import leaks
from qa.selection import catalog


def bundle(path: Path, name: str, content: bytes) -> None:
    """Make a .tar.gz with one file."""
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        file.addfile(entry, io.BytesIO(content))


def test_secret_in_text_folder_and_bundle(tmp_path: Path) -> None:
    """Wherever it is, packed or not; the sentence does not repeat it."""
    (tmp_path / "reports").mkdir()
    (tmp_path / "console.log").write_text("all is well ********")
    (tmp_path / "reports" / "h.jsonl").write_text('{"token": "hush-1"}')
    bundle(tmp_path / "reports" / "b.tar.gz", "dom0kit/journal.txt", b"x hush-2 y")
    found = leaks(tmp_path, ["hush-1", "hush-2", "", "********"])
    assert found == ["a secret is in b.tar.gz: dom0kit/journal.txt", "a secret is in h.jsonl"]


def test_nothing_leaked(tmp_path: Path) -> None:
    """A bundle without a secret is fine; a picture is not looked at."""
    bundle(tmp_path / "b.tar.gz", "x", b"nothing")
    (tmp_path / "screen.png").write_bytes(b"hush")
    assert leaks(tmp_path, ["hush"]) == []


def test_bundle_that_cannot_be_read(tmp_path: Path) -> None:
    """Its content is unknown, which counts as a finding."""
    (tmp_path / "b.tar.gz").write_bytes(b"no archive")
    (found,) = leaks(tmp_path, ["hush"])
    assert "b.tar.gz cannot be unpacked" in found


def test_missing_programs_are_named_together() -> None:
    """With the packages that have them."""
    with pytest.raises(UserError, match="dnsmasq, nginx") as caught:
        requirements.check(
            ["ip", "dnsmasq", "nginx", "nginx"], lab=True, root=True, find=lambda p: None if "n" in p[:2] else "/bin/x"
        )
    assert "nginx-light" in caught.value.hint
    assert "dnsmasq-base" in caught.value.hint


def test_the_preparation_brings_what_scenarios_need() -> None:
    listed = {package.name for package in apt_packages.parse(apt_packages.LIST.read_text())}
    assert set(requirements.PACKAGES.values()) - listed == {"util-linux"}, "which is essential: every Debian has it"
    needed = {program for scenario in catalog() for program in scenario.needs}
    assert needed
    assert needed | {*requirements.ALWAYS, *requirements.LAB} <= set(requirements.PACKAGES)


def test_network_needs_root_only_when_asked_for() -> None:
    """Other scenarios run without root."""
    requirements.check([], lab=False, root=False, find=lambda _: "/bin/x")
    with pytest.raises(UserError, match="needs root"):
        requirements.check([], lab=True, root=False, find=lambda _: "/bin/x")
