"""Make the new overlay's upper folder from a plan, next to the old one."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from dom0kit.fs import naming
from dom0kit.units import MIB, human_bytes
from upgrade.state.facts import OPAQUE, attributes_of, node
from upgrade.state.nodes import Kind, Node
from upgrade.state.plan import ASIDE, Act, Decision, Plan

RESERVE = 64 * MIB
"""Bytes that stay free on the system partition: the old image's host goes on writing until it restarts."""
BLOCK = 4 * MIB


class Changed(Exception):
    """A file of the old overlay disappeared or became something else while it was copied."""


def space_problems(plan: Plan, system: Path) -> list[str]:
    """Return why the system partition has no room for what is copied; empty when it has."""
    found = os.statvfs(system)
    free = found.f_bavail * found.f_frsize
    # A file takes whole blocks, and a folder one.
    needed = plan.size + found.f_frsize * sum(decision.act is not Act.NOTHING for decision in plan.decisions)
    if needed + RESERVE <= free:
        return []
    largest = ", ".join(f"/{one.path}" for one in sorted(plan.decisions, key=lambda one: one.size, reverse=True)[:3])
    return [
        f"the host's own files have {human_bytes(needed)}, and {human_bytes(free)} are free on the system partition; "
        f"the largest: {largest}"
    ]


def build(plan: Plan, old_upper: Path, new_root: Path, target: Path) -> None:
    """Make the folder ``target`` as the plan says; it must not exist.

    Owners are numbers; times and extended attributes are those of the old overlay. Nothing is synced.

    :raises Changed: when the old overlay changes meanwhile.
    """
    target.mkdir()
    links: dict[tuple[int, int], Path] = {}
    folders = []
    for decision in plan.decisions:
        try:
            _make(decision, old_upper, new_root, target, links)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Changed(decision.path) from error
        if decision.act is Act.FOLDER:
            folders.append(decision)
    # At the end: what is made in a folder changes its time.
    for decision in reversed(folders):
        source = old_upper / decision.path
        give(target / decision.path, decision.owner or node(source), source.lstat())
    top = old_upper.lstat()
    give(target, Node(Kind.FOLDER, stat.S_IMODE(top.st_mode), top.st_uid, top.st_gid), top)


def _make(decision: Decision, old_upper: Path, new_root: Path, target: Path, links: dict[tuple[int, int], Path]) -> None:
    source, path = old_upper / decision.path, target / decision.path
    match decision.act:
        case Act.FOLDER:
            path.mkdir(0o700)
            if decision.opaque:
                os.setxattr(path, OPAQUE, b"y")
        case Act.WHITEOUT:
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
        case Act.TEXT:
            path.write_bytes(decision.text.encode(errors="surrogateescape"))
            give(path, node(source), source.lstat())
        case Act.OWNER:
            copy(new_root / decision.path, path, {})
            give(path, node(source), (new_root / decision.path).lstat())
        case Act.COPY:
            copy(source, path, links)
    if decision.aside:
        copy(new_root / decision.path, path.with_name(path.name + ASIDE), {})


def copy(source: Path, target: Path, links: dict[tuple[int, int], Path]) -> None:
    """Copy one file, link, device or pipe with owner, mode, times and attributes.

    :param links: files with several names that were copied already, by device and inode.
    """
    found = source.lstat()
    mode = found.st_mode
    if stat.S_ISREG(mode):
        name = (found.st_dev, found.st_ino)
        if found.st_nlink > 1 and name in links:
            os.link(links[name], target)
            return
        with naming(target):
            copy_data(source, target)
        if found.st_nlink > 1:
            links[name] = target
    elif stat.S_ISLNK(mode):
        os.symlink(os.readlink(source), target)
    else:
        os.mknod(target, stat.S_IFMT(mode) | 0o600, found.st_rdev)
    give(target, node(source), found)


def copy_data(source: Path, target: Path) -> None:
    """Copy a file's content, and leave its holes (lseek(2), SEEK_DATA): a guest's disk may be larger than what it holds."""
    with source.open("rb", buffering=0) as read, target.open("xb", buffering=0) as write:
        size, offset = os.fstat(read.fileno()).st_size, 0
        while offset < size:
            try:
                start = os.lseek(read.fileno(), offset, os.SEEK_DATA)
            except OSError:  # nothing but a hole to the end
                break
            end = os.lseek(read.fileno(), start, os.SEEK_HOLE)
            os.lseek(write.fileno(), start, os.SEEK_SET)
            # Not copy_file_range(2), which copies within one kind of file system alone: the image's is squashfs.
            while start < end and (count := os.sendfile(write.fileno(), read.fileno(), start, min(BLOCK, end - start))):
                start += count
            offset = end
        os.ftruncate(write.fileno(), size)


def give(path: Path, owner: Node, times: os.stat_result) -> None:
    """Set owner, mode, attributes and times; the owner first, for a change of it takes set-user-ID and capabilities away."""
    os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    if not path.is_symlink():
        os.chmod(path, owner.mode)
    _set_attributes(path, dict(owner.attributes))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)


def _set_attributes(path: Path, wanted: Mapping[str, bytes]) -> None:
    for name, _ in attributes_of(path):
        if name not in wanted:
            os.removexattr(path, name, follow_symlinks=False)
    for name, value in wanted.items():
        os.setxattr(path, name, value, follow_symlinks=False)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that it holds, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
