"""Files of a host's overlay and of its images, as facts for the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a path is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    WHITEOUT = "whiteout"
    """In the overlay's upper folder: the image's file was removed (overlayfs: a character device 0:0)."""
    DEVICE = "device"
    FIFO = "fifo"
    SOCKET = "socket"


@dataclass(frozen=True)
class Node:
    """One path in one tree.

    :param mode: permission bits.
    :param size: bytes that a regular file takes on the disk, without its holes.
    :param content: what makes it equal to another: SHA-256 of a file, "" when it was not needed; target of a link; numbers of a
        device.
    :param attributes: extended attributes except overlayfs's own, such as capabilities and ACLs, by name.
    """

    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    content: str = ""
    attributes: tuple[tuple[str, bytes], ...] = ()

    def same_content(self, other: Node | None) -> bool:
        """Whether both have the same kind and content, whatever their owner and mode; files that were not read differ."""
        if other is None or (self.kind is Kind.FILE and not self.content):
            return False
        return (self.kind, self.content) == (other.kind, other.content)

    def same_owner(self, other: Node | None) -> bool:
        """Whether owner, mode and attributes are equal; a link has no mode of its own."""
        if other is None:
            return False
        mine, theirs = (self.uid, self.gid, self.attributes), (other.uid, other.gid, other.attributes)
        return mine == theirs and (self.mode == other.mode or self.kind is Kind.LINK)


@dataclass(frozen=True)
class Entry:
    """One path of the old overlay, with what both images have there.

    :param path: without leading slash.
    :param host: in the upper folder of the old image's overlay.
    :param old: in the old image.
    :param new: in the new image.
    :param opaque: the host's folder hides the image's (``trusted.overlay.opaque``).
    """

    path: str
    host: Node
    old: Node | None = None
    new: Node | None = None
    opaque: bool = False


@dataclass(frozen=True)
class Texts:
    """A small file in the old image, on the host, and in the new image."""

    old: str
    host: str
    new: str


@dataclass(frozen=True)
class Facts:
    """All that the plan needs to know.

    :param entries: the whole upper folder of the old overlay, each folder before what it holds.
    :param texts: the files that are merged, by path.
    :param shared: the folders of ``state/common``, by the path at which both images have them.
    :param reinstalled: files of packages that are installed again, with the package's name.
    :param edited: files that first boot makes and that differ from what it made.
    """

    entries: tuple[Entry, ...]
    texts: Mapping[str, Texts] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    reinstalled: Mapping[str, str] = field(default_factory=dict)
    edited: frozenset[str] = frozenset()
