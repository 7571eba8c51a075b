"""The pictures in the documentation come from scenarios."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.report import pictures

PROJECT = Path(__file__).resolve().parents[4]


def test_every_picture_of_the_documentation_has_a_scenario_and_is_shown() -> None:
    pages = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    shown = {
        str((page.parent / link).resolve().relative_to(PROJECT))
        for page in pages
        for link in re.findall(r"!\[[^\]]*\]\(([^)#]+\.png)\)", page.read_text())
    }
    assert shown == {picture.target for picture in pictures.PICTURES}
    assert {str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").rglob("*.png")} == shown


def test_make_pictures_runs_the_scenarios_that_make_them() -> None:
    recipe = re.search(r"^pictures:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.M)
    assert recipe
    assert f"qa {' '.join(pictures.scenarios())}\n" in recipe[1]


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Artifacts with all pictures; the installer's is the second picture of its machine."""
    for name in pictures.scenarios():
        folder = tmp_path / "artifacts" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text('{"result": "passed"}')
    for picture in pictures.PICTURES:
        (tmp_path / "artifacts" / picture.scenario / picture.pattern.replace("*", "2")).write_text(picture.target)
    return tmp_path / "artifacts"


def test_all_pictures_are_renewed(artifacts: Path, tmp_path: Path) -> None:
    targets = pictures.publish(artifacts, tmp_path / "project")
    assert targets == [picture.target for picture in pictures.PICTURES]
    for target in targets:
        assert (tmp_path / "project" / target).read_text() == target


def test_none_is_renewed_when_one_is_missing(artifacts: Path, tmp_path: Path) -> None:
    (artifacts / "tui-uefi-vga/screen-install-disk.png").unlink()
    with pytest.raises(UserError, match=r"screen-install-disk\.png for docs/screens/disk\.png"):
        pictures.publish(artifacts, tmp_path / "project")
    assert not (tmp_path / "project").exists()


def test_a_scenario_that_failed_makes_no_pictures(artifacts: Path, tmp_path: Path) -> None:
    (artifacts / "install-uefi/result.json").write_text('{"result": "failed"}')
    with pytest.raises(UserError, match="install-uefi"):
        pictures.publish(artifacts, tmp_path / "project")
