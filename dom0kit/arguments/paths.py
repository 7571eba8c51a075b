"""Types of files and folders, and errors about those that a command line names."""

from __future__ import annotations

import argparse
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from dom0kit.arguments.parser import HINT, refusal, shown
from dom0kit.untrusted.text import escaped

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes of a file's name and of a path (NAME_MAX and PATH_MAX without the NUL of Linux)."""
HINTS = {
    errno.ENOENT: "check the path; its folder must exist",
    errno.EACCES: "choose another path, or run this as a user who may use it",
    errno.EPERM: "choose another path, or run this as a user who may use it",
    errno.ENOSPC: "free some space, or choose a path on another disk",
}
"""What to do about a path that cannot be used, by the system's error."""


def path(text: str) -> Path:
    """Return a path that a file can have."""
    if not text:
        raise refusal("an empty text is no path", "name a file or folder")
    if "\0" in text or len(os.fsencode(text)) > LONGEST_PATH or any(len(os.fsencode(p)) > LONGEST_NAME for p in text.split("/")):
        raise refusal(f"{shown(text)} is no path: it is too long, or has a character that no path has")
    try:
        Path(text).resolve()
    except (OSError, RuntimeError):
        # Python before 3.13 raises where a path is resolved, and later versions where the file is opened.
        raise refusal(f"{shown(text)} cannot be used: its symbolic links lead in a circle") from None
    return Path(text)


def _status(found: Path) -> os.stat_result:
    try:
        return found.stat()
    except OSError as error:
        raise refusal(f"{found} cannot be used: {error.strerror}", HINTS.get(error.errno or 0, "check the path")) from None


def existing_file(text: str) -> Path:
    """Return the path of a file that is there, whose reading ends: a file or block device."""
    found = path(text)
    mode = _status(found).st_mode
    if stat.S_ISDIR(mode):
        raise refusal(f"{found} is a folder, not a file")
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise refusal(f"{found} is neither a file nor a disk", "copy its content to a file")
    if not os.access(found, os.R_OK):
        raise refusal(f"{found} cannot be read", HINTS[errno.EACCES])
    return found


def existing_folder(text: str) -> Path:
    """Return the path of a folder that is there."""
    found = path(text)
    if not stat.S_ISDIR(_status(found).st_mode):
        raise refusal(f"{found} is not a folder")
    return found


def output_file(text: str) -> Path:
    """Return the path of a file that can be written or made, as far as that is known before; its folder may be missing."""
    found = path(text)
    if text.endswith("/") or found.is_dir():
        raise refusal(f"{found} is a folder, not a file", f"name a file in it, as {found}/NAME")
    _need_place(found)
    return found


def output_folder(text: str) -> Path:
    """Return the path of a folder that is there or can be made, as far as that is known before."""
    found = path(text)
    _need_place(found / "x")
    return found


def _need_place(found: Path) -> None:
    """Refuse a path below something that is no folder, or that this user may not write to."""
    above = next(folder for folder in found.absolute().parents if os.path.lexists(folder))
    if not above.is_dir():
        raise refusal(f"{found} cannot be written: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise refusal(f"{found} cannot be written: {above} is not writable", HINTS[errno.EACCES])


def sentence_about(error: OSError, arguments: argparse.Namespace) -> str:
    """Return a sentence and a hint about a path of the command line that cannot be used; "" when the error is about another.

    A path counts when the command line names it, something below it, a folder above it, or a file next to it, which replaces it.
    """
    if not isinstance(error.filename, str | bytes | Path) or not error.strerror:
        return ""
    found = Path(os.fsdecode(error.filename)).absolute()
    for named in _named(vars(arguments).values()):
        for place in {named.absolute(), named.resolve()} if len(str(named)) < LONGEST_PATH else set():
            if place == found or place in found.parents or found in place.parents or place.parent == found.parent:
                hint = HINTS.get(error.errno or 0, "check the path, or choose another")
                return f"{escaped(str(error.filename))} cannot be used: {error.strerror}{HINT}{hint}"
    return ""


def _named(values: Iterable[object]) -> Iterator[Path]:
    """Yield the paths among the values of a command line."""
    for value in values:
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, Path):
                yield one


TYPES = (path, existing_file, existing_folder, output_file, output_folder)
"""All types of paths, which shells complete."""
