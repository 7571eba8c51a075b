"""Joining image and ISO, and comparing two builds."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pipeline import pipeline, reproducibility


def test_the_iso_is_made_again_only_for_another_image_or_other_code() -> None:
    manifest = {"id": "a", "files": {"vmlinuz": {"sha256": "1"}}}
    assert pipeline.iso_key(manifest) == pipeline.iso_key(dict(manifest))
    assert pipeline.iso_key(manifest) != pipeline.iso_key(manifest, "a signature")
    assert pipeline.iso_key(manifest) != pipeline.iso_key({**manifest, "files": {"vmlinuz": {"sha256": "2"}}})


def test_a_stamp_counts_only_with_its_iso(tmp_path: Path) -> None:
    stamp, output = tmp_path / "a.iso.json", tmp_path / "a.iso"
    assert pipeline.read_stamp(stamp, output, "k") is None
    stamp.write_text(json.dumps({"key": "k", "size": 3, "sha256": "s", "volume_id": "V"}))
    assert pipeline.read_stamp(stamp, output, "k") is None
    output.write_bytes(b"abc")
    made = pipeline.read_stamp(stamp, output, "k")
    assert made is not None
    assert not made.fresh
    assert pipeline.read_stamp(stamp, output, "other") is None
    output.write_bytes(b"abcd")
    assert pipeline.read_stamp(stamp, output, "k") is None


def test_differences_are_named_file_by_file(tmp_path: Path) -> None:
    trees = []
    for name, content in (("first", "a"), ("second", "b")):
        tree = tmp_path / name
        (tree / "etc").mkdir(parents=True)
        (tree / "etc/same").write_text("s")
        (tree / "etc/other").write_text(content)
        (tree / "link").symlink_to(content)
        for path in (tree / "etc/same", tree / "etc/other", tree / "etc"):
            os.utime(path, (1000, 1000))
        os.utime(tree / "link", (1000, 1000), follow_symlinks=False)
        trees.append(reproducibility.fingerprint(tree))
    assert [line.splitlines()[0] for line in reproducibility.differences(*trees)] == ["etc/other", "link"]
    assert reproducibility.differences(trees[0], trees[0]) == []
    assert reproducibility.differences({"a": "1"}, {})[0].endswith("second: absent")
