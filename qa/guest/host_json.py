"""The installer's hand-over to the host (``/etc/dom0kit/host.json``), read from a disk that is not in use."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dom0kit.linux import boot_choice
from dom0kit.process import run
from dom0kit.units import MIB
from qa.errors import ScenarioFailed

SYSTEM = 3
"""Number of the system partition."""
PIECE = 4 * MIB


def partition(disk: Path, number: int) -> tuple[int, int]:
    """Return offset and length of a GPT partition in bytes; for sectors of 512 bytes.

    :raises ScenarioFailed: when the disk has no partition of this number.
    """
    output = run(["sgdisk", f"--info={number}", disk]).output
    first, size = re.search(r"First sector: (\d+)", output), re.search(r"Partition size: (\d+) sectors", output)
    if not first or not size:
        raise ScenarioFailed(f"{disk.name} has no partition {number}: {output}")
    return int(first.group(1)) * 512, int(size.group(1)) * 512


def copy_out(disk: Path, target: Path, start: int, size: int) -> Path:
    """Copy a part of a sparse image to a sparse file."""
    with disk.open("rb") as source, target.open("wb") as file:
        file.truncate(size)
        place, end = start, start + size
        while place < end:
            try:
                place = os.lseek(source.fileno(), place, os.SEEK_DATA)
                hole = min(os.lseek(source.fileno(), place, os.SEEK_HOLE), end)
            except OSError:
                break  # the rest is a hole
            while place < hole:
                data = os.pread(source.fileno(), min(PIECE, hole - place), place)
                os.pwrite(file.fileno(), data, place - start)
                place += len(data)
    return target


def read_host_file(disk: Path, work: Path) -> dict[str, Any]:
    """Return the content of host.json on an installed disk.

    :raises ScenarioFailed: when the disk has none.
    """
    volume = copy_out(disk, work / f"{disk.stem}.system", *partition(disk, SYSTEM))
    # "-p": /inode/mode/user/group/name/size/
    versions = re.findall(r"^/\d+/\d+/\d+/\d+/(\d[^/]*)/", _debugfs(volume, "ls -p /state"), re.MULTILINE)
    if not versions:
        raise ScenarioFailed(f"{disk.name} has no state: {_debugfs(volume, 'ls -p /state')}")
    text = _debugfs(volume, f"cat /state/{versions[0]}/upper/etc/dom0kit/host.json")
    volume.unlink()
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError:
        raise ScenarioFailed(f"host.json on {disk.name} is no JSON: {text[:200]!r}") from None
    return value


def boot_words(disk: Path, work: Path) -> str:
    """Return the kernel arguments that name image, partition and state of an installed disk, from the host's boot menu.

    GRUB's variables get the values here that the menu gives them.

    :raises ScenarioFailed: when the menu has none.
    """
    volume = copy_out(disk, work / f"{disk.stem}.system", *partition(disk, SYSTEM))
    images = re.findall(r"^/\d+/\d+/\d+/\d+/(\d[^/]*)/", _debugfs(volume, "ls -p /images"), re.MULTILINE)
    if not images:
        raise ScenarioFailed(f"{disk.name} has no image: {_debugfs(volume, 'ls -p /images')}")
    entry = _debugfs(volume, f"cat /images/{images[0]}/boot.cfg")
    settings = boot_choice.values(_debugfs(volume, "cat /boot/grub/host.env").encode())
    volume.unlink()
    output = run(["sgdisk", f"--info={SYSTEM}", disk]).output
    guid = re.search(r"Partition unique GUID: (\S+)", output)
    if not guid:
        raise ScenarioFailed(f"partition {SYSTEM} of {disk.name} has no GUID: {output}")
    return words_of_menu(entry, settings, guid.group(1).lower())


def words_of_menu(entry: str, settings: dict[str, str], partition_uuid: str) -> str:
    """Return the kernel arguments of an image's entry that name image, partition and state.

    :raises ScenarioFailed: when the entry has none, or one with a variable of GRUB that has no value here.
    """
    found = re.search(r"boot=dom0kit dom0kit\.image=\S+ \$host_root dom0kit\.state=\S+", entry)
    if not found:
        raise ScenarioFailed(f"the boot menu names no image: {entry}")
    words = found.group(0).replace("$host_source", settings["host_source"])
    words = words.replace("$host_root", f"dom0kit.partition={partition_uuid}")
    if "$" in words:
        raise ScenarioFailed(f"the boot menu has variables of GRUB without a value here: {words}")
    return words


def _debugfs(volume: Path, request: str) -> str:
    return run(["debugfs", "-R", request, volume]).output


def differences(one: Any, other: Any, ignored: Collection[str] = (), path: str = "") -> list[str]:
    """Return the paths of the values that differ between two JSON values, except for keys in ``ignored``."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in dict.fromkeys([*one, *other]) if key not in ignored]
        return [found for key in keys for found in differences(one.get(key), other.get(key), ignored, f"{path}.{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for i, (a, b) in pairs for found in differences(a, b, ignored, f"{path}[{i}]")]
    return [] if one == other else [path or "all of it"]
