"""The network-boot tree is written whole or not at all, and what is installed stays installed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from answerfiles.inventory import install_markers
from answerfiles.inventory.inventory import InventoryError, parse_inventory
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from iso.layout import BOOT_HYBRID, PATHS
from pipeline.atomic_swap import swap
from pipeline.netboot import image_source, render

ID = "0123456789abcdef"
HOSTS = """\
defaults:
  target: {disk: {serial: D1}}
  root: {password_hash: "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"}
hosts:
  xen1: {mac: "52:54:00:00:00:01", serial: S1}
  xen2: {mac: "52:54:00:00:00:02"}
"""


@pytest.fixture
def image(tmp_path: Path) -> image_source.Image:
    folder = tmp_path / "image"
    (folder / "boot").mkdir(parents=True)
    files = {}
    for name in (*PATHS, BOOT_HYBRID):
        raw = name.encode() * 100
        (folder / name).write_bytes(raw)
        files[name] = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    manifest = {"format": 1, "product": "dom0kit", "version": "0.1.0", "id": ID, "epoch": 1760000000, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return image_source.from_folder(folder)


@pytest.fixture(autouse=True)
def _own_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "web_group", lambda name: os.getgid())
    monkeypatch.setattr(os, "sync", lambda: None)


def make(image: image_source.Image, tree: Path, text: str = HOSTS, **options: list[str]) -> render.Result:
    inventory = parse_inventory(text, tree.parent / "inv.yaml")
    return render.render(inventory, image, tree, "http://192.0.2.1", Reporter("render"), **options)


def test_what_lies_where(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    result = make(image, tree)
    assert result.hosts == 2
    assert (tree / "answers/mac-52-54-00-00-00-01.yaml").readlink() == Path("xen1.yaml")
    assert (tree / "answers/serial-S1.yaml").read_text().startswith("version: 1\nhost_name: xen1\n")
    assert (tree / "answers/xen1.yaml").stat().st_mode & 0o777 == 0o640
    assert (tree / "answers").stat().st_mode & 0o777 == 0o750
    assert "set dom0kit_host=xen1" in (tree / "boot/hosts/serial-S1.cfg").read_text()
    assert (tree / f"images/{ID}/vmlinuz").read_bytes() == b"vmlinuz" * 100
    assert 'source "$prefix/grub.cfg"' in (tree / "grub.cfg").read_text()
    assert json.loads((tree / "hosts.json").read_text())["hosts"]["xen2"]["mac"] == "52:54:00:00:00:02"
    for line in (tree / "SHA256SUMS").read_text().splitlines():
        sha256, name = line.split("  ")
        assert hashlib.sha256((tree / name).read_bytes()).hexdigest() == sha256
    listed = {line.split("  ")[1] for line in (tree / "SHA256SUMS").read_text().splitlines()}
    there = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file() and not p.is_symlink()}
    assert listed == there - {"SHA256SUMS"}
    assert (tmp_path / "tree.key").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image", "tree", "tree.key"]


def test_installed_hosts_stay_so(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    answers = (tree / "answers/xen1.yaml").read_text()
    for host in ("xen1", "xen2", "gone"):
        install_markers.mark_done(tree, host)
    assert make(image, tree).installed == {"xen1", "xen2"}
    assert (tree / "answers/xen1.yaml").read_text() == answers
    assert make(image, tree, rearm=["xen2"]).installed == {"xen1"}
    assert sorted(p.name for p in (tree / "done").iterdir()) == ["xen1.cfg", "xen1.ipxe"]
    with pytest.raises(UserError, match="--rearm xen9"):
        make(image, tree, rearm=["xen9"])


def test_a_bad_host_leaves_the_tree_alone(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    before = (tree / "SHA256SUMS").read_text()
    with pytest.raises(InventoryError, match="host xen2: keyboard"):
        make(image, tree, HOSTS.replace('00:02"', '00:02", keyboard: "!"'))
    assert (tree / "SHA256SUMS").read_text() == before
    (image.source / "vmlinuz").write_bytes(b"damaged" * 100)
    (tree / f"images/{ID}/vmlinuz").write_bytes(b"damaged" * 100)
    with pytest.raises(UserError, match=r"vmlinuz of .* is not what its manifest says"):
        make(image, tree)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image", "tree", "tree.key"]


def test_a_folder_of_somebody_else_is_left_alone(image: image_source.Image, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/thesis.txt").write_text("x")
    with pytest.raises(UserError, match="is no network-boot tree"):
        make(image, tmp_path / "tree")
    with pytest.raises(UserError, match="does not exist"):
        make(image, tmp_path / "a/b")


def test_swap(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert swap(tmp_path / "new", tmp_path / "place") is False
    (tmp_path / "place/a").touch()
    (tmp_path / "new").mkdir()
    assert swap(tmp_path / "new", tmp_path / "place") is True
    assert (tmp_path / "new/a").exists()
    assert not (tmp_path / "place/a").exists()
