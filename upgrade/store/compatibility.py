"""Whether a host can go from the image that runs to another one (pure)."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from dom0kit.errors import UserError
from dom0kit.units import MIB, human_bytes
from installer.model.image_manifest import Manifest

RESERVE = 256 * MIB
"""Bytes that stay free on the system partition: for the new image's state and for what the host writes meanwhile."""
FORCE = "use --force to stage it nevertheless"

VersionKey = tuple[tuple[tuple[int, ...], int], ...]


def version_key(version: str) -> VersionKey:
    """Return a key that sorts versions as Debian does (deb-version(7)), without epoch and revision.

    >>> version_key("0.2.0~rc1") < version_key("0.2.0") < version_key("0.10.0")
    True
    """

    def weight(character: str) -> int:
        if character == "~":
            return -1
        return ord(character) if character.isalpha() else ord(character) + 256

    parts = re.findall(r"(\D*)(\d*)", version)
    return tuple(((*map(weight, text), 0), int(number or 0)) for text, number in parts)


def check_compatible(new: Manifest, running: Manifest, failed: str | None, *, force: bool) -> None:
    """Check that the host could run another image, and return to the one that runs.

    :param failed: why the image failed when it was tried; None when it did not.
    :param force: accept an older image, and one that failed.
    :raises UserError: with the reason why not.
    """
    if new.product != running.product:
        raise UserError(f"the image is of {new.product}, this host runs {running.product}", "choose another image")
    if new.architecture != running.architecture:
        raise UserError(f"the image is for {new.architecture}, this host is {running.architecture}", "choose another image")
    if new.state_format != running.state_format:
        raise UserError(
            f"the image has the state format {new.state_format}, the running one {running.state_format}: there is no way back",
            "install the host again with the ISO of that image",
        )
    if new.toolstack and running.toolstack and new.toolstack != running.toolstack:
        raise UserError(
            f"the image has the toolstack {new.toolstack}, this host {running.toolstack}",
            "choose an image with the same toolstack, or install the host again",
        )
    if failed is not None and not force:
        raise UserError(f"{new.name} has failed on this host: {failed}", FORCE)
    if (version_key(new.version), new.epoch) < (version_key(running.version), running.epoch) and not force:
        raise UserError(f"{describe(new)} is older than the running {describe(running)}", FORCE)


def describe(manifest: Manifest) -> str:
    """Return an image's name and the day of its packages."""
    return f"{manifest.name} ({day(manifest.epoch)})" if manifest.epoch else manifest.name


def day(epoch: int) -> str:
    """Return the day of a time in seconds since 1970, in UTC; "" for 0."""
    return time.strftime("%Y-%m-%d", time.gmtime(epoch)) if epoch else ""


def check_space(needed: int, free: int, removable: Sequence[tuple[str, int]], *, reserve: int = RESERVE) -> None:
    """Check that an image fits next to those that the host needs.

    :param needed: bytes that are to be written.
    :param free: bytes that are free.
    :param removable: names and sizes of images that the host does not need.
    :raises UserError: with what can be removed.
    """
    missing = needed + reserve - free
    if missing <= 0:
        return
    sentence = f"the system partition has {human_bytes(free)} free; the image and its state need {human_bytes(needed + reserve)}"
    if sum(size for _, size in removable) < missing:
        raise UserError(sentence, f"free {human_bytes(missing)}: 'df /' and 'du -xsh /var/log /root' show what is there")
    commands = "; ".join(f"dom0ctl image remove {name} ({human_bytes(size)})" for name, size in removable)
    raise UserError(sentence, f"remove an image that the host does not need: {commands}")
