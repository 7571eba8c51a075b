"""Images on a real system partition: what GRUB, which does not replay the journal, and the disk itself have of them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pycdlib
import pytest
from image_store_samples import NEW, OLD, SIZES, content, make_host, make_image, make_stager, names
from loop_devices import MIB, LoopDisk, after_power_cut, loop_disk, output, replace_on_medium
from web_server import Reply, Seen, serve

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.linux.grub_files import settle
from installer.bootloader.menus import image_entry
from installer.model.image_manifest import read_manifest
from iso.master import iso_name
from programs import dom0ctl
from upgrade.store.images import Store
from upgrade.store.removal import remove
from upgrade.store.sources import http_stream
from upgrade.store.sources.any_source import open_source
from upgrade.store.staging import Stager

SIZE = 512 * MIB


@dataclass(frozen=True)
class Host:
    """A host with a system partition of its own."""

    disk: LoopDisk
    store: Store

    def grub_sees(self, name: str, image: Path) -> list[str]:
        """Return the files of an image that GRUB's own ext2 driver reads as they are, while the file system is mounted."""
        return [file for file in sorted(SIZES) if self._same(f"(loop0)/images/{name}/{file}", image / file)]

    def _same(self, path: str, file: Path) -> bool:
        command = ["grub-fstest", self.disk.file, "cmp", path, file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return not (done.returncode or done.stderr or "fail" in done.stdout)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Make a host whose system partition is a disk of its own."""
    with loop_disk(tmp_path / "disk", SIZE) as disk:
        output("mkfs.ext4", "-q", "-F", disk.path)
        system = tmp_path / "system"
        system.mkdir()
        output("mount", disk.path, system)
        try:
            yield Host(disk, make_host(tmp_path / "host", system))
        finally:
            output("umount", system)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Make the image to stage."""
    return make_image(tmp_path / "tree/images/bbbbbbbbbbbbbbbb")


def is_whole(host: Host, image: Path, tmp_path: Path) -> None:
    """Check that the image is on the medium, and that GRUB has every file of it without replaying the journal."""
    assert names(host.store) == [OLD, NEW]
    seen = host.grub_sees(NEW, image)
    with after_power_cut(host.disk, tmp_path) as look:
        assert content(look / "images" / NEW).items() >= content(image).items()
    assert seen == sorted(SIZES)


def test_a_folder(host: Host, image: Path, tmp_path: Path) -> None:
    assert make_stager(host.store).stage(open_source(str(image))).fresh
    is_whole(host, image, tmp_path)


def test_an_iso_and_a_disk_with_it(host: Host, image: Path, tmp_path: Path) -> None:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09")
    iso.add_directory(iso_name("/dom0kit", folder=True), rr_name="dom0kit")
    for name, data in content(image).items():
        iso.add_fp(io.BytesIO(data), len(data), iso_name(f"/dom0kit/{name}"), rr_name=name)
    iso.write(str(tmp_path / "x.iso"))
    iso.close()
    make_stager(host.store).stage(open_source(str(tmp_path / "x.iso")))
    is_whole(host, image, tmp_path)
    remove(host.store, NEW)
    with loop_disk(tmp_path / "stick", 64 * MIB) as stick:
        stick.write(0, (tmp_path / "x.iso").read_bytes())
        make_stager(host.store).stage(open_source(stick.path))
    assert names(host.store) == [OLD, NEW]


def server(folder: Path, requests: list[str], breaks: int = 0) -> AbstractContextManager[str]:
    """Serve a folder with parts of files; break off after so many bytes each time."""

    def answer(seen: Seen) -> Reply:
        path = folder / seen.path.lstrip("/")
        if not path.is_file():
            return Reply(404)
        wanted = seen.headers.get("Range", "bytes=0-")
        requests.append(f"{path.name} {wanted}")
        data = path.read_bytes()
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}", "Content-Length": str(len(data) - start)}
        return Reply(206 if start else 200, data[start : start + breaks] if breaks else data[start:], headers)

    return serve(answer)


def test_a_network_tree_whose_download_is_interrupted(
    host: Host, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http_stream, "PAUSE", 0.0)
    shutil.copy(image / "manifest.json", image.parent / "manifest.json")
    requests: list[str] = []
    root = str(host.store.root)
    with server(tmp_path / "tree", requests, 5 * MIB) as url:
        # Twice in one run ...
        assert dom0ctl.main(["image", "stage", url, "--root", root]) == 0
    squash = [line for line in requests if line.startswith("dom0.squashfs")]
    assert squash == ["dom0.squashfs bytes=0-", f"dom0.squashfs bytes={5 * MIB}-"]
    is_whole(host, image, tmp_path)
    assert dom0ctl.main(["image", "list", "--root", root]) == 0
    assert f"{NEW}  staged" in capsys.readouterr().out
    assert (host.store.folder / NEW / "boot.cfg").read_text() == image_entry(read_manifest(image))
    assert dom0ctl.main(["image", "remove", "0.2", "--root", root]) == 0
    # ... and by a server that goes away in the middle; the next run takes the rest.
    requests.clear()
    whole = (image / "dom0.squashfs").read_bytes()
    (image / "dom0.squashfs").write_bytes(whole[: 5 * MIB])
    with server(tmp_path / "tree", requests) as url:
        assert dom0ctl.main(["image", "stage", url, "--root", root]) == 1
    assert "truncated" in capsys.readouterr().err
    (image / "dom0.squashfs").write_bytes(whole)
    requests.clear()
    with server(tmp_path / "tree", requests) as url:
        assert dom0ctl.main(["image", "stage", url, "--root", root]) == 0
    assert [line for line in requests if "manifest" not in line] == [f"dom0.squashfs bytes={4 * MIB}-"]
    assert names(host.store) == [OLD, NEW]


def test_a_full_disk_is_refused_before_anything_is_written(host: Host, image: Path) -> None:
    space = os.statvfs(host.store.system)
    with (host.store.system / "large").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize - 8 * MIB)
    before = names(host.store)
    with pytest.raises(UserError, match=r"the system partition has .* MiB free; the image and its state need"):
        make_stager(host.store).stage(open_source(str(image)))
    assert names(host.store) == before == [OLD]


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(host: Host, image: Path) -> None:
    def fill(event: Event) -> None:
        large = host.store.system / "large"
        if event.get("name") == "copy" and not large.exists():
            space = os.statvfs(host.store.system)
            # ext4 keeps clusters for itself, which the installer's copy of it leaves out as well.
            with large.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, (space.f_bfree - 4096) * space.f_bsize - MIB)

    with pytest.raises(UserError, match="the system partition is full"):
        Stager(host.store, Reporter("test", [fill]), reserve=0).stage(open_source(str(image)))
    assert names(host.store) == [OLD]


def test_a_disk_that_loses_data_is_found(host: Host, image: Path) -> None:
    """Damage a file on the medium while it is read back: the page cache would not show it."""
    mark = (image / "dom0.squashfs").read_bytes()[8 * MIB : 8 * MIB + 64]

    def spoil(event: Event) -> None:
        if event.get("name") == "read back" and event.get("state") == "started":
            assert replace_on_medium(host.disk.file, mark, bytes(len(mark)))

    with pytest.raises(UserError, match=r"dom0\.squashfs has the checksum"):
        Stager(host.store, Reporter("test", [spoil]), reserve=0).stage(open_source(str(image)))
    assert names(host.store) == [OLD]


def test_only_the_freeze_makes_an_image_visible_to_grub(host: Host, image: Path) -> None:
    """Without it, GRUB does not have the folder's name: it is in the journal, which GRUB does not replay."""
    output("sync", "-f", host.store.system)
    settle(host.store.system)
    make_stager(host.store, settle=lambda folder: None).stage(open_source(str(image)))
    assert host.grub_sees(NEW, image) == []
    settle(host.store.system)
    assert host.grub_sees(NEW, image) == sorted(SIZES)


def test_a_frozen_file_system_stays_as_it_is(host: Host) -> None:
    """Another program's freeze is its own: it is neither thawed nor waited for."""
    output("fsfreeze", "--freeze", host.store.system)
    try:
        with pytest.raises(UserError, match="cannot be frozen: Device or resource busy"):
            settle(host.store.system)
    finally:
        output("fsfreeze", "--unfreeze", host.store.system)
    settle(host.store.system)
    (host.store.system / "file").write_text("written")


def test_a_file_system_that_cannot_be_frozen(tmp_path: Path) -> None:
    folder = tmp_path / "tmpfs"
    folder.mkdir()
    output("mount", "-t", "tmpfs", "none", folder)
    try:
        with pytest.raises(UserError, match="cannot be frozen"):
            settle(folder)
    finally:
        output("umount", folder)


def test_the_running_image_stays(host: Host, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_stager(host.store).stage(open_source(str(image)))
    assert dom0ctl.main(["image", "remove", OLD, "--root", str(host.store.root)]) == 1
    assert f"{OLD} runs" in capsys.readouterr().err
    assert dom0ctl.main(["image", "remove", NEW, "--root", str(host.store.root)]) == 0
    assert names(host.store) == [OLD]
    assert host.grub_sees(OLD, host.store.folder / OLD) == sorted(SIZES)
    assert host.grub_sees(NEW, image) == []
