"""Feeds: the index, what is newer, adding and removing images, and what a host does about them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from image_store_samples import NEW, OLD, make_host, make_image, make_stager, names

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from firstboot.updates_status import CHECKED, read_checked
from installer.model.image_manifest import read_manifest
from programs import build_machine, dom0ctl
from upgrade.commands import updates as command
from upgrade.feed import settings
from upgrade.feed.index import INDEX, Index, newer, parse
from upgrade.feed.publish import add_image
from upgrade.feed.reader import open_image, read_index
from upgrade.feed.settings import Settings
from upgrade.store.sources.any_source import open_source


def unsigned(_: bytes) -> bytes:
    return b""


def add(feed: Path, image: Path) -> str:
    return add_image(feed, open_source(str(image)), unsigned, Reporter("test")).name


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Make a feed with an image that is newer than the running one."""
    make_image(tmp_path / "new", architecture="amd64")
    add(tmp_path / "feed", tmp_path / "new")
    return tmp_path / "feed"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a host that runs the old image."""
    make_host(tmp_path / "host")
    monkeypatch.setattr(command, "as_root", lambda act: act())
    return tmp_path / "host"


@pytest.fixture
def url(feed: Path) -> Iterator[str]:
    """Serve the feed."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(feed))

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_image_is_added_whole_and_named(feed: Path, tmp_path: Path) -> None:
    assert sorted(path.name for path in feed.iterdir()) == [NEW, INDEX]
    assert {path.name for path in (feed / NEW).iterdir()} == {path.name for path in (tmp_path / "new").iterdir()}
    index = read_index(str(feed), tmp_path / "keys")
    assert index.serial == 1
    assert (index.images[0].name, index.images[0].kernel) == (NEW, "6.12.1")
    assert add(feed, make_image(tmp_path / "third", "0.3.0", "c")) == "0.3.0-cccccccc"
    assert add(feed, tmp_path / "new") == NEW, "once more"
    index = read_index(f"file://{feed}", tmp_path / "keys")
    assert [image.name for image in index.images] == [NEW, "0.3.0-cccccccc"]
    assert index.serial == 3
    assert parse(index.to_bytes(), "x") == index


def test_a_damaged_image_leaves_the_feed_as_it_was(feed: Path, tmp_path: Path) -> None:
    before = (feed / INDEX).read_bytes()
    damaged = make_image(tmp_path / "third", "0.3.0", "c")
    (damaged / "vmlinuz").write_bytes(b"x" * (damaged / "vmlinuz").stat().st_size)
    with pytest.raises(UserError, match="checksum"):
        add(feed, damaged)
    assert (feed / INDEX).read_bytes() == before
    assert sorted(path.name for path in feed.iterdir()) == [NEW, INDEX]


@pytest.mark.parametrize("name", ["allowed_signers", "openpgp.gpg"])
def test_keys_of_either_kind_ask_for_a_signed_index(feed: Path, tmp_path: Path, name: str) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / name).write_text("a key")
    with pytest.raises(UserError, match="is not signed"):
        read_index(str(feed), keys)


def test_an_image_is_removed_from_the_index_and_the_disk(feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["feed", "remove", str(feed), NEW, "--unsigned"]
    assert build_machine.main(words) == 0
    assert [path.name for path in feed.iterdir()] == [INDEX]
    assert parse((feed / INDEX).read_bytes(), "x") == Index(2)
    assert build_machine.main(words) == 1
    assert "the feed has no image" in capsys.readouterr().err
    assert build_machine.main(["feed", "remove", str(feed), NEW, "--sign", "no-such-program-here KEY"]) == 1
    assert "no program that is installed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [{"format": 2}, {"product": "x"}, {"images": [{}]}, {"serial": None}, {"images": 3}, {"images": [{"name": "../x"}]}],
)
def test_a_damaged_index_is_one_sentence(feed: Path, change: dict[str, Any]) -> None:
    value = json.loads((feed / INDEX).read_text())
    if change.get("images") == [{"name": "../x"}]:
        change = {"images": [value["images"][0] | {"name": "../x"}]}
    with pytest.raises(UserError, match=r"index\.json of here is invalid"):
        parse(json.dumps(value | change).encode(), "here")


def test_newer_images_the_newest_first_and_why_not(tmp_path: Path) -> None:
    running = read_manifest(make_image(tmp_path / "running", "0.2.0", "a", epoch=1_800_000_000))
    feed = tmp_path / "feed"
    add(feed, make_image(tmp_path / "b", "0.1.9", "b"))
    add(feed, make_image(tmp_path / "c", "0.2.0", "c", epoch=1_800_000_001))
    add(feed, make_image(tmp_path / "d", "0.10.0", "d", state_format=2))
    add(feed, make_image(tmp_path / "e", "0.3.0", "e", toolstack="xapi"))
    add(feed, make_image(tmp_path / "f", "0.3.0~rc1", "f"))
    add(feed, make_image(tmp_path / "g", "0.2.0", "9"))
    offers = newer(read_index(str(feed), tmp_path), running, ["0.3.0~rc1-ffffffff"])
    assert [(offer.image.name, offer.obstacle) for offer in offers] == [
        ("0.10.0-dddddddd", "state format 2: install the host again"),
        ("0.3.0-eeeeeeee", "toolstack xapi"),
        ("0.3.0~rc1-ffffffff", "tried on this host and failed"),
        ("0.2.0-cccccccc", ""),
    ]


def test_the_manifest_is_the_one_of_the_index(feed: Path, url: str, tmp_path: Path) -> None:
    image = read_index(url, tmp_path).images[0]
    assert open_image(url, image).manifest == (feed / NEW / "manifest.json").read_bytes()
    with (feed / NEW / "manifest.json").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=r"not the one that index\.json names"):
        open_image(url, image)


def test_no_feed(tmp_path: Path, url: str) -> None:
    for place in (str(tmp_path), f"{url}/{NEW}"):
        with pytest.raises(UserError, match="there is no feed at"):
            read_index(place, tmp_path)
    with pytest.raises(UserError, match="scheme that is not supported"):
        read_index("ftp://example.com/feed", tmp_path)


def test_a_host_lists_what_is_newer_and_remembers_it(root: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dom0ctl.main(["updates", "--root", str(root), "--source", url]) == 0
    shown = capsys.readouterr().out
    assert f"{NEW}  " in shown
    assert shown.endswith(f"stage it: dom0ctl image stage {url}/{NEW}\n")
    checked = read_checked(root)
    assert checked is not None
    assert (checked["newest"], checked["serial"], checked["error"]) == (NEW, 1, "")
    assert not (root / settings.FILE).exists(), "one look stores nothing"
    assert dom0ctl.main(["updates", "--root", str(root), "--source", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["newer"][0]["obstacle"] == ""


def test_an_old_copy_of_a_feed_is_refused(root: Path, feed: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    old = (feed / INDEX).read_bytes()
    add(feed, feed / NEW)
    words = ["updates", "--root", str(root), "--source", url]
    assert dom0ctl.main(words) == 0
    (feed / INDEX).write_bytes(old)
    assert dom0ctl.main(words) == 1
    assert "has the serial 1, this host has seen 2" in capsys.readouterr().err
    checked = read_checked(root)
    assert checked is not None
    assert "old copy" in checked["error"]
    assert checked["serial"] == 2
    assert f"/{CHECKED}" == "/var/lib/dom0kit/updates.json"


def test_the_newest_image_is_staged_once_and_only_when_it_was_wanted(
    root: Path, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = command.host_store(root)
    monkeypatch.setattr(command, "Stager", lambda *_: make_stager(store, settle=lambda path: None))
    automatic = ["updates", "--root", str(root), "--automatic"]
    assert dom0ctl.main(automatic) == 0
    assert names(store) == [OLD]
    assert dom0ctl.main(["updates", "--root", str(root), "--source", url, "--auto", "stage"]) == 0
    assert "is staged once a day" in capsys.readouterr().out
    assert names(store) == [OLD], "not at once"
    assert dom0ctl.main(automatic) == 0
    assert names(store) == [OLD, NEW]
    capsys.readouterr()
    assert dom0ctl.main(automatic) == 0
    assert "no newer image" in capsys.readouterr().out
    assert dom0ctl.main(["updates", "--root", str(root), "--auto", "off"]) == 0
    assert settings.read(root) == Settings(source=url)


def test_settings_are_changed_one_by_one() -> None:
    first = command.changed(Settings(), "/feed", "sha256:00", "stage", None)
    assert first == Settings("/feed", "stage", "sha256:00")
    assert command.changed(first, None, None, None, "Sun 02:00-04:00").window == "Sun 02:00-04:00"
    assert command.changed(Settings(window="x"), None, None, None, "none") == Settings()
    assert command.changed(first, "/other", None, None, None).trust == "", "the trust of another server"
    for words in ((None, None, "stage", None), (None, None, None, "always"), ("ftp://x", None, None, None)):
        with pytest.raises(UserError):
            command.changed(Settings(), *words)


@pytest.mark.parametrize("text", ["", "[]", '{"auto": "install"}', '{"sources": "x"}', "{"])
def test_damaged_settings_are_one_sentence(root: Path, text: str) -> None:
    (root / settings.FILE).parent.mkdir(parents=True)
    (root / settings.FILE).write_text(text)
    with pytest.raises(UserError, match=r"/etc/dom0kit/updates\.json is damaged"):
        settings.read(root)


def test_settings_of_a_hand_may_leave_out_what_is_default(root: Path) -> None:
    (root / settings.FILE).parent.mkdir(parents=True)
    (root / settings.FILE).write_text('{"window": "Sun 02:00-04:00"}')
    assert settings.read(root) == Settings(window="Sun 02:00-04:00")
    settings.write(root, Settings())
    assert not (root / settings.FILE).exists()


def test_a_host_without_a_feed_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dom0ctl.main(["updates", "--root", str(root)]) == 1
    assert "dom0ctl updates --source URL" in capsys.readouterr().err
    assert dom0ctl.main(["updates", "--root", str(root), "--window", "Sun 02:00-04:00"]) == 0
    assert "only in the window Sun 02:00-04:00" in capsys.readouterr().out
