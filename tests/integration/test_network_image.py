"""The initramfs that a network installation puts on the disk is the one that runs, by the script itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts/dom0kit-fetch"
STUBS = """
dom0kit_say() { echo "$*"; }
dom0kit_stop() { echo "STOP $1"; exit 9; }
wget() { echo "FETCHED $*"; exit 8; }
"""
RUNNING = b"the initramfs that runs"


def take_initramfs(folder: Path, named: bytes, running: bytes | None) -> tuple[int, str]:
    """Run the script's function; return its exit code and what it said."""
    (folder / "medium/image").mkdir(parents=True)
    entry = {"sha256": hashlib.sha256(named).hexdigest(), "size": len(named)}
    (folder / "medium/image/manifest.json").write_text(json.dumps({"files": {"initrd.img": entry}}, indent=1))
    if running is not None:
        (folder / "retained").write_bytes(running)
    script = (
        f". {SCRIPT}\n{STUBS}DOM0KIT_RUN={folder} DOM0KIT_RETAINED={folder}/retained\ndom0kit_initrd http://192.0.2.1/images/1\n"
    )
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_initramfs_on_the_disk_is_the_one_that_runs(tmp_path: Path) -> None:
    code, said = take_initramfs(tmp_path, RUNNING, RUNNING)
    assert code == 0, said
    assert (tmp_path / "medium/image/initrd.img").read_bytes() == RUNNING


@pytest.mark.parametrize("running", [None, b"", b"the initramfs that rans", RUNNING + b"x"])
def test_another_initramfs_is_never_fetched(tmp_path: Path, running: bytes | None) -> None:
    code, said = take_initramfs(tmp_path, RUNNING, running)
    assert code == 9, said
    assert said.startswith("STOP ")
    assert "FETCHED" not in said
    assert not (tmp_path / "medium/image/initrd.img").exists()


@pytest.mark.parametrize("there", [True, False])
def test_the_signature_comes_with_the_manifest_when_there_is_one(tmp_path: Path, there: bool) -> None:
    fetched = tmp_path / "manifest.json.sig"
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    # As busybox does it: the file exists although the server has none.
    ending = 'echo signed >"$2"' if there else "exit 1"
    stand_in = f'#!/bin/sh\nwhile [ "$1" != -O ]; do shift; done\n: >"$2"\n{ending}\n'
    (bin_folder / "wget").write_text(stand_in)
    (bin_folder / "wget").chmod(0o755)
    code = f'. {SCRIPT}; PATH={bin_folder}:$PATH; dom0kit_signature http://192.0.2.1/images/x "{fetched}"'
    subprocess.run(["bash", "-c", code], check=True)
    assert fetched.exists() == there
