"""Files that one build keeps for the next, such as bootstrapped trees: each has a checksum, verified before each use."""

from __future__ import annotations

from pathlib import Path

from dom0kit.fs import sha256_file, write_atomic


def sum_path(path: Path) -> Path:
    """Return where the checksum of a kept file is."""
    return path.with_name(f"{path.name}.sha256")


def seal(path: Path) -> None:
    """Write the checksum of a file that a build has just made."""
    write_atomic(sum_path(path), f"{sha256_file(path)}  {path.name}\n")


def is_whole(path: Path) -> bool:
    """Return whether a kept file is what a finished build made."""
    try:
        expected = sum_path(path).read_text(errors="replace").split()
        return bool(expected) and sha256_file(path) == expected[0]
    except OSError:
        return False


def drop(path: Path) -> None:
    """Remove a kept file with its checksum."""
    sum_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
