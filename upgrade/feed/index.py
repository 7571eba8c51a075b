"""``index.json`` of a feed: which images it has (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import IMAGE
from dom0kit.units import MIB
from installer.model.image_manifest import Manifest
from upgrade.store.compatibility import version_key

INDEX, SIGNATURE = "index.json", "index.json.sig"
FORMAT = 1
LARGEST = MIB
"""Bytes of an index: an image takes half a kibibyte."""
HINT = "make the feed again: dom0kit feed add"


@dataclass(frozen=True)
class FeedImage:
    """An image of a feed; its files are in the folder ``name`` next to the index.

    :ivar size: bytes of its four files.
    :ivar manifest_sha256: of its manifest: what the index promises is what a host stages.
    """

    name: str
    version: str
    id: str
    architecture: str
    toolstack: str
    state_format: int
    epoch: int
    kernel: str
    xen: str
    size: int
    manifest_sha256: str

    @classmethod
    def of(cls, manifest: Manifest, sha256: str) -> FeedImage:
        """Return the entry of an image."""
        shared = {field.name: getattr(manifest, field.name) for field in fields(cls) if field.name != "manifest_sha256"}
        return cls(**shared, manifest_sha256=sha256)


@dataclass(frozen=True)
class Index:
    """The index of a feed.

    :ivar serial: grows with each change: a host that has seen a later index refuses an earlier one.
    :ivar images: by name.
    """

    serial: int
    images: tuple[FeedImage, ...] = ()

    def to_bytes(self) -> bytes:
        """Return the file."""
        value = {"format": FORMAT, "product": "dom0kit", "serial": self.serial, "images": [asdict(i) for i in self.images]}
        return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()

    def with_image(self, image: FeedImage) -> Index:
        """Return the next index, which has an image, in the place of an older entry of the same name."""
        others = [other for other in self.images if other.name != image.name]
        return Index(self.serial + 1, tuple(sorted([*others, image], key=lambda other: other.name)))

    def without(self, name: str) -> Index:
        """Return the next index, which does not have an image.

        :raises UserError: when this one has it neither.
        """
        others = tuple(image for image in self.images if image.name != name)
        if len(others) == len(self.images):
            names = ", ".join(image.name for image in self.images) or "none"
            raise UserError(f"the feed has no image {name}; it has: {names}", "name one of them")
        return Index(self.serial + 1, others)


def parse(data: bytes, where: str) -> Index:
    """Read an index.

    :param where: what it is from, for messages.
    :raises UserError: when it is damaged.
    """
    try:
        value: Any = json.loads(data)
        if value["format"] != FORMAT or value["product"] != "dom0kit":
            raise ValueError(f"format {value['format']!r} of {value['product']!r}")
        images = tuple(_image(entry) for entry in value["images"])
        serial = int(value["serial"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{INDEX} of {where} is invalid: {type(error).__name__}: {error}", HINT) from error
    return Index(serial, images)


def _image(entry: dict[str, Any]) -> FeedImage:
    numbers = {name: int(entry[name]) for name in ("state_format", "epoch", "size")}
    words = {f.name: str(entry[f.name]) for f in fields(FeedImage) if f.name not in numbers}
    values: dict[str, Any] = numbers | words
    image = FeedImage(**values)
    if not IMAGE.fullmatch(image.name) or not re.fullmatch(r"[0-9a-f]{64}", image.manifest_sha256):
        raise ValueError(f"the image {image.name!r} has no valid name or checksum")
    return image


@dataclass(frozen=True)
class Offer:
    """An image of a feed that is newer than the running one.

    :ivar obstacle: why this host cannot use it; "" when it can.
    """

    image: FeedImage
    obstacle: str = ""


def newer(index: Index, running: Manifest, failed: Sequence[str] = ()) -> list[Offer]:
    """Return the images that are newer than the running one, the newest first.

    :param failed: names of images that were tried on this host and failed.
    """
    found = [image for image in index.images if order(image) > order(running)]
    return [Offer(image, obstacle(image, running, failed)) for image in sorted(found, key=order, reverse=True)]


def order(image: FeedImage | Manifest) -> tuple[Any, int]:
    """Return a key that sorts images by age: version, then the date of the packages."""
    return version_key(image.version), image.epoch


def obstacle(image: FeedImage, running: Manifest, failed: Sequence[str]) -> str:
    """Return why a host cannot use an image; "" when it can."""
    if image.architecture != running.architecture:
        return f"for {image.architecture}"
    if image.toolstack and running.toolstack and image.toolstack != running.toolstack:
        return f"toolstack {image.toolstack}"
    if image.state_format != running.state_format:
        return f"state format {image.state_format}: install the host again"
    return "tried on this host and failed" if image.name in failed else ""
