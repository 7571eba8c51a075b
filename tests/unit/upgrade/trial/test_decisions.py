"""What the choice becomes, and what is refused."""

from __future__ import annotations

import uuid

import pytest

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from upgrade.trial.decisions import Known, armed, check_try, is_trial, kept, previous

OLD, NEW = "0.1.0-aaaaaaaa", "0.2.0-bbbbbbbb"
CHOICE = Choice(uuid.UUID(int=7), 4, OLD)


def test_a_try_is_armed_once_and_keeps_the_confirmed_image() -> None:
    assert armed(CHOICE, NEW) == Choice(CHOICE.system, 4, OLD, NEW, 1)


def test_what_is_kept_is_confirmed_and_nothing_is_tried_any_more() -> None:
    after_grub = Choice(CHOICE.system, 4, OLD, NEW, 0)
    assert is_trial(after_grub, NEW)
    assert not is_trial(after_grub, OLD)
    assert kept(after_grub, NEW) == Choice(CHOICE.system, 4, NEW, "", 0)


@pytest.mark.parametrize(
    ("image", "choice", "running", "text"),
    [
        (Known(OLD), CHOICE, OLD, "is running"),
        (Known(OLD), Choice(CHOICE.system, 4, OLD, NEW, 0), NEW, "is being tried itself"),
        (Known("0.3.0-cccccccc"), CHOICE, NEW, "is the confirmed image"),
        (Known(NEW, failed="xenstored did not start"), CHOICE, OLD, "failed: xenstored did not start"),
    ],
)
def test_what_may_not_be_tried_is_refused_with_a_hint(image: Known, choice: Choice, running: str, text: str) -> None:
    with pytest.raises(UserError, match=text) as caught:
        check_try(image, choice, running, force=False)
    assert "dom0ctl" in caught.value.hint or "--force" in caught.value.hint


def test_a_failed_image_is_tried_again_when_it_is_forced() -> None:
    check_try(Known(NEW, failed="x"), CHOICE, OLD, force=True)


def test_the_newest_state_is_the_one_to_return_to() -> None:
    images = [Known(OLD, installed=5.0), Known(NEW, installed=9.0), Known("0.0.9-dddddddd", installed=7.0), Known("x-eeeeeeee")]
    assert previous(images, NEW, None).name == "0.0.9-dddddddd"
    assert previous(images, NEW, OLD).name == OLD


@pytest.mark.parametrize("wanted", [None, "x-eeeeeeee", NEW])
def test_without_an_image_that_can_start_there_is_no_return(wanted: str | None) -> None:
    with pytest.raises(UserError, match=r"cannot start|no other image"):
        previous([Known(NEW, installed=9.0), Known("x-eeeeeeee", installed=0.0)], NEW, wanted)
