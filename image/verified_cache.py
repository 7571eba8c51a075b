"""What one build keeps for the next is verified before each use: packages, bootstrapped trees, initramfs images.

Packages are verified by the chain from apt's signed lists to them; other files by a checksum next to them.

apt has verified the signature of each InRelease file when it fetched it; a build's keys are made from these files. They have
the SHA-256 of the package lists, and those have the SHA-256 of every package. A cache is old, shared and on a disk: a bit that
flipped in it since must not come into an image.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sha256_file, write_atomic
from dom0kit.process import environment

READER = "/usr/lib/apt/apt-helper"
FIELDS = ("Package:", "Version:", "Architecture:", "SHA256:")
COMPRESSED = (".lz4", ".xz", ".gz", ".zst", ".bz2")


def sums_of_lists(release: str) -> dict[str, str]:
    """Return the SHA-256 of each list by its path, from the text of an InRelease file."""
    _, _, rest = release.partition("\nSHA256:")
    sums = {}
    for line in rest.splitlines()[1:]:
        if not line.startswith(" "):
            break
        words = line.split()
        if len(words) == 3:
            sums[words[2]] = words[0]
    return sums


def package_sums(text: str) -> Iterator[tuple[str, str]]:
    """Yield the file name that apt's cache gives each package of a list, and its SHA-256."""
    fields: dict[str, str] = {}
    # Seventy thousand packages: a pattern over each of them takes many times as long as a look at the beginning of each line.
    for line in (*text.split("\n"), ""):
        if not line:
            if len(fields) == len(FIELDS):
                # apt escapes the colon of an epoch, and nothing else that versions hold.
                version = fields["Version"].replace(":", "%3a")
                yield f"{fields['Package']}_{version}_{fields['Architecture']}.deb", fields["SHA256"]
            fields = {}
        elif line.startswith(FIELDS):
            name, _, value = line.partition(": ")
            if name + ":" in FIELDS:
                fields[name] = value


def read_list(path: Path) -> bytes:
    """Return the content of a list, which apt keeps compressed.

    :raises UserError: when it cannot be read.
    """
    if path.suffix not in COMPRESSED:
        return path.read_bytes()
    done = subprocess.run([READER, "cat-file", path], env=environment(), capture_output=True, check=False)
    if done.returncode:
        raise damaged(path)
    return done.stdout


def damaged(path: Path) -> UserError:
    """Return the error for a list that is not the signed one."""
    return UserError(f"the package list {path} is damaged: it is not the one that was signed", "run `make refresh`")


def expected_sums(lists: Path) -> dict[str, set[str]]:
    """Return the SHA-256 of every package that the lists offer, by the name of its file in apt's cache.

    :raises UserError: when a list is not the one that its InRelease file names.
    """
    found: dict[str, set[str]] = {}
    for _, file, sha256 in offers(lists):
        found.setdefault(file, set()).add(sha256)
    return found


def offers(lists: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the name of an InRelease file, the name of a package's file in apt's cache, and its SHA-256, for all packages.

    :raises UserError: when a list is not the one that its InRelease file names.
    """
    for release in sorted(lists.glob("*InRelease")):
        prefix = release.name.removesuffix("InRelease")
        sums = sums_of_lists(release.read_text(errors="replace"))
        for path in sorted(lists.glob(f"{prefix}*_Packages*")):
            name = path.name.removesuffix(path.suffix) if path.suffix in COMPRESSED else path.name
            data = read_list(path)
            place = next((place for place in sums if f"{prefix}{place.replace('/', '_')}" == name), None)
            if place is not None and hashlib.sha256(data).hexdigest() != sums[place]:
                raise damaged(path)
            for file, sha256 in package_sums(data.decode(errors="replace")):
                yield release.name, file, sha256


def drop_damaged(archives: Path, expected: Mapping[str, set[str]]) -> list[str]:
    """Remove cached packages that are not what the lists say; return their names. apt fetches them again.

    Packages that the lists do not offer are left: no build takes them.
    """
    dropped = []
    for path in sorted(archives.glob("*.deb")):
        if path.name in expected and sha256_file(path) not in expected[path.name]:
            path.unlink()
            dropped.append(path.name)
    return dropped


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
