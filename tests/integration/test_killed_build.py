"""What a killed build leaves, with real namespaces and mounts: nothing that the next one can trip over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_devices import output

from dom0kit.errors import UserError
from dom0kit.polling import poll
from image.work_dir import clear, remove_tree, sole_builder

SECONDS = str(1_000_000 + os.getpid())
"""Names the sleeping processes of this run: one at the same time has others."""
BUILDER = """
import sys
from pathlib import Path
from dom0kit.process import stream
from image.work_dir import in_namespaces, sole_builder
work = Path(sys.argv[1])
with sole_builder(work) as lock, (work / "log").open("w") as log:
    tmp = work / "tmp"
    mounts = f"mount -t tmpfs none {tmp} && mkdir {tmp}/dev && mount --bind /dev {tmp}/dev"
    command = in_namespaces(["bash", "-c", f"{mounts} && (setsid sleep {sys.argv[3]} &) ; echo ready; sleep {sys.argv[3]}"])
    stream(command, log=log, keep_open=(lock,), env={"PYTHONPATH": sys.argv[2]}, on_line=print)
"""


def sleepers() -> list[int]:
    """Return the processes that the builder's script started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == f"sleep\0{SECONDS}\0".encode():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def is_free(work: Path) -> bool:
    """Return whether the work folder's lock can be had."""
    try:
        with sole_builder(work):
            return True
    except UserError:
        return False


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tmp").mkdir()
    yield tmp_path
    for pid in sleepers():
        os.kill(pid, signal.SIGKILL)


def test_a_killed_build_leaves_no_process_no_mount_and_no_lock(work: Path) -> None:
    project = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-u", "-c", BUILDER, str(work), project, SECONDS], cwd=project, stdout=subprocess.PIPE, text=True
    ) as builder:
        try:
            assert builder.stdout is not None
            lines = iter(builder.stdout.readline, "")
            assert any(line.strip() == "ready" for line in lines)
            assert poll(lambda: len(sleepers()) == 2, 60, 0.05, "both processes of the builder's script")
            with pytest.raises(UserError, match="another build"), sole_builder(work):
                pass
        finally:
            # Also after a failure, which would otherwise wait for the end of the builder.
            builder.kill()
    assert poll(lambda: not sleepers() and is_free(work), 30, 0.05, "the end of the builder's processes")
    assert str(work) not in Path("/proc/self/mounts").read_text()
    with sole_builder(work):
        clear(work / "tmp")
    assert list((work / "tmp").iterdir()) == []


def test_children_of_a_killed_builder_keep_its_lock(tmp_path: Path) -> None:
    script = "import os, sys, subprocess; from pathlib import Path; from image.work_dir import sole_builder\n" + (
        "with sole_builder(Path(sys.argv[1])) as lock:\n"
        "    quiet = subprocess.DEVNULL\n"
        "    child = subprocess.Popen(['sleep', '7655'], pass_fds=[lock], stdout=quiet, stderr=quiet)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    project = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=project, capture_output=True, text=True, check=False)
    child = int(done.stdout)
    try:
        with pytest.raises(UserError, match="another build"), sole_builder(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
    assert poll(lambda: is_free(tmp_path), 30, 0.05, "the end of the child, which closes its files")


@pytest.mark.parametrize("kind", ["bind", "tmpfs", "file"])
def test_removal_never_crosses_into_a_mount(tmp_path: Path, kind: str) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("kept")
    tree = tmp_path / "tree"
    point = tree / "a b/dev"
    point.mkdir(parents=True)
    (tree / "link").symlink_to(precious)
    if kind == "bind":
        output("mount", "--bind", precious, point)
    elif kind == "tmpfs":
        output("mount", "-t", "tmpfs", "none", point)
        (point / "data").write_text("kept")
    else:
        (tree / "a b/file").write_text("")
        point = tree / "a b/file"
        output("mount", "--bind", precious / "data", point)
    try:
        with pytest.raises(UserError, match="mounted in it"):
            remove_tree(tree)
        assert (point if kind == "file" else point / "data").read_text() == "kept"
    finally:
        output("umount", point)
    remove_tree(tree)
    assert not tree.exists()
    assert (precious / "data").read_text() == "kept"


def test_removal_follows_no_link_and_takes_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/data").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "nowhere")
    assert (tmp_path / "there/data").read_text() == "kept"
    assert not (tmp_path / "link").is_symlink()
