"""Staging and removing, on a folder in place of a system partition."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from image_store_samples import NEW, OLD, SIZES, content, make_host, make_image, make_stager, names

from dom0kit.errors import UserError
from installer.model.image_manifest import Manifest
from upgrade.store import staging
from upgrade.store.images import FAILED, Store
from upgrade.store.removal import remove
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.source import Reader, Source
from upgrade.store.staging import Stager


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_host(tmp_path / "host")


@pytest.fixture
def settled() -> list[Path]:
    return []


@pytest.fixture
def stager(store: Store, settled: list[Path]) -> Stager:
    def entry(manifest: Manifest) -> str:
        return f"menuentry {manifest.name}\n"

    return make_stager(store, entry=entry, settle=settled.append)


def test_an_image_is_staged(stager: Stager, store: Store, settled: list[Path], tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    (image / "manifest.json.sig").write_text("a signature")
    staged = stager.stage(open_source(str(image)))
    assert (staged.manifest.name, staged.fresh) == (NEW, True)
    assert content(store.folder / NEW) == content(image) | {"boot.cfg": f"menuentry {NEW}\n".encode()}
    assert names(store) == [OLD, NEW]
    assert settled == [store.folder]
    assert stager.stage(open_source(str(image))).fresh is False
    (store.folder / NEW / "vmlinuz").write_bytes(b"x")
    with pytest.raises(UserError, match="vmlinuz has 1 bytes"):
        stager.stage(open_source(str(image)))


@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_damaged_file_leaves_nothing(stager: Stager, store: Store, tmp_path: Path, name: str) -> None:
    image = make_image(tmp_path / "image")
    for data in (b"\0" * SIZES[name], (image / name).read_bytes()[:-1]):
        (image / name).write_bytes(data)
        with pytest.raises(UserError, match=name):
            stager.stage(open_source(str(image)))
        assert names(store) == [OLD]


def test_a_manifest_that_is_none(stager: Stager, store: Store, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    for data in (b"\xff\xfe", b"{}", b""):
        (image / "manifest.json").write_bytes(data)
        with pytest.raises(UserError):
            stager.stage(open_source(str(image)))
    assert names(store) == [OLD]


class Interrupted:
    """A source whose transfer ends with an error after some bytes of one file."""

    def __init__(self, source: Source, name: str, after: int) -> None:
        self.source, self.broken, self.left = source, name, after
        self.name, self.manifest, self.signature = source.name, source.manifest, source.signature
        self.opened: list[tuple[str, int]] = []

    @contextmanager
    def open(self, name: str, size: int, offset: int) -> Iterator[Reader]:
        self.opened.append((name, offset))
        with self.source.open(name, size, offset) as reader:
            yield Ending(self, reader) if name == self.broken else reader


class Ending:
    def __init__(self, source: Interrupted, reader: Reader) -> None:
        self.source, self.reader = source, reader

    def read_into(self, view: memoryview) -> int:
        if not self.source.left:
            raise UserError("the network is down")
        count = self.reader.read_into(view[: self.source.left])
        self.source.left -= count
        return count


def test_an_interrupted_transfer_goes_on_where_it_ended(stager: Stager, store: Store, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    with pytest.raises(UserError, match="network is down"):
        stager.stage(Interrupted(open_source(str(image)), "dom0.squashfs", 8 * 1024 * 1024))
    assert names(store) == [f".new-{NEW}", OLD]
    second = Interrupted(open_source(str(image)), "", 0)
    stager.stage(second)
    assert second.opened == [("dom0.squashfs", 8 * 1024 * 1024)]
    assert names(store) == [OLD, NEW]
    assert (store.folder / NEW / "dom0.squashfs").read_bytes() == (image / "dom0.squashfs").read_bytes()


def test_a_resumed_transfer_that_is_not_right_begins_again(stager: Stager, store: Store, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image")
    for damage in ("dom0.squashfs.part", "vmlinuz"):
        with pytest.raises(UserError, match="network is down"):
            stager.stage(Interrupted(open_source(str(image)), "dom0.squashfs", 8 * 1024 * 1024))
        with (store.folder / f".new-{NEW}" / damage).open("r+b") as file:
            file.write(b"what a power cut left")
        stager.stage(open_source(str(image)))
        assert content(store.folder / NEW).items() >= content(image).items()
        remove(store, NEW, settle=lambda folder: None)


def test_the_rest_of_another_image_goes(stager: Stager, store: Store, tmp_path: Path) -> None:
    (store.folder / ".new-0.3.0-cccccccc").mkdir()
    stager.stage(open_source(str(make_image(tmp_path / "image"))))
    assert names(store) == [OLD, NEW]


def test_nothing_is_written_without_space(stager: Stager, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "free_bytes", lambda folder: 9_000_000)
    with pytest.raises(UserError, match=r"the system partition has 8\.6 MiB free"):
        stager.stage(open_source(str(make_image(tmp_path / "image"))))
    assert names(store) == [OLD]


def test_what_the_host_does_not_accept(stager: Stager, store: Store, tmp_path: Path) -> None:
    older = open_source(str(make_image(tmp_path / "older", "0.0.9", "c")))
    with pytest.raises(UserError, match="is older"):
        stager.stage(older)
    stager.stage(older, force=True)
    (store.system / "state/common").mkdir()
    (store.system / FAILED).write_text(json.dumps({NEW: {"time": 1, "reason": "it did not start"}}))
    newer = open_source(str(make_image(tmp_path / "newer")))
    with pytest.raises(UserError, match="it did not start"):
        stager.stage(newer)
    stager.stage(newer, force=True)


def test_the_signature_is_checked_first(store: Store, tmp_path: Path) -> None:
    image = make_image(tmp_path / "image", state_format=7)

    def refuse(source: Source) -> None:
        raise UserError(f"not signed: {len(source.manifest)} bytes")

    with pytest.raises(UserError, match="not signed"):
        make_stager(store, check_signature=refuse).stage(open_source(str(image)))
    assert names(store) == [OLD]


def test_an_image_and_its_state_are_removed(store: Store, tmp_path: Path, settled: list[Path]) -> None:
    make_stager(store, settle=settled.append).stage(open_source(str(make_image(tmp_path / "image"))))
    (store.system / "state" / NEW / "upper").mkdir(parents=True)
    settled.clear()
    with pytest.raises(UserError, match="runs"):
        remove(store, OLD, settle=settled.append)
    assert settled == []
    assert remove(store, "0.2", settle=settled.append).name == NEW
    assert names(store) == [OLD]
    assert [path.name for path in (store.system / "state").iterdir()] == [OLD]
    assert len(settled) == 2
