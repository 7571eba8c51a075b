"""Folders of ``state/common``, which all images of a host mount: add what a new image needs in them.

The first boot of a host makes them (initramfs, script ``dom0kit-shared``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from upgrade.state.apply import copy, give
from upgrade.state.facts import node
from upgrade.state.nodes import Kind
from upgrade.state.rules import SHARED


def add_folders(common: Path, root: Path) -> list[str]:
    """Make the folders and links that an image has in a shared folder and the host has not; return their paths.

    A daemon of the new image may end at once without its folder below ``/var/log``. Nothing that is there is changed, for the
    old image uses it too; a shared folder that was never made is left to the boot.

    :param root: of the new image.
    """
    added = []
    for name in SHARED:
        if (common / name).is_dir() and (root / name).is_dir():
            for path in _below(root / name, common / name):
                target, source = common / path.relative_to(root), path
                if node(source).kind is Kind.FOLDER:
                    target.mkdir(0o700)
                    give(target, node(source), source.lstat())
                else:
                    copy(source, target, {})
                added.append(str(path.relative_to(root)))
    return added


def _below(folder: Path, there: Path) -> Iterator[Path]:
    """Yield the folders and links below a folder that are not there."""
    for name in sorted(os.listdir(folder)):
        kind, found = node(folder / name).kind, os.path.lexists(there / name)
        if not found and kind in (Kind.FOLDER, Kind.LINK):
            yield folder / name
        if kind is Kind.FOLDER and (not found or node(there / name).kind is Kind.FOLDER):
            yield from _below(folder / name, there / name)
