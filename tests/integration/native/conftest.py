"""The image's root for whole installations, once for all tests; skipped by name where no image was built."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_root import LiveRoot, live_root, network_card

from installer.model.image_manifest import NAMES


@pytest.fixture(scope="session")
def _root(_namespace: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRoot]:
    assert network_card(), "an installation needs a physical network card, and this machine has none"
    folder = tmp_path_factory.mktemp("live")
    with live_root(folder) as root:
        write_image(root.work / "image")
        yield root


@pytest.fixture
def live(_root: LiveRoot) -> LiveRoot:
    """Return the image's root, with a small image to install in ``/work/image``."""
    for file in _root.work.iterdir():
        if file.is_file():
            file.unlink()
    return _root


def write_image(folder: Path) -> None:
    """Write small files that are not booted, and their manifest."""
    files = {}
    for number, name in enumerate(NAMES):
        data = os.urandom(100_000 + number)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
        files[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps({"format": 1, "product": "dom0kit", "version": "1.2", "id": "ab" * 8, "files": files})
    (folder / "manifest.json").write_text(text)
