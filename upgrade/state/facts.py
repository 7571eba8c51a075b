"""Collect the facts of a change of image: one walk over the old overlay, next to both images."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from answerfiles.model import load_host
from dom0kit.errors import UserError
from dom0kit.fs import sha256_file
from firstboot.host import HOST_JSON
from network import netplan
from network.model import host_layout
from upgrade.state import merges
from upgrade.state.nodes import Entry, Facts, Kind, Node, Texts
from upgrade.state.rules import NETPLAN, SHARED, Verdict, rule

OVERLAY = "trusted.overlay."
OPAQUE = f"{OVERLAY}opaque"
FOREIGN = (f"{OVERLAY}redirect", f"{OVERLAY}metacopy")
"""What an overlay with redirect_dir or metacopy writes: its upper folder alone does not have the files (overlayfs.rst)."""
TEXT_MOST = 4 * 1024 * 1024
"""Bytes of a file that is merged; a longer one is no account file."""


def collect(upper: Path, old_root: Path, new_root: Path, common: Path) -> Facts:
    """Return the facts.

    :param upper: upper folder of the old image's overlay.
    :param old_root: root of the old image, as its squashfs has it; ``new_root`` likewise.
    :param common: ``state/common`` of the system partition.
    :raises UserError: when the overlay was made with options that hide where its files are.
    """
    shared = frozenset(name for name in SHARED if (common / name).is_dir())
    entries = tuple(_walk("", _Places(upper, old_root, new_root), shared))
    return Facts(entries, _texts(upper, old_root, new_root), shared, edited=_edited(upper))


@dataclass(frozen=True)
class _Places:
    """One folder in the three trees; None where it is no folder, or hidden."""

    host: Path
    old: Path | None
    new: Path | None


def _walk(prefix: str, places: _Places, shared: Collection[str]) -> Iterator[Entry]:
    """Yield the entries below a folder, each folder before what it holds.

    :raises FileNotFoundError: when the host removes what is being read.
    """
    for name in sorted(os.listdir(places.host)):
        path = f"{prefix}{name}"
        here = places.host / name
        host, found = _child(places.host, name), rule(path, shared)
        if host is None:  # removed since the folder was listed
            continue
        old, new = _child(places.old, name), _child(places.new, name)
        if host.kind is Kind.FILE and (found is None or found[0] is Verdict.CARRIED):
            host, old, new = read(here, host), _read_child(places.old, name, old), _read_child(places.new, name, new)
        opaque = host.kind is Kind.FOLDER and _is_opaque(here)
        yield Entry(path, host, old, new, opaque)
        if host.kind is Kind.FOLDER:
            # What an opaque folder hides is still the image's: only so a file that was put back is known as unchanged.
            inner = _Places(here, _folder(places.old, name, old), _folder(places.new, name, new))
            yield from _walk(f"{path}/", inner, shared)


def node(path: Path) -> Node:
    """Return what a path is; the content of a file is not read."""
    found = path.lstat()
    kind, content = _kind(found), ""
    if kind is Kind.LINK:
        content = str(path.readlink())
    elif kind is Kind.DEVICE:
        content = f"{'b' if stat.S_ISBLK(found.st_mode) else 'c'}:{found.st_rdev}"
    # Holes take no room, in the old overlay or in its copy (lseek(2), SEEK_DATA).
    size = min(found.st_size, found.st_blocks * 512) if kind is Kind.FILE else 0
    attributes = () if kind is Kind.WHITEOUT else attributes_of(path)
    return Node(kind, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, size, content, attributes)


def _kind(found: os.stat_result) -> Kind:
    mode = found.st_mode
    if stat.S_ISCHR(mode) and found.st_rdev == 0:
        return Kind.WHITEOUT
    tests = (
        (stat.S_ISREG, Kind.FILE),
        (stat.S_ISDIR, Kind.FOLDER),
        (stat.S_ISLNK, Kind.LINK),
        (stat.S_ISFIFO, Kind.FIFO),
        (stat.S_ISSOCK, Kind.SOCKET),
    )
    return next((kind for test, kind in tests if test(mode)), Kind.DEVICE)


def attributes_of(path: Path) -> tuple[tuple[str, bytes], ...]:
    """Return the extended attributes except those of overlayfs itself (overlayfs.rst in Linux's documentation)."""
    try:
        names = sorted(os.listxattr(path, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        names = []
    for name in names:
        if name in FOREIGN:
            raise UserError(
                f"{path} has the attribute {name}: the overlay was mounted with redirect_dir or metacopy",
                "move or copy this folder or file, and start again",
            )
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names if not name.startswith(OVERLAY))


def _is_opaque(path: Path) -> bool:
    try:
        return os.getxattr(path, OPAQUE) == b"y"
    except OSError:
        return False


def _child(folder: Path | None, name: str) -> Node | None:
    if folder is None:
        return None
    try:
        return node(folder / name)
    except FileNotFoundError:
        return None


def _folder(folder: Path | None, name: str, found: Node | None) -> Path | None:
    return folder / name if folder is not None and found is not None and found.kind is Kind.FOLDER else None


def read(path: Path, found: Node) -> Node:
    """Return a node with the checksum of its content when it is a file."""
    return replace(found, content=sha256_file(path)) if found.kind is Kind.FILE else found


def _read_child(folder: Path | None, name: str, found: Node | None) -> Node | None:
    return None if folder is None or found is None else read(folder / name, found)


def _texts(upper: Path, old_root: Path, new_root: Path) -> dict[str, Texts]:
    """Return the texts of the files that are merged; the old image's where the host has not changed it."""
    texts = {}
    for path in merges.MERGES:
        old, new, host = _text(old_root / path), _text(new_root / path), _text(upper / path)
        if old is not None and new is not None:
            texts[path] = Texts(old, old if host is None else host, new)
    return texts


def _edited(upper: Path) -> frozenset[str]:
    """Return the files of first boot that were changed by hand; none when the answers cannot be read by this version."""
    there = _text(upper / NETPLAN)
    try:
        made = netplan.text(host_layout(load_host(upper / HOST_JSON).network))
    except (OSError, UserError, ValueError):  # pydantic's ValidationError is one of the last
        return frozenset()
    return frozenset() if there in (None, made) else frozenset({NETPLAN})


def _text(path: Path) -> str | None:
    """Return a small regular file's text; None for anything else."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_size > TEXT_MOST:
        return None
    return path.read_text(errors="surrogateescape")
