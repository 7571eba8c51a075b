"""The state of the host's images, which a service writes at each boot and after each change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypedDict, cast

FILE = "run/dom0kit/image-status.json"


class FailedTry(TypedDict):
    """An image that was tried and is not running now.

    :ivar time: seconds since 1970 at which the failure was found.
    :ivar hint: a command that shows the journal of the try; "" without one.
    """

    image: str
    time: float
    reason: str
    hint: str


class ImageStatus(TypedDict):
    """Which image runs.

    :ivar confirmed: name of the image that the host starts by default.
    :ivar state: ``confirmed``, ``trying`` (the next restart returns to the confirmed image), or ``unconfirmed`` (a start
        chosen by hand).
    :ivar failed: the last try, when it failed.
    """

    running: str
    confirmed: str
    state: Literal["confirmed", "trying", "unconfirmed"]
    failed: FailedTry | None


def read_image_status(root: Path) -> ImageStatus | None:
    """Return the state of the images; None on a host without it, such as one whose boot is not that far."""
    try:
        value = json.loads((root / FILE).read_bytes())
        return cast("ImageStatus", value) if isinstance(value["running"], str) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def image_lines(status: ImageStatus) -> list[str]:
    """Return the state as lines: the running image, and a try that failed."""
    names = {
        "confirmed": status["running"],
        "trying": f"{status['running']}, being tried; a restart returns to {status['confirmed']}",
        "unconfirmed": f"{status['running']}, not confirmed; a restart returns to {status['confirmed']}",
    }
    failed = status["failed"]
    return [names[status["state"]], *([] if failed is None else [failure_sentence(failed)])]


def failure_sentence(failed: FailedTry) -> str:
    """Return that an image was tried in vain."""
    return f"{failed['image']} was tried and failed: {failed['reason']}"


def image_problems(status: ImageStatus) -> list[str]:
    """Return what an administrator should know of the images: a failed try, and that the running image will not stay."""
    failed = status["failed"]
    found = [] if failed is None else [f"image {failure_sentence(failed)}"]
    return found if status["state"] == "confirmed" else [*found, f"image {image_lines(status)[0]}"]
