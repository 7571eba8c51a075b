"""Packages that were installed by hand: installed again from kept files, or a refusal that names them."""

from __future__ import annotations

import pytest

from upgrade.state.packages import Installed, compare, make_package_plan, parse_status

STATUS = """Package: bash
Status: install ok installed
Version: 5.2.37-2
Architecture: amd64
Description: shell
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Version: 1
Architecture: all

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.41-12
"""


def packages(*names: str) -> dict[str, Installed]:
    found = [Installed(*name.split("="), "amd64") for name in names]
    return {package.name: package for package in found}


def test_the_status_file() -> None:
    found = parse_status(STATUS)
    assert found == {"bash": Installed("bash", "5.2.37-2", "amd64"), "libc6:i386": Installed("libc6", "2.41-12", "i386")}


def test_a_package_of_which_no_file_was_kept_is_named() -> None:
    plan = make_package_plan(packages("a=1"), packages("a=1", "htop=3.4", "tmux=2:3"), packages("a=2"), ["htop_3.4_amd64.deb"])
    assert [package.name for package in plan.again] == ["htop", "tmux"]
    assert plan.problems == ("the package tmux 2:3 was installed by hand, and no file of it was kept",)
    assert Installed("tmux", "2:3", "amd64").file_name == "tmux_2%3a3_amd64.deb"


def test_a_package_that_the_new_image_has_is_not_installed_again() -> None:
    plan = make_package_plan(packages("a=1"), packages("a=1", "htop=3.4"), packages("a=1", "htop=3.5"), [])
    assert not plan.again
    assert [package.name for package in plan.satisfied] == ["htop"]


def test_upgrades_and_removals_by_hand_are_listed() -> None:
    plan = make_package_plan(packages("a=1", "b=1", "c=1"), packages("a=3", "b=2"), packages("a=2", "b=2", "c=1"), [])
    assert [(mine.version, image.version) for mine, image in plan.older] == [("3", "2")]
    assert [package.name for package in plan.back] == ["c"]
    assert not plan.problems


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.9", "1.10"), ("1.0~rc1", "1.0"), ("1.0", "1:0.9"), ("1.0-1", "1.0-1+b1"), ("1.0-1~bpo1", "1.0-1"), ("1.0a", "1.0+x")],
)
def test_versions(older: str, newer: str) -> None:
    """As ``dpkg --compare-versions`` has it."""
    assert compare(older, newer) == -1
    assert compare(newer, older) == 1
    assert compare(older, older) == 0
