"""Cache keys: hashes of everything that a result depends on.

diskimage-builder rebuilds everything every time; these keys decide what need not be.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from dom0kit.process import Runner, run
from image.recipe import Recipe

PROJECT = Path(__file__).resolve().parent.parent
TRAVELLING = ("dom0kit", "answerfiles", "network", "pool", "installer", "firstboot", "upgrade", "programs")
"""The Python packages that the image contains."""

IGNORED = {"__pycache__", ".mypy_cache", ".ruff_cache"}


def files_below(folder: Path) -> list[Path]:
    """Every file and link below a folder, sorted, without caches and without what is only read by people."""
    found = (p for p in folder.rglob("*") if (p.is_file() or p.is_symlink()) and not IGNORED & set(p.parts))
    return sorted(p for p in found if p.suffix != ".md")


def hash_files(paths: Iterable[Path], root: Path = PROJECT) -> str:
    """Return a hash over names, modes and contents."""
    digest = hashlib.sha256()
    for path in paths:
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        mode = "link" if path.is_symlink() else f"{path.stat().st_mode & 0o111 != 0}"
        digest.update(f"{path.relative_to(root)}\0{mode}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def hash_values(*values: object) -> str:
    """Return a hash over plain values (strings, numbers, lists, mappings)."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def base_key(recipe: Recipe, releases: dict[str, str]) -> str:
    """Return the key of the bootstrapped tree: packages, their sources, and the code that installs them."""
    code = hash_files([PROJECT / "image/bootstrap.py"])
    keys = [hashlib.sha256(Path(source.key).read_bytes()).hexdigest() for source in recipe.apt]
    return hash_values(recipe.debian.architecture, recipe.image_sources(), recipe.all_packages(), releases, code, keys)[:16]


def initramfs_key(base: str, recipe: Recipe, *, release: bool) -> str:
    """Return the key of the initramfs: the tree and every element but those that only add host software."""
    elements = PROJECT / "image/elements"
    late = {"dom0-host", "dom0-firstboot", "dom0-upgrade", "dom0-boot"}
    code = [p for p in files_below(elements) if p.relative_to(elements).parts[0] not in late]
    settings = [recipe.firmware.model_dump(mode="json"), recipe.drivers.model_dump(mode="json")]
    return hash_values(base, settings, release, recipe.compression.initramfs.of(release), hash_files(code))[:16]


def image_key(base: str, recipe: Recipe, *, release: bool, version: str, keys: str = "") -> str:
    """Return the key of the image: the tree, recipe, elements, this package, and all packages that it contains.

    :param keys: the hash of the public keys that the image accepts.
    """
    code = hash_files(path for folder in image_folders() for path in files_below(folder) if path.name != "recipe.toml")
    # Additional repositories are in the base's key, without the paths of their signing keys on this machine. Who signs the image
    # is no part of it, and which keys it accepts counts by their content.
    settings = recipe.model_dump(mode="json", exclude={"apt", "signing"})
    return hash_values(base, settings, release, version, code, keys)[:16]


def image_folders() -> list[Path]:
    """Return the folders of this project that the image is made of."""
    return [PROJECT / "image", *(PROJECT / package for package in TRAVELLING)]


def commit(runner: Runner = run) -> str:
    """Return the newest commit that changed a file which the image is made of.

    A commit that changes nothing in the image is not named: two builds of one image name the same commit, whatever else the
    project's history has got meanwhile.

    :returns: 40 hexadecimal digits, with ``-dirty`` at their end when a file was changed and not committed; "" when this is no
        checkout, such as an installed package.
    """
    if shutil.which("git") is None:
        return ""
    git = ("git", "-C", PROJECT)
    found = runner([*git, "log", "-1", "--format=%H", "--", *image_folders()], check=False).output.strip()
    if not found:
        return ""
    changed = runner([*git, "status", "--porcelain", "--", *image_folders()], check=False).output.strip()
    return f"{found}-dirty" if changed else found
