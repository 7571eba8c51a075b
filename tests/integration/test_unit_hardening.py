"""Exposure of the image's own units, as systemd-analyze(1) sees it: those that listen on the network are confined."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from firstboot.firewall.listeners import HOST, LISTENERS
from image.cache_keys import PROJECT

LIMIT = 5.0
CONFINED = ("ganeti-confd", "ganeti-rapi", "dom0kit-firewall")
AS_ROOT = {
    "ganeti-noded": "it makes guests, their disks and networks, and runs the scripts that install them",
}
"""Services on the network that need everything root may do, with the reason; docs/explanation/security.md has them."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with the units of all elements."""
    folder = tmp_path_factory.mktemp("root")
    for tree in (PROJECT / "image/elements").glob("*/tree"):
        for units in ("etc/systemd/system", "usr/lib/systemd/system"):
            if (tree / units).is_dir():
                shutil.copytree(tree / units, folder / units, dirs_exist_ok=True, symlinks=True)
    return folder


def exposure(root: Path, unit: str) -> float:
    words = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager", f"{unit}.service"]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=600)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


@pytest.mark.parametrize("unit", CONFINED)
def test_what_listens_on_the_network_is_confined(root: Path, unit: str) -> None:
    assert exposure(root, unit) <= LIMIT


def test_the_measure_tells_units_apart(root: Path) -> None:
    assert exposure(root, "ganeti-noded") > LIMIT


def test_every_service_of_ours_on_the_network_is_confined_or_has_a_reason() -> None:
    ours = {path.stem for path in (PROJECT / "image/elements").glob("*/tree/*/**/systemd/system/*.service")}
    listening = {listener.name for listener in LISTENERS if listener.reach != HOST} & ours
    assert listening
    assert listening <= set(CONFINED) | set(AS_ROOT)
    text = (PROJECT / "docs/explanation/security.md").read_text()
    for unit, reason in AS_ROOT.items():
        assert f"| `{unit}` | {reason}" in text
