"""A build's work folder: one build at a time, in namespaces of its own, and clean-up after an interrupted one.

diskimage-builder's shells, mmdebstrap and what they start are processes of one PID namespace, whose first process is this
module. When that ends, the kernel kills all others (pid_namespaces(7)); it ends with the builder, even if that is killed
(prctl(2), PR_SET_PDEATHSIG). Mounts are in a mount namespace, which goes with its last process.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import run

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def sole_builder(work: Path) -> Iterator[int]:
    """Hold the work folder's lock; it goes with the last process that has it open, however that ends (flock(2)).

    :returns: the lock's file descriptor, for children to inherit.

    :raises UserError: when another build holds it.
    """
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another build is at work in {work}", "wait for it, or build elsewhere with --build DIR") from error
        yield lock.fileno()


@contextmanager
def sole_downloader(cache: Path) -> Iterator[None]:
    """Hold the package cache's lock, waiting for it: builds in other folders share the cache, and apt refuses to share."""
    with (cache / "archives.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mounts_below(folder: Path, mounts: str) -> list[str]:
    r"""Return mount points below a folder, innermost first, from the text of /proc/self/mounts (blanks there are ``\040``)."""
    words = [line.split() for line in mounts.splitlines()]
    points = [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word[1]) for word in words if len(word) > 1]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def clear(folder: Path) -> None:
    """Unmount and remove whatever lies in the folder for temporary files; call it with the lock held only."""
    for point in mounts_below(folder, Path("/proc/self/mounts").read_text()):
        run(["umount", "--lazy", point])
    remove_tree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder with everything in it, and nothing that is mounted in it; nothing happens when it does not exist.

    :raises UserError: when something is mounted in it, be it a folder of the same file system, or a part of it is on another
        file system, such as a mount that another process has made meanwhile. What is there stays.
    """
    folder = folder.absolute()
    if not folder.is_symlink() and not folder.exists():
        return
    if points := mounts_below(folder, Path("/proc/self/mounts").read_text()):
        raise UserError(f"{folder} cannot be removed: {points[0]} is mounted in it", f"umount {points[0]}")
    above = os.open(folder.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        _remove(above, folder.name, os.lstat(folder).st_dev, folder)
    finally:
        os.close(above)


def _remove(above: int, name: str, device: int, path: Path) -> None:
    """Remove an entry of a folder; the folder is held open, so that no link can lead elsewhere."""
    found = os.stat(name, dir_fd=above, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=above)
        return
    if found.st_dev != device:
        raise UserError(f"{path} cannot be removed: it is another file system", f"umount {path}")
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        for entry in os.listdir(inside):
            _remove(inside, entry, device, path / entry)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=above)


def namespaces_hint(errors: str) -> str:
    """Return what to do about an error of unshare(1): in a chroot whose folder is no mount point nothing can be mounted apart."""
    if "root filesystem propagation" in errors and "Invalid argument" in errors:
        return "this is a chroot: make its folder a mount point, from outside, with: mount --bind DIR DIR"
    return "in a container, allow it CAP_SYS_ADMIN and to mount /proc"


def in_namespaces(argv: Sequence[str]) -> list[str]:
    """Return the command that runs ``argv`` in namespaces that end with this process.

    :raises UserError: when this machine does not let root make them.
    """
    probe = run([*NAMESPACES, "true"], check=False)
    if probe.returncode:
        raise UserError(
            f"a build needs PID and mount namespaces: {probe.errors.strip()}",
            namespaces_hint(probe.errors),
        )
    return ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, sys.executable, "-m", "image.work_dir", *argv]


def first_process(argv: Sequence[str]) -> int:
    """Run a command as the first process of a PID namespace, which inherits all orphans; return its exit code.

    SIGTERM goes to the whole process group: the command ends by it, and this process after the command. It keeps the
    builder's lock, which it has inherited, for as long as it lives.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.signal(signal.SIGINT, lambda number, frame: None)
    with subprocess.Popen(argv) as child:
        code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(first_process(sys.argv[1:]))
