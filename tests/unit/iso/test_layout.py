"""Reading the image folder and its manifest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from iso_samples import EPOCH, IMAGE_ID, fake_image_folder, write_manifest

from dom0kit.errors import UserError
from iso.layout import read_image


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return fake_image_folder(tmp_path / "image")


def test_manifest(image: Path) -> None:
    manifest = read_image(image)
    assert (manifest.id, manifest.epoch, manifest.volume_id, manifest.title) == (
        IMAGE_ID,
        EPOCH,
        "DOM0KIT_01234567",
        "dom0kit 0.1.0",
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": 2}, "format 2 is not 1"),
        ({"id": "0123456789ABCDEF"}, "16 hexadecimal digits"),
        ({"epoch": 5}, "before 1980"),
        ({"epoch": "soon"}, "not a manifest"),
        ({"version": '1" {'}, "no menu can show"),
        ({"files": {}}, "does not list xen.gz"),
        ({"files": []}, "not a manifest"),
    ],
)
def test_bad_manifests(image: Path, changes: dict[str, object], problem: str) -> None:
    write_manifest(image, **changes)
    with pytest.raises(UserError, match=problem):
        read_image(image)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_no_manifest_at_all(image: Path, text: str) -> None:
    (image / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="not a manifest"):
        read_image(image)


def test_missing_and_changed_files(image: Path) -> None:
    vmlinuz = image / "vmlinuz"
    raw = vmlinuz.read_bytes()
    vmlinuz.write_bytes(raw[:-1] + b"X")
    with pytest.raises(UserError, match="has changed"):
        read_image(image)
    vmlinuz.write_bytes(raw[:-1])
    with pytest.raises(UserError, match=re.escape(f"has {len(raw) - 1} bytes, its manifest says {len(raw)}")):
        read_image(image)
    vmlinuz.unlink()
    with pytest.raises(UserError, match="is missing"):
        read_image(image)
    (image / "manifest.json").unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_image(image)
