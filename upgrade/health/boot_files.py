"""Which image runs, and the files that a try leaves for the boot after it."""

from __future__ import annotations

import os
from pathlib import Path

IMAGE = "run/dom0kit/image"
"""Link to the folder of the running image."""
STATE = "run/dom0kit/overlay"
"""Link to the folder ``state/NAME`` of the running image."""
STATES = "run/dom0kit/medium/state"
COMMON = f"{STATES}/common"
CONFIRMED = "run/dom0kit/confirmed"
"""Exists from the moment at which a try was confirmed; what limits a try looks at it."""
HEALTH = "health.json"
"""The last health report of an image, in its folder of the state."""
STARTED = "try-started"
"""Written by the first unit of a try: ID of the boot."""
ENDED = "try-ended"
"""Written when a try is given up: ID of the boot in the first line, the reason in the second."""
TRY = "dom0kit.try="


def running_image(root: Path) -> str:
    """Return the name of the running image; "" when the system does not run from one."""
    try:
        return Path(os.readlink(root / IMAGE)).name
    except OSError:
        return ""


def tried_image(command_line: str) -> str:
    """Return the name of the image that this boot tries, from the kernel's command line; "" in any other boot."""
    return next((word.removeprefix(TRY) for word in command_line.split() if word.startswith(TRY)), "")


def forget_try(root: Path, image: str) -> None:
    """Delete what an earlier try of an image left; to be called before the image is tried again."""
    for name in (HEALTH, STARTED, ENDED):
        (root / STATES / image / name).unlink(missing_ok=True)
