"""What changes from one image to another, by their manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from image_store_samples import make_image

from dom0kit.errors import UserError
from installer.model.image_manifest import Manifest, parse_manifest
from programs import build_machine
from upgrade.store.differences import compare, diff_lines

SHA = "0" * 64
FILES = {name: {"sha256": SHA, "size": 1024} for name in ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")}
OLD = {
    "format": 1, "product": "dom0kit", "version": "0.2.0", "id": "a" * 16, "files": FILES, "epoch": 1_800_000_000,
    "kernel": "6.12.1", "xen": "4.20.0-1", "packages": {"ganeti": "3.1.0-1", "ssh": "1", "gone": "1"},
    "sources": [{"name": "openssh", "version": "1", "packages": ["ssh"]}, {"name": "twice", "version": "2", "packages": []},
                {"name": "twice", "version": "10", "packages": []}],
    "keys": {"accepted": ["SHA256:old"], "revoked": []}, "commit": "c" * 40,
    "archives": {"x_InRelease": {"origin": "Debian", "codename": "trixie", "date": 1_800_000_000, "sha256": SHA}},
}  # fmt: skip


def image(**changes: Any) -> Manifest:
    return parse_manifest(json.dumps(OLD | changes))


def newer() -> Manifest:
    return image(
        version="0.3.0", id="b" * 16, kernel="6.12.9", state_format=2, epoch=1_800_090_000, commit="d" * 40,
        packages={"ganeti": "3.1.1-1", "ssh": "2", "here": "3"},
        sources=[{"name": "openssh", "version": "2", "packages": ["ssh"]}, {"name": "twice", "version": "10", "packages": []}],
        keys={"accepted": ["SHA256:new"], "revoked": ["SHA256:old"]},
        files=FILES | {"initrd.img": {"sha256": SHA, "size": 3072}},
        archives={"x_InRelease": {"origin": "Debian", "codename": "trixie", "date": 1_800_090_000, "sha256": SHA}},
    )  # fmt: skip


def test_the_difference_as_text() -> None:
    assert diff_lines(compare(image(), newer())) == [
        "0.2.0-aaaaaaaa -> 0.3.0-bbbbbbbb",
        "kernel: 6.12.1 -> 6.12.9",
        "Xen: 4.20.0-1, the same",
        "Ganeti: 3.1.0-1 -> 3.1.1-1",
        "state format: 1 -> 2",
        "packages of: 2027-01-15 -> 2027-01-16",
        f"commit: {'c' * 40} -> {'d' * 40}",
        "archive Debian trixie: 2027-01-15 -> 2027-01-16",
        "signing key SHA256:new: added",
        "signing key SHA256:old: removed",
        "signing key SHA256:old: revoked",
        "size of initrd.img: 3.0 KiB (+2.0 KiB)",
        "size of all: 6.0 KiB (+2.0 KiB)",
        "packages: 4 changes",
        "    ganeti 3.1.0-1 -> 3.1.1-1",
        "  - gone 1",
        "  + here 3",
        "    ssh 1 -> 2",
        "source packages: 1 change",
        "    openssh 1 -> 2",
        "changelogs: https://tracker.debian.org/pkg/NAME",
    ]


def test_the_difference_as_values() -> None:
    found = compare(image(), newer()).to_json()
    assert json.loads(json.dumps(found)) == found
    assert {"name": "kernel", "old": "6.12.1", "new": "6.12.9"} in found["facts"]
    assert {"name": "initrd.img", "old": 1024, "new": 3072} in found["sizes"]
    assert {"key": "SHA256:old", "kind": "revoked"} in found["keys"]
    source = {"name": "openssh", "kind": "upgraded", "old": "1", "new": "2", "page": "https://tracker.debian.org/pkg/openssh"}
    assert found["sources"] == [source]


def test_one_image_twice_has_no_differences() -> None:
    assert diff_lines(compare(image(), image())) == [
        "0.2.0-aaaaaaaa -> 0.2.0-aaaaaaaa",
        "kernel: 6.12.1, the same",
        "Xen: 4.20.0-1, the same",
        "packages: the same",
    ]


def test_an_image_without_sources_says_nothing_of_them() -> None:
    old = parse_manifest(json.dumps({key: value for key, value in OLD.items() if key not in ("sources", "keys", "archives")}))
    assert compare(old, newer()).sources == ()
    assert not [line for line in diff_lines(compare(old, newer())) if line.startswith(("source", "changelogs"))]


@pytest.mark.parametrize(
    "changes", [{"sources": [{"name": "x"}]}, {"sources": 5}, {"keys": [1]}, {"archives": {"x": {}}}, {"archives": []}]
)
def test_a_manifest_with_damaged_origin_is_one_sentence(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"manifest\.json is invalid"):
        image(**changes)


def test_the_command_takes_folders_and_manifests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_image(tmp_path / "old", "0.1.0", "a")
    make_image(tmp_path / "new", "0.2.0", "b", kernel="6.12.2")
    words = ["manifest", "diff", str(tmp_path / "old"), str(tmp_path / "new/manifest.json")]
    assert build_machine.main(words) == 0
    assert "kernel: 6.12.1 -> 6.12.2" in capsys.readouterr().out
    assert build_machine.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == "0.2.0-bbbbbbbb"
    assert build_machine.main(["manifest", "diff", str(tmp_path), str(tmp_path / "old")]) == 1
    assert "no image found" in capsys.readouterr().err
