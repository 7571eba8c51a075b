"""Names and states of the images of a host."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from image_store_samples import NEW, OLD, make_host, make_image

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from upgrade.store import images
from upgrade.store.images import StoredImage, find, states
from upgrade.store.removal import check_removable

SYSTEM = uuid.UUID(int=1)


def choice(image: str, trial: str = "", left: int = 0) -> Choice:
    return Choice(SYSTEM, 1, image, trial, left)


@pytest.mark.parametrize(
    ("name", "running", "chosen", "expected"),
    [
        (OLD, OLD, None, ("running", "confirmed")),
        (NEW, OLD, None, ("staged",)),
        (OLD, OLD, choice(OLD), ("running", "confirmed")),
        (NEW, OLD, choice(OLD, NEW, 1), ("trying",)),
        (NEW, NEW, choice(OLD, NEW, 0), ("running", "trying")),
        (OLD, NEW, choice(OLD, NEW, 0), ("confirmed",)),
        (NEW, OLD, choice(OLD, NEW, 0), ("failed",)),
        (NEW, NEW, choice(NEW, NEW, 0), ("running", "confirmed")),
    ],
)
def test_states(name: str, running: str, chosen: Choice | None, expected: tuple[str, ...]) -> None:
    assert states(name, running, chosen, {}) == expected


def test_a_failed_image_and_a_damaged_one() -> None:
    assert states(NEW, OLD, None, {NEW: "no network"}) == ("failed",)
    assert states(NEW, OLD, choice(OLD, NEW), {NEW: "no network"}) == ("failed",)
    assert states(NEW, OLD, None, {}, damaged=True) == ("damaged",)


def stored(name: str, *words: str) -> StoredImage:
    return StoredImage(name, Path("/images") / name, None, 1, words or ("staged",))


def test_the_beginning_of_a_name_is_enough_when_it_is_unique() -> None:
    all_images = [stored(OLD), stored(NEW), stored("0.2.0-cccccccc"), stored("0.2")]
    assert find("0.1", all_images).name == OLD
    assert find("0.2", all_images).name == "0.2"
    with pytest.raises(UserError, match=r"several images begin with 0\.2\.0: 0\.2\.0-bbbbbbbb, 0\.2\.0-cccccccc"):
        find("0.2.0", all_images)
    with pytest.raises(UserError, match="there is no image 9 on this host; there are: 0"):
        find("9", all_images)


@pytest.mark.parametrize("word", ["running", "confirmed", "trying"])
def test_what_the_host_needs_stays(word: str) -> None:
    with pytest.raises(UserError, match=OLD):
        check_removable(stored(OLD, word), frozenset())


def test_what_the_boot_loader_names_stays() -> None:
    with pytest.raises(UserError, match="boot loader's choice"):
        check_removable(stored(NEW, "failed"), frozenset({OLD, NEW}))
    check_removable(stored(NEW, "failed"), frozenset({OLD}))


def test_the_images_of_a_host(tmp_path: Path) -> None:
    store = make_host(tmp_path / "host")
    make_image(store.folder / NEW)
    make_image(store.folder / f"{images.NEW}0.3.0-cccccccc", "0.3.0", "c")
    (store.folder / "0.0.9-dddddddd").mkdir()
    (store.system / "state/common").mkdir()
    (store.system / images.FAILED).write_text(json.dumps({NEW: {"time": 1, "reason": "sshd does not answer"}}))
    found = {image.name: (image.states, image.reason) for image in store.images()}
    assert list(found) == [OLD, "0.0.9-dddddddd", NEW]
    assert found == {
        OLD: (("running", "confirmed"), ""),
        "0.0.9-dddddddd": (("damaged",), ""),
        NEW: (("failed",), "sshd does not answer"),
    }
    assert store.images()[0].size >= 9 * 1024 * 1024


def test_a_system_that_runs_from_elsewhere_is_refused(tmp_path: Path) -> None:
    store = make_host(tmp_path / "host")
    link = tmp_path / "host/run/dom0kit/image"
    link.unlink()
    with pytest.raises(UserError, match="does not name the running image"):
        store.images()
    link.symlink_to("/run/dom0kit/medium/dom0kit")
    with pytest.raises(UserError, match="not from a system partition"):
        store.images()


def test_a_host_that_keeps_one_image_is_refused(tmp_path: Path) -> None:
    store = make_host(tmp_path / "host")
    (store.folder / OLD).rename(store.folder / "0.1.0")
    link = tmp_path / "host/run/dom0kit/image"
    link.unlink()
    link.symlink_to(store.folder / "0.1.0")
    with pytest.raises(UserError, match=r"installed by dom0kit 0\.1\.0"):
        store.images()


def test_one_command_at_a_time(tmp_path: Path) -> None:
    store = make_host(tmp_path / "host")
    with store.locked(), pytest.raises(UserError, match="another command"), store.locked():
        pass
    with store.locked():
        pass
