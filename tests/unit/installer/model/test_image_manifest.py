"""Manifests of images that come from a stick or a web server: whatever is in them, an error is a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dom0kit.errors import UserError
from installer.model.image_manifest import NAMES, parse_manifest

WHOLE: dict[str, Any] = {
    "format": 1,
    "product": "dom0kit",
    "version": "0.1.0",
    "id": "0123456789abcdef",
    "files": {name: {"size": 10, "sha256": "0" * 64} for name in NAMES},
    "packages": {"xen-hypervisor-4.20-amd64": "4.20.0+68-g35cb38b222-1"},
}


def test_a_whole_one() -> None:
    found = parse_manifest(json.dumps(WHOLE))
    assert found.name == "0.1.0-01234567"
    assert found.size == 40


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"epoch": float("inf")}, "Infinity is not a number"),
        ({"files": {name: {"size": -1, "sha256": "0" * 64} for name in NAMES}}, "invalid checksum or size"),
        ({"files": {name: {"size": 2**63, "sha256": "0" * 64} for name in NAMES}}, "invalid checksum or size"),
        ({"packages": {"xen": "4.20\x1b[2J"}}, "not a valid one"),
        ({"packages": {"xen": "9" * 5000}}, "not a valid one"),
        ({"kernel": "6.12\nfine"}, "not a valid one"),
    ],
)
def test_values_that_cannot_be(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        parse_manifest(json.dumps(WHOLE | changes))


def test_one_that_is_nested_until_the_stack_ends() -> None:
    with pytest.raises(UserError, match="nested too deeply"):
        parse_manifest(json.dumps(WHOLE)[:-1] + ', "more": ' + "[" * 50000 + "]" * 50000 + "}")
