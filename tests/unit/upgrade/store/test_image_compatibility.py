"""What a host accepts, and what changes between two images."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from dom0kit.errors import UserError
from dom0kit.units import MIB
from installer.model.image_manifest import Manifest
from upgrade.store.compatibility import check_compatible, check_space, version_key
from upgrade.store.packages import changed_packages

RUNNING = Manifest("dom0kit", "0.2.0", "a" * 16, (), toolstack="ganeti", epoch=1_800_000_000, kernel="6.12.1", xen="4.20.0-1")


def image(**changes: Any) -> Manifest:
    return dataclasses.replace(RUNNING, id="b" * 16, **changes)


def test_versions_in_the_order_of_debian() -> None:
    ordered = ["0.1.0", "0.2.0~rc1", "0.2.0", "0.2.0+local", "0.2.1", "0.10.0", "1.0"]
    assert sorted(set(ordered), key=version_key) == ordered


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"product": "other"}, "the image is of other"),
        ({"architecture": "arm64"}, "the image is for arm64"),
        ({"state_format": 2}, "state format 2"),
        ({"toolstack": "xapi"}, "toolstack xapi, this host ganeti"),
    ],
)
def test_refused_even_by_force(changes: dict[str, Any], sentence: str) -> None:
    for force in (False, True):
        with pytest.raises(UserError, match=sentence):
            check_compatible(image(**changes), RUNNING, None, force=force)


@pytest.mark.parametrize(
    ("changes", "failed", "sentence"),
    [
        ({"version": "0.1.9"}, None, "is older than the running"),
        ({"version": "0.2.0~rc1"}, None, "is older than the running"),
        ({"epoch": 1_799_999_999}, None, "is older than the running"),
        ({"version": "0.3.0"}, "no network", "has failed on this host: no network"),
    ],
)
def test_refused_without_force(changes: dict[str, Any], failed: str | None, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence) as caught:
        check_compatible(image(**changes), RUNNING, failed, force=False)
    assert "--force" in caught.value.hint
    check_compatible(image(**changes), RUNNING, failed, force=True)


def test_a_newer_image_and_one_that_says_less_are_accepted() -> None:
    check_compatible(image(version="0.10.0"), RUNNING, None, force=False)
    check_compatible(image(), RUNNING, None, force=False)
    check_compatible(image(toolstack=""), RUNNING, None, force=False)


def test_space() -> None:
    check_space(100 * MIB, 110 * MIB, [], reserve=10 * MIB)
    with pytest.raises(UserError, match=r"has 109\.0 MiB free; the image and its state need 110\.0 MiB") as caught:
        check_space(100 * MIB, 109 * MIB, [("0.1.0-aaaaaaaa", 300 * MIB)], reserve=10 * MIB)
    assert caught.value.hint == "remove an image that the host does not need: dom0ctl image remove 0.1.0-aaaaaaaa (300.0 MiB)"
    with pytest.raises(UserError) as caught:
        check_space(100 * MIB, 10 * MIB, [("0.1.0-aaaaaaaa", 50 * MIB)], reserve=10 * MIB)
    assert caught.value.hint.startswith("free 100.0 MiB")


def test_packages_that_differ() -> None:
    old = {"a": "1.0-1", "b": "1:2.0-1", "c": "1.0-2", "same": "1", "d": "1.10-1"}
    new = {"a": "1.0-2", "b": "3.0-1", "same": "1", "d": "1.9-1", "e": "7"}
    kinds = {change.name: change.kind for change in changed_packages(old, new)}
    assert kinds == {"a": "upgraded", "b": "downgraded", "c": "removed", "d": "downgraded", "e": "added"}
