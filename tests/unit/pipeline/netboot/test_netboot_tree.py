"""The network-boot tree is written whole or not at all, and arms new hosts only."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from answerfiles.inventory import install_markers
from answerfiles.inventory.inventory import InventoryError
from answerfiles.inventory.sources import parse_inventory
from answerfiles.lab_server.config import read_hosts
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from iso.layout import BOOT_HYBRID, PATHS
from pipeline import answers_cli
from pipeline.atomic_swap import swap
from pipeline.netboot import image_source, preview, render

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


def make(image: image_source.Image, tree: Path, text: str = HOSTS, **options: Any) -> render.Result:
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
    assert listed == {name for name in there if not name.startswith("armed/")} - {"SHA256SUMS"}
    assert (tmp_path / "tree.key").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["image", "tree", "tree.key"]


def test_the_image_of_a_tree_can_be_found_by_its_url(image: image_source.Image, tmp_path: Path) -> None:
    signed = dataclasses.replace(image, signature=b"a signature")
    make(signed, tmp_path / "tree")
    folder = tmp_path / "tree/images"
    assert (folder / "manifest.json").read_bytes() == (folder / ID / "manifest.json").read_bytes() == image.manifest_bytes
    assert (folder / ID / "manifest.json.sig").read_bytes() == b"a signature"


def test_only_new_hosts_are_armed(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    assert make(image, tree).armed == {"xen1", "xen2"}
    assert "set dom0kit_armed=new\n" in (tree / "armed/xen1.cfg").read_text()
    assert (tree / "armed/xen1.ipxe").read_text().startswith("#!ipxe\n")
    install_markers.disarm(tree, "xen1")
    assert make(image, tree).armed == {"xen2"}
    install_markers.disarm(tree, "xen2")
    more = HOSTS + '  xen3: {mac: "52:54:00:00:00:03"}\n'
    assert make(image, tree, more).armed == {"xen3"}
    assert make(image, tree, more, rearm=["xen2", "xen2"]).armed == {"xen2", "xen3"}
    order = (tree / "armed/xen2.cfg").read_text()
    assert "set dom0kit_armed=20" in order
    assert make(image, tree, more).armed == {"xen2", "xen3"}
    assert (tree / "armed/xen2.cfg").read_text() == order
    assert make(image, tree).armed == {"xen2"}
    assert sorted(p.name for p in (tree / "armed").iterdir()) == ["xen2.cfg", "xen2.ipxe"]
    with pytest.raises(UserError, match=r"--rearm: the inventory .* has no host xen9"):
        make(image, tree, rearm=["xen9"])


def test_a_tree_can_be_rendered_with_no_host_armed(image: image_source.Image, tmp_path: Path) -> None:
    assert make(image, tmp_path / "tree", arm_new=False).armed == set()
    assert make(image, tmp_path / "tree").armed == set()


def test_a_host_that_begins_to_install_while_the_tree_is_exchanged_is_not_armed_again(
    image: image_source.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    make(image, tree)

    def meanwhile() -> None:
        install_markers.disarm(tree, "xen1")

    monkeypatch.setattr(os, "sync", meanwhile)
    assert make(image, tree).armed == {"xen2"}


def test_a_tree_of_the_old_scheme_is_refused(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    (tree / "done").mkdir()
    (tree / "done/xen1.cfg").write_text("x")
    for call in (lambda: make(image, tree), lambda: read_hosts(tree)):
        with pytest.raises(UserError, match=r"older dom0kit: its done/ names the hosts that are installed \(xen1\)") as caught:
            call()
        assert "--arm none" in caught.value.hint
    assert install_markers.armed_hosts(tree) == {"xen1", "xen2"}


def test_a_damaged_list_of_hosts_makes_no_host_new(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    (tree / "hosts.json").write_text("{")
    with pytest.raises(UserError, match=r"hosts\.json is damaged"):
        make(image, tree)


def test_arm_and_disarm(image: image_source.Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = tmp_path / "tree"
    make(image, tree, arm_new=False)
    given = argparse.Namespace(tree=tree, hosts=["xen2", "xen2"])
    assert answers_cli.run_arm(given) == 0
    assert install_markers.armed_hosts(tree) == {"xen2"}
    assert [install_markers.is_armed(tree, host) for host in ("xen1", "xen2")] == [False, True]
    assert answers_cli.run_disarm(given) == 0
    assert install_markers.armed_hosts(tree) == set()
    assert "xen2: no longer armed" in capsys.readouterr().out
    with pytest.raises(UserError, match="has no host xen9"):
        answers_cli.run_arm(argparse.Namespace(tree=tree, hosts=["xen2", "xen9"]))
    assert install_markers.armed_hosts(tree) == set()


def test_later_orders_sort_last() -> None:
    orders = [install_markers.order_now(moment) for moment in (0.0, 1.5, 1.501, 86400.0, 1.8e9)]
    assert orders == sorted(set(orders))


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


def look(image: image_source.Image, tree: Path, text: str, *limit: str) -> str:
    inventory = parse_inventory(text, tree.parent / "inv.yaml")
    shown = preview.preview(inventory, tree, "http://192.0.2.1", Reporter("render"), limit=list(limit), image_id=ID)
    return shown.render()


def tree_bytes(tree: Path) -> dict[str, bytes | None]:
    return {str(p): p.read_bytes() if p.is_file() else None for p in tree.parent.rglob("*")}


def test_a_preview_writes_nothing_and_shows_no_secret(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    before = tree_bytes(tree)
    assert "xen1, xen2: added\nhosts: 2 added, 0 changed, 0 removed, 0 unchanged" in look(image, tree, HOSTS)
    assert tree_bytes(tree) == before
    make(image, tree)
    before = tree_bytes(tree)
    assert look(image, tree, HOSTS) == "hosts: 0 added, 0 changed, 0 removed, 2 unchanged"
    new = HOSTS.replace("abcdefghijkl", "ABCDEFGHIJKL").replace(
        'xen2: {mac: "52:54:00:00:00:02"', "xen3: {serial: S3, keyboard: de"
    )
    new = new.replace("serial: S1", "serial: S1, time: {zone: UTC}, boot_arguments: quiet")
    shown = look(image, tree, new)
    assert "ABCDEFGHIJKL" not in shown
    assert "abcdefghijkl" not in shown
    assert shown.splitlines() == [
        "xen1: changed",
        "  ~ root.password_hash: ******** -> ********",
        "  + time: {zone: 'UTC'}",
        "  + kernel argument quiet",
        "xen2: removed",
        "xen3: added",
        "hosts: 1 added, 1 changed, 1 removed, 0 unchanged",
    ]
    assert look(image, tree, new, "xen3").splitlines() == [
        "xen3: added",
        "hosts: 1 added, 0 changed, 0 removed, 0 unchanged",
    ]
    assert tree_bytes(tree) == before


def test_limited_to_a_host_or_a_group(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    old = (tree / "answers/xen2.yaml").read_bytes()
    new = HOSTS.replace("hosts:\n", "groups: {g: {keyboard: de}}\nhosts:\n").replace("serial: S1", "serial: S2, groups: [g]")
    new = new.replace("defaults:\n", "defaults:\n  time: {zone: UTC}\n")
    assert make(image, tree, new, limit=["g"]).hosts == 2
    assert "keyboard: de" in (tree / "answers/serial-S2.yaml").read_text()
    assert not (tree / "answers/serial-S1.yaml").exists()
    assert (tree / "answers/xen2.yaml").read_bytes() == old
    assert (tree / "answers/mac-52-54-00-00-00-02.yaml").readlink() == Path("xen2.yaml")
    assert set(json.loads((tree / "hosts.json").read_text())["hosts"]) == {"xen1", "xen2"}
    sums = {line.split("  ")[1]: line.split("  ")[0] for line in (tree / "SHA256SUMS").read_text().splitlines()}
    there = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file() and not p.is_symlink()}
    assert set(sums) == {name for name in there if not name.startswith("armed/")} - {"SHA256SUMS"}
    assert all(hashlib.sha256((tree / name).read_bytes()).hexdigest() == sha256 for name, sha256 in sums.items())
    # A fault of another host does not matter; one of the chosen does.
    faulty = new.replace('xen2: {mac: "52:54:00:00:00:02"', 'xen2: {mac: "52:54:00:00:00:02", keyboard: 5')
    assert make(image, tree, faulty, limit=["xen1"]).hosts == 2
    # A host that is new to the inventory comes into the tree, and is armed, when it is rendered.
    more = new + "  xen7: {serial: S7}\n"
    assert make(image, tree, more, limit=["xen1"]).armed == {"xen1", "xen2"}
    with pytest.raises(UserError, match="with --limit has no host xen7"):
        make(image, tree, more, limit=["xen1"], rearm=["xen7"])
    assert make(image, tree, more, limit=["xen7"]).armed == {"xen1", "xen2", "xen7"}
    make(image, tree, new)
    with pytest.raises(InventoryError, match="host xen2: keyboard"):
        make(image, tree, faulty, limit=["xen2"])
    with pytest.raises(UserError, match="--limit xen9: the inventory has no such host or group"):
        make(image, tree, new, limit=["xen9"])
    taken = new.replace("serial: S2", "serial: S2, uuid: 00112233-4455-6677-8899-aabbccddeeff").replace("00:00:01", "00:00:09")
    taken = taken.replace("00:00:02", "00:00:01").replace("00:00:09", "00:00:02")
    with pytest.raises(UserError, match="mac-52-54-00-00-00-02 belonged to xen2"):
        make(image, tree, taken, limit=["xen1"])
    assert make(image, tree, taken).hosts == 2


def test_several_macs_have_boot_files_each(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    text = HOSTS.replace('mac: "52:54:00:00:00:01"', 'mac: ["52:54:00:00:00:01", "52:54:00:00:00:11"]')
    make(image, tree, text)
    for mac in ("52-54-00-00-00-01", "52-54-00-00-00-11"):
        assert (tree / f"boot/hosts/mac-{mac}.ipxe").is_file()
        assert (tree / f"answers/mac-{mac}.yaml").readlink() == Path("xen1.yaml")
    entry = json.loads((tree / "hosts.json").read_text())["hosts"]["xen1"]
    assert entry["mac"] == "52:54:00:00:00:01"
    assert entry["macs"] == ["52:54:00:00:00:01", "52:54:00:00:00:11"]
    make(image, tree, text, limit=["xen2"])
    assert (tree / "boot/hosts/mac-52-54-00-00-00-11.cfg").is_file()


def test_files_that_stay_the_same_are_linked(image: image_source.Image, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    make(image, tree)
    names = ["answers/xen1.yaml", "answers/xen2.yaml", "boot/hosts/serial-S1.cfg", "boot/grub.cfg", "hosts.json"]
    before = {name: (tree / name).stat().st_ino for name in names}
    assert (tree / "boot/hosts/mac-52-54-00-00-00-01.cfg").samefile(tree / "boot/hosts/serial-S1.cfg")
    (tree / "boot/grub.cfg").write_text("damaged")
    (tree / "answers/xen2.yaml").chmod(0o644)
    make(image, tree, HOSTS.replace("serial: S1", "serial: S1, keyboard: de"))
    after = {name: (tree / name).stat().st_ino for name in names}
    assert {name for name in names if before[name] == after[name]} == {"boot/hosts/serial-S1.cfg", "hosts.json"}
    assert (tree / "answers/xen2.yaml").stat().st_mode & 0o777 == 0o640
    assert "dom0kit_host" in (tree / "boot/grub.cfg").read_text()
