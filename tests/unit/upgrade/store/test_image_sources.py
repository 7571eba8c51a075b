"""Folders, ISOs and web servers as sources of an image."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pycdlib
import pytest
from image_store_samples import SIZES, content, make_image
from web_server import Reply, Seen, serve

from dom0kit.errors import UserError
from dom0kit.http_client import WebError
from iso.master import iso_name
from upgrade.store.sources import iso9660
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.http_stream import TRIES, Stream
from upgrade.store.sources.source import Source


def make_iso(path: Path, folder: Path) -> Path:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, rock_ridge="1.09")
    iso.add_directory(iso_name("/dom0kit", folder=True), rr_name="dom0kit")
    for name, data in content(folder).items():
        iso.add_fp(io.BytesIO(data), len(data), iso_name(f"/dom0kit/{name}"), rr_name=name)
    iso.write(str(path))
    iso.close()
    return path


def read_all(source: Source, name: str, offset: int = 0) -> bytes:
    size, found, view = SIZES[name], b"", memoryview(bytearray(100_000))
    with source.open(name, size, offset) as reader:
        while count := reader.read_into(view):
            found += view[:count]
    return found


def check_source(source: Source, folder: Path) -> None:
    wanted = content(folder)
    assert source.manifest == wanted["manifest.json"]
    assert source.signature == wanted.get("manifest.json.sig", b"")
    for name in SIZES:
        assert read_all(source, name) == wanted[name]
        assert read_all(source, name, 4096) == wanted[name][4096:]


@pytest.fixture(params=[False, True], ids=["plain", "signed"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = make_image(tmp_path / "tree/images/bbbbbbbbbbbbbbbb")
    if request.param:
        (folder / "manifest.json.sig").write_text("a signature")
    return folder


def test_folders(image: Path, tmp_path: Path) -> None:
    check_source(open_source(str(image)), image)
    check_source(open_source(str(tmp_path / "tree")), image)
    image.rename(tmp_path / "tree/dom0kit")
    check_source(open_source(str(tmp_path / "tree")), tmp_path / "tree/dom0kit")


def test_an_iso(image: Path, tmp_path: Path) -> None:
    check_source(open_source(str(make_iso(tmp_path / "x.iso", image))), image)


def test_wrong_paths(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    (tmp_path / "tree/images").mkdir(parents=True)
    for path, sentence in (("absent", "does not exist"), ("file", "is no ISO of dom0kit"), ("tree", "no image found")):
        with pytest.raises(UserError, match=sentence) as caught:
            open_source(str(tmp_path / path))
        assert caught.value.hint
    with pytest.raises(UserError, match="is neither"):
        open_source("/dev/null")
    make_image(tmp_path / "tree/images/bbbbbbbbbbbbbbbb")
    make_image(tmp_path / "tree/images/cccccccccccccccc", letter="c")
    with pytest.raises(UserError, match="several images"):
        open_source(str(tmp_path / "tree"))


def test_a_damaged_iso_is_refused(tmp_path: Path) -> None:
    whole = bytearray(make_iso(tmp_path / "x.iso", make_image(tmp_path / "image")).read_bytes())
    found = iso9660.find(io.BytesIO(whole), "DOM0KIT")
    assert set(found) == {name.upper() for name in (*SIZES, "manifest.json")}
    with pytest.raises(iso9660.NotIso, match="no folder OTHER"):
        iso9660.find(io.BytesIO(whole), "OTHER")
    with pytest.raises(iso9660.NotIso, match="no ISO 9660"):
        iso9660.find(io.BytesIO(whole[:30_000]), "DOM0KIT")
    with pytest.raises(iso9660.NotIso, match="cut off"):
        iso9660.find(io.BytesIO(whole[: 17 * 2048]), "DOM0KIT")
    root = int.from_bytes(whole[16 * 2048 + 158 : 16 * 2048 + 162], "little") * 2048
    whole[root + 32] = 200
    with pytest.raises(iso9660.NotIso, match="damaged"):
        iso9660.find(io.BytesIO(whole), "DOM0KIT")


class Server:
    """Serve a folder; know parts of files unless ``parts`` is False, and break off after ``breaks`` bytes each time."""

    def __init__(self, folder: Path, *, parts: bool = True, breaks: int = 0) -> None:
        self.folder, self.parts, self.breaks = folder, parts, breaks
        self.ranges: list[str] = []

    def __call__(self, seen: Seen) -> Reply:
        path = self.folder / seen.path.lstrip("/")
        if not path.is_file():
            return Reply(404)
        data, wanted = path.read_bytes(), seen.headers.get("Range", "")
        self.ranges.append(wanted)
        status, headers = 200, {}
        if wanted and self.parts:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            data = data[start:]
        if self.breaks and len(data) > self.breaks:
            headers |= {"Content-Length": str(len(data))}
            data = data[: self.breaks]
        return Reply(status, data, headers)


def test_web_servers(image: Path, tmp_path: Path) -> None:
    for parts in (True, False):
        with serve(Server(tmp_path / "tree", parts=parts)) as url:
            check_source(open_source(f"{url}/images/bbbbbbbbbbbbbbbb/"), image)
            check_source(open_source(f"{url}/images/bbbbbbbbbbbbbbbb/manifest.json"), image)


def test_a_network_boot_tree_names_its_image(image: Path, tmp_path: Path) -> None:
    (tmp_path / "tree/images/manifest.json").write_bytes((image / "manifest.json").read_bytes())
    with serve(Server(tmp_path / "tree")) as url:
        check_source(open_source(url), image)
        (tmp_path / "tree/images/manifest.json").write_text(json.dumps({"id": "../../etc"}))
        with pytest.raises(UserError, match="not 16 hexadecimal digits"):
            open_source(url)
        (tmp_path / "tree/images/manifest.json").unlink()
        with pytest.raises(UserError, match="there is no image at"):
            open_source(url)
        with pytest.raises(UserError, match="is an ISO"):
            open_source(f"{url}/x.iso")


def test_an_interrupted_file_goes_on_where_it_ended(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(data)
    server = Server(tmp_path, breaks=100_000)
    pauses: list[float] = []
    with serve(server) as url:
        stream = Stream(f"{url}/file", len(data), sleep=pauses.append)
        found, view = b"", memoryview(bytearray(1 << 20))
        while count := stream.read_into(view):
            found += view[:count]
        stream.close()
    assert found == data
    assert server.ranges == ["", "bytes=100000-", "bytes=200000-"]
    assert len(pauses) == 2


def test_a_server_that_is_gone_ends_the_transfer_after_some_tries(tmp_path: Path) -> None:
    pauses: list[float] = []
    with serve(lambda seen: Reply(404)) as url, pytest.raises(WebError, match="404"):
        Stream(f"{url}/file", 10, sleep=pauses.append).read_into(memoryview(bytearray(10)))
    assert pauses == []
    with pytest.raises(WebError, match="cannot connect"):
        Stream(f"{url}/file", 10, sleep=pauses.append).read_into(memoryview(bytearray(10)))
    assert len(pauses) == TRIES - 1


def test_another_part_than_the_wanted_one_is_refused() -> None:
    with (
        serve(lambda seen: Reply(206, b"x" * 10, {"Content-Range": "bytes 0-9/10"})) as url,
        pytest.raises(WebError, match="another part"),
    ):
        Stream(f"{url}/file", 10, 5).read_into(memoryview(bytearray(10)))
