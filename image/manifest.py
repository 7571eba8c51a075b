"""``manifest.json``: what an image is, file by file and package by package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dom0kit.fs import sha256_file

FORMAT = 1
STATE_FORMAT = 1
"""Grows when an older image could not use what a newer one has written: hosts refuse to go from one to the other."""
IMAGE_FILES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")


def parse_packages(text: str) -> dict[str, str]:
    r"""Return names and versions from the output of ``dpkg-query -W -f '${Package}\t${Version}\n'``."""
    pairs = (line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    return dict(pairs)


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Return SHA-256 and size in bytes of an image folder's files, by their path within the folder."""
    paths = [folder / name for name in IMAGE_FILES] + sorted((folder / "boot").glob("*"))
    return {str(p.relative_to(folder)): {"sha256": sha256_file(p), "size": p.stat().st_size} for p in paths}


def build(
    *,
    version: str,
    image_id: str,
    suite: str,
    architecture: str,
    epoch: int,
    compression: str,
    recipe_sha256: str,
    dom0_memory_mib: int,
    toolstack: str,
    kernel: str,
    packages: dict[str, str],
    files: dict[str, dict[str, Any]],
    names: dict[str, Any],
) -> dict[str, Any]:
    """Return the manifest as a plain value (see docs/reference/files.md)."""
    xen = next((v for name, v in packages.items() if name == "xen-hypervisor-common"), "")
    return {
        "format": FORMAT,
        "product": "dom0kit",
        "version": version,
        "id": image_id,
        "suite": suite,
        "architecture": architecture,
        "state_format": STATE_FORMAT,
        "epoch": epoch,
        "compression": compression,
        "recipe_sha256": recipe_sha256,
        "dom0_memory_mib": dom0_memory_mib,
        "toolstack": toolstack,
        "kernel": kernel,
        "xen": xen,
        "packages": packages,
        "files": files,
        "names": names,
    }
