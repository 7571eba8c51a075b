"""Which image the boot loader starts: the image's own GRUB in a machine, with the menu of hosts and stand-ins for images."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from grub_machine import SYSTEM, Images, make_disk, read_choice, start, write_env

from dom0kit.linux.boot_choice import Choice, to_bytes

pytestmark = pytest.mark.kernel("image")

OLD, NEW = "0.2.0-bbbbbbbb", "0.1.0-aaaaaaaa"
"""The confirmed image, and the one that is tried: its folder is the first in GRUB's order."""
KEPT = Choice(SYSTEM, 7, OLD)
ARMED = replace(KEPT, trial=NEW, left=1)
TRIED = replace(ARMED, left=0)
DOWN, ENTER = b"\x1b[B", b"\r"


@pytest.fixture
def images(tmp_path: Path) -> Images:
    """Return two images that have run on the host."""
    made = Images(tmp_path / "system", mirror=True)
    assert [made.add("0.1.0", "a"), made.add("0.2.0", "b")] == [NEW, OLD]
    return made


def disk(images: Images, choice: Choice | bytes | None, name: str = "disk") -> Path:
    """Make a disk of the host with a choice."""
    data = to_bytes(choice) if isinstance(choice, Choice) else choice
    return make_disk(images.folder.with_name(name), images, data)


def test_the_confirmed_image_starts_with_the_hosts_settings(images: Images) -> None:
    made = disk(images, KEPT)
    found = start(made)
    assert (found.image, found.trial) == (OLD, "")
    assert found.xen == "dom0_mem=1024M,max:1024M console=vga,com1 com1=115200,8n1 ucode=scan"
    words = found.linux.split()
    assert words[0] == "boot=dom0kit"
    assert f"dom0kit.state=/state/{OLD}" in words
    assert {"dom0kit.mode=host", "console=hvc0", "panic=30"} <= {*words}
    assert read_choice(made) == KEPT


@pytest.mark.parametrize("tries", [1, 2])
def test_a_try_starts_as_often_as_it_was_asked_for(images: Images, tries: int) -> None:
    made = disk(images, replace(ARMED, left=tries))
    for left in reversed(range(tries)):
        found = start(made)
        assert (found.image, found.trial) == (NEW, NEW)
        assert read_choice(made) == replace(ARMED, left=left)
    found = start(made)
    assert (found.image, found.trial) == (OLD, "")


def test_a_disk_that_cannot_be_written_to_starts_the_confirmed_image(images: Images) -> None:
    made = disk(images, ARMED)
    for _ in range(2):
        found = start(made, read_only=[made])
        assert (found.image, found.trial) == (OLD, "")
        assert f"the image {NEW} is not tried" in found.shown
    assert read_choice(made) == ARMED


def test_one_disk_of_a_mirror_that_can_be_written_to_counts(images: Images) -> None:
    first, second = disk(images, ARMED), disk(images, ARMED, "second")
    assert start(first, second, read_only=[first]).trial == NEW
    assert [read_choice(first).left, read_choice(second).left] == [1, 0]
    # Among equals, the copy with the fewest tries left counts.
    assert start(first, second).image == OLD


def spoil_xen(image: Path) -> None:
    (image / "xen.gz").write_text("no program")


def lose_initramfs(image: Path) -> None:
    (image / "initrd.img").unlink()


def empty_menu(image: Path) -> None:
    (image / "boot.cfg").write_text("")


def spoil_menu(image: Path) -> None:
    (image / "boot.cfg").write_text("set default=image-x\nmenuentry {{{\nif")


@pytest.mark.parametrize("spoil", [spoil_xen, lose_initramfs, empty_menu, spoil_menu])
def test_an_image_that_cannot_be_loaded_leads_back_by_itself(images: Images, spoil: Callable[[Path], None]) -> None:
    spoil(images.folder / "images" / NEW)
    made = disk(images, ARMED)
    # Any key ends the time in which the message can be read.
    found = start(made, keys=[("Restarting in 5 seconds", b"\x1b")])
    assert (found.image, found.trial) == (OLD, "")
    assert "Restarting in 5 seconds" in found.shown
    assert read_choice(made) == TRIED


@pytest.mark.parametrize("lost", ["images", "state"])
def test_a_try_of_an_image_that_is_not_there_is_not_begun(images: Images, lost: str) -> None:
    (images.folder / lost / NEW).rename(images.folder / "elsewhere")
    made = disk(images, ARMED)
    found = start(made)
    assert (found.image, found.trial) == (OLD, "")
    assert read_choice(made) == ARMED


def test_without_the_confirmed_image_another_one_starts(images: Images) -> None:
    found = start(disk(images, replace(KEPT, image="0.3.0-cccccccc")))
    assert (found.image, found.trial) == (NEW, "")


def damaged(choice: Choice) -> bytes:
    return to_bytes(choice).replace(b"# GRUB", b"# BURG")


@pytest.mark.parametrize(
    ("first", "second", "image"),
    [
        (None, ARMED, NEW),
        (damaged(KEPT), ARMED, NEW),
        (KEPT, None, OLD),
        (None, None, NEW),  # nothing says which: the first one that has run here
        (KEPT, replace(KEPT, sequence=10, image=NEW), NEW),
        (replace(KEPT, sequence=10, image=NEW), KEPT, NEW),
        (replace(ARMED, left=2), TRIED, OLD),
        (TRIED, replace(ARMED, left=2), OLD),
        (KEPT, replace(KEPT, system=uuid.UUID(int=5), sequence=99, image=NEW), OLD),
        (replace(KEPT, system=uuid.UUID(int=5), sequence=99, image=NEW), KEPT, OLD),
        (to_bytes(KEPT).replace(OLD.encode(), b"../0.2.0-bbbbb"), None, NEW),  # no name of an image: as if nothing was said
    ],
)
def test_which_copy_of_a_mirror_counts(
    images: Images, first: Choice | bytes | None, second: Choice | bytes | None, image: str
) -> None:
    assert start(disk(images, first), disk(images, second, "second")).image == image


def test_an_entry_that_is_chosen_by_hand_takes_no_try_away(images: Images) -> None:
    images.show_menu()
    made = disk(images, ARMED)
    # The confirmed image is above the try, with its rescue.
    up = b"\x1b[A"
    found = start(made, keys=[("Try the image", up + up), ("Try the image", ENTER)])
    assert (found.image, found.trial) == (OLD, "")
    assert read_choice(made) == ARMED
    found = start(made, keys=[("Try the image", ENTER)])
    assert (found.image, found.trial) == (NEW, NEW)
    assert read_choice(made) == TRIED


def test_an_image_that_is_not_confirmed_can_be_chosen_by_hand(images: Images) -> None:
    images.show_menu()
    made = disk(images, TRIED)
    found = start(made, keys=[(f"dom0kit 0.1.0 ({NEW})", DOWN + DOWN), (f"dom0kit 0.1.0 ({NEW})", ENTER)])
    assert (found.image, found.trial) == (NEW, "")
    write_env(made, to_bytes(KEPT))
    assert start(made, keys=[("0.2.0", ENTER)]).image == OLD
