"""Small images, and a host that runs one of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from dom0kit.events import Reporter
from upgrade.store.images import Store
from upgrade.store.staging import Stager

OLD, NEW = "0.1.0-aaaaaaaa", "0.2.0-bbbbbbbb"
SIZES = {"xen.gz": 70_001, "vmlinuz": 65_536, "initrd.img": 300_000, "dom0.squashfs": 9 * 1024 * 1024 + 17}
PACKAGES = {"xen-hypervisor-common": "4.20.0-1", "openssh-server": "1:10.0p1-7", "ganeti": "3.1.0-1"}


def make_image(folder: Path, version: str = "0.2.0", letter: str = "b", **changes: Any) -> Path:
    """Create an image folder; its id is one letter sixteen times, its files are made from it."""
    folder.mkdir(parents=True)
    files = {}
    for name, size in SIZES.items():
        block = hashlib.sha256(f"{letter} {name}".encode()).digest()
        data = (block * (size // len(block) + 1))[:size]
        (folder / name).write_bytes(data)
        files[name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": size}
    manifest = {
        "format": 1, "product": "dom0kit", "version": version, "id": letter * 16, "epoch": 1_800_000_000, "files": files,
        "kernel": "6.12.1", "xen": "4.20.0-1", "toolstack": "ganeti", "packages": PACKAGES,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return folder


def make_host(root: Path, system: Path | None = None) -> Store:
    """Create a host that runs :data:`OLD`; its system partition is ``system``, or a folder below ``root``."""
    runtime = root / "run/dom0kit"
    runtime.mkdir(parents=True)
    if system is None:
        (runtime / "medium").mkdir()
    else:
        (runtime / "medium").symlink_to(system)
    images = runtime / "medium/images"
    images.mkdir()
    make_image(images / OLD, "0.1.0", "a", epoch=1_790_000_000)
    (runtime / "image").symlink_to(images / OLD)
    (runtime / "medium/state" / OLD).mkdir(parents=True)
    return Store(root)


def make_stager(store: Store, **options: Any) -> Stager:
    """Return a stager that reports to no one and keeps no reserve."""
    return Stager(store, Reporter("test"), **({"reserve": 0} | options))


def names(store: Store) -> list[str]:
    """Return all that lies in the folder with the images."""
    return sorted(path.name for path in store.folder.iterdir())


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}
