"""The choice of the image that a host starts: GRUB's environment block ``EFI/dom0kit/env`` on each ESP (pure).

The format is GRUB's (grub-editenv(1), ``lib/envblk.c``): 1024 bytes that begin with a comment line, then ``name=value`` lines
with backslash as escape, then ``#`` up to the end. All that the choice says is within the first 512 bytes: one sector, which a
power cut leaves old or new. So the block is overwritten in place, never renamed over: FAT has no journal.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from dom0kit.errors import UserError

PATH = "EFI/dom0kit/env"
"""Path of the block on each ESP."""
SIZE = 1024
"""Bytes of a block: GRUB writes no other size."""
SECTOR = 512
HEADER = b"# GRUB Environment Block\n"
HINT = "write it again: dom0ctl image confirm"
IMAGE = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,72}")
"""The name of an image: :attr:`installer.model.image_manifest.Manifest.name`."""


@dataclass(frozen=True)
class Choice:
    """What the copies of the block say.

    :param system: UUID of the system partition that the choice is for: the copy of another disk is ignored.
    :param sequence: grows with each change by Linux; GRUB takes the copy with the highest.
    :param image: name of the confirmed image.
    :param trial: name of the image that is to be tried, or was tried; "" for none.
    :param left: how often it may still be tried; GRUB counts it down before it starts it.
    """

    system: uuid.UUID
    sequence: int
    image: str
    trial: str = ""
    left: int = 0


def newest(choices: Iterable[Choice | None]) -> Choice | None:
    """Return the choice that GRUB takes of all copies: the highest sequence, then the fewest tries left; None without one."""
    found = [choice for choice in choices if choice is not None]
    return max(found, key=lambda choice: (choice.sequence, -choice.left), default=None)


def parse(data: bytes) -> Choice:
    """Read a block.

    :raises UserError: when it is no block, or does not say which image is confirmed.
    """
    pairs = values(data)
    try:
        choice = Choice(
            system=uuid.UUID(pairs["env_system"]),
            sequence=int(pairs["env_seq"]),
            image=pairs["env_image"],
            trial=pairs.get("env_try", ""),
            left=int(pairs.get("env_left") or 0),
        )
    except (KeyError, ValueError) as error:
        raise UserError(f"{PATH} is damaged: {error}", HINT) from error
    for name in (choice.image, choice.trial):
        if name and not IMAGE.fullmatch(name):
            raise UserError(f"{PATH} names the image {name!r}, which is no image's name", HINT)
    return choice


def values(data: bytes) -> dict[str, str]:
    """Return names and values of an environment block.

    :raises UserError: when it is none.
    """
    if len(data) != SIZE or not data.startswith(HEADER):
        raise UserError("the data is no environment block of GRUB", HINT)
    lines = data.decode("ascii", "replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def to_bytes(choice: Choice) -> bytes:
    """Return the block.

    :raises ValueError: when it does not fit into one sector, or a name is none.
    """
    for name in (choice.image, choice.trial):
        if name and not IMAGE.fullmatch(name):
            raise ValueError(f"{name!r} is no image's name")
    pairs = {
        "env_system": str(choice.system),
        "env_seq": str(choice.sequence),
        "env_image": choice.image,
        "env_try": choice.trial,
        "env_left": str(choice.left),
    }
    return block(pairs, most=SECTOR)


def block(pairs: dict[str, str], *, most: int = SIZE) -> bytes:
    """Return an environment block of GRUB.

    :param most: bytes that header and values may take.
    :raises ValueError: when they take more.
    """
    data = HEADER + "".join(f"{name}={value}\n" for name, value in pairs.items()).encode("ascii")
    if len(data) > most:
        raise ValueError(f"the environment block has {len(data)} bytes, {most} are allowed")
    return data.ljust(SIZE, b"#")
