"""``manifest.json``: what an image is, file by file and package by package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dom0kit.fs import sha256_file
from image.contents import cyclonedx
from image.contents.collect import Contents
from image.contents.debian_packages import sources

FORMAT = 1
STATE_FORMAT = 1
"""Grows when an older image could not use what a newer one has written: hosts refuse to go from one to the other."""
IMAGE_FILES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Return SHA-256 and size in bytes of an image folder's files, by their path within the folder."""
    paths = [folder / name for name in (*IMAGE_FILES, cyclonedx.NAME)] + sorted((folder / "boot").glob("*"))
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
    contents: Contents,
    commit: str,
    files: dict[str, dict[str, Any]],
    names: dict[str, Any],
) -> dict[str, Any]:
    """Return the manifest as a plain value (see docs/reference/files.md)."""
    packages = {package.name: package.version for package in contents.packages}
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
        "xen": packages.get("xen-hypervisor-common", ""),
        "packages": packages,
        "sources": sources(contents.packages),
        "archives": contents.archives,
        "keys": contents.keys,
        "commit": commit,
        "files": files,
        "names": names,
    }
