"""Comparison of two ISOs of the same layout: the files that differ, and nothing else may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pycdlib

from qa.errors import ScenarioFailed

BLOCK = 2048
CHUNK = 512 * BLOCK
Extents = dict[str, range]


def different_blocks(one: Path, other: Path) -> list[int]:
    """Return the numbers of the 2048-byte blocks that differ.

    :raises ScenarioFailed: when the sizes differ.
    """
    if one.stat().st_size != other.stat().st_size:
        raise ScenarioFailed(f"{one.name} has {one.stat().st_size} bytes, {other.name} {other.stat().st_size}")
    found = []
    with one.open("rb") as left, other.open("rb") as right:
        place = 0
        while a := left.read(CHUNK):
            b = right.read(CHUNK)
            if a != b:
                found += [(place + i) // BLOCK for i in range(0, len(a), BLOCK) if a[i : i + BLOCK] != b[i : i + BLOCK]]
            place += len(a)
    return found


def extents(iso: Path) -> Extents:
    """Return the blocks of each file by its Rock Ridge path."""
    image = pycdlib.PyCdlib()
    image.open(str(iso))
    try:
        return dict(_walk(image))
    finally:
        image.close()


def _walk(image: pycdlib.PyCdlib) -> Iterator[tuple[str, range]]:
    for folder, _, files in image.walk(rr_path="/"):
        for name in files:
            path = f"{folder.rstrip('/')}/{name}"
            record = image.get_record(rr_path=path)
            first = record.extent_location()
            yield path, range(first, first + -(-record.get_data_length() // BLOCK))


def owners(blocks: list[int], files: Extents) -> list[str]:
    """Return the files that the blocks belong to.

    :raises ScenarioFailed: for a block outside of all files, in a table or boot record.
    """
    found = set()
    for block in blocks:
        name = next((name for name, extent in files.items() if block in extent), None)
        if name is None:
            raise ScenarioFailed(f"block {block} differs, which belongs to no file")
        found.add(name)
    return sorted(found)


def changed_files(one: Path, other: Path) -> list[str]:
    """Return the files that differ between two ISOs with the same layout.

    :raises ScenarioFailed: when anything else differs.
    """
    files = extents(one)
    if extents(other) != files:
        raise ScenarioFailed("files have different offsets or sizes")
    return owners(different_blocks(one, other), files)
