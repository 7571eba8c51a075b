"""What the choice becomes when an image is tried, kept or left (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice


@dataclass(frozen=True)
class Known:
    """What is known of an image on this host.

    :param usable: whether its files and its state are complete, so that it can start.
    :param failed: why a try of it failed; "" when it did not.
    :param installed: time of its state, seconds since 1970; 0 without a state.
    """

    name: str
    usable: bool = True
    failed: str = ""
    installed: float = 0.0


def armed(choice: Choice, image: str) -> Choice:
    """Return the choice that tries an image once."""
    return replace(choice, trial=image, left=1)


def kept(choice: Choice, running: str) -> Choice:
    """Return the choice that confirms the running image."""
    return replace(choice, image=running, trial="", left=0)


def is_trial(choice: Choice, running: str) -> bool:
    """Return whether the running image is tried and not confirmed yet."""
    return choice.trial == running and choice.image != running


def check_try(image: Known, choice: Choice, running: str, *, force: bool) -> None:
    """Check that an image may be tried.

    :raises UserError: when it runs, or failed before and ``force`` is not set; or when the running one is not confirmed.
    """
    if image.name == running:
        raise UserError(f"{image.name} is running", "see the others: dom0ctl image list")
    if is_trial(choice, running):
        raise UserError(
            f"{running} is being tried itself", "first keep it or leave it: dom0ctl image confirm, dom0ctl image rollback"
        )
    if running != choice.image:
        raise UserError(
            f"{running} is running, but {choice.image} is the confirmed image",
            "first keep the running one: dom0ctl image confirm",
        )
    if image.failed and not force:
        raise UserError(f"{image.name} was tried and failed: {image.failed}", "try it again with --force")


def previous(images: Sequence[Known], running: str, wanted: str | None) -> Known:
    """Return the image to return to: the named one, or the one whose state is the newest.

    :raises UserError: when there is none.
    """
    others = [image for image in images if image.name != running and image.usable and image.installed]
    if wanted is not None:
        others = [image for image in others if image.name == wanted]
    if not others:
        what = f"the image {wanted} cannot start on this host" if wanted else "there is no other image that has run on this host"
        raise UserError(what, "see all images: dom0ctl image list")
    return max(others, key=lambda image: image.installed)
