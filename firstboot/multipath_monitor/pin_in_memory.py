"""Pin in memory the files that adding a disk needs, for when all paths of the root disk are lost.

udev runs programs for each new disk. A program whose pages are on the lost disk waits for that
disk, and the disk waits for the program. A file mapping that is locked in memory (mlockall(2))
keeps its pages; the open file keeps its name.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROGRAMS = (
    *("bin/sh", "bin/sed", "bin/logger", "bin/rm", "bin/basename", "bin/readlink", "bin/sg_inq", "bin/udevadm", "bin/kmod"),
    *("bin/systemctl", "bin/systemd-run", "bin/partx", "sbin/blkid", "sbin/dmsetup", "sbin/kpartx", "sbin/lvm", "sbin/mdadm"),
    *("sbin/modprobe", "sbin/multipath", "sbin/multipathd"),
    *("lib/systemd/systemd", "lib/systemd/systemd-executor", "lib/systemd/systemd-udevd", "lib/systemd/systemd-journald"),
)
"""Programs of udev's rules for disks and maps (dm, multipath, kpartx, lvm2, mdadm, sg3-utils,
systemd), and those that run them.
"""
PATTERNS = (
    *(f"usr/{name}" for name in PROGRAMS),
    "usr/lib/udev/*",
    "usr/lib/multipath/*.so",
    "usr/lib/*/multipath/*.so",
    "usr/lib/*/libkmod.so.2",
    "usr/lib/udev/rules.d/*.rules",
    "etc/udev/rules.d/*.rules",
    "etc/udev/*.conf",
    "etc/multipath.conf",
    "etc/multipath/*",
    "etc/multipath/conf.d/*.conf",
    "etc/lvm/*.conf",
    "etc/lvm/devices/system.devices",
    "etc/ld.so.cache",
    "etc/nsswitch.conf",
    "etc/passwd",
    "etc/group",
)
MODULES = ("modules.*.bin", "modules.softdep", "modules.weakdep")
"""The indexes that udev's built-in modprobe reads for each device."""
LIBRARIES = ("usr/lib/*-linux-gnu", "usr/lib", "usr/lib64")
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
LINKS = 40
"""Maximum number of symbolic links in a path (path_resolution(7))."""


@dataclass(frozen=True)
class Linked:
    """What a program requires to run: its loader or interpreter, libraries, and their folders."""

    interpreter: str = ""
    libraries: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def linked(data: bytes) -> Linked:
    """Parse a script's first line, or the dynamic section of a 64-bit little-endian ELF file (elf(5)).

    Other files and damaged ones require nothing.
    """
    if data.startswith(b"#!"):
        words = data[2:].split(b"\n", 1)[0].split()
        return Linked(words[0].decode(errors="replace") if words else "")
    if not data.startswith(b"\x7fELF\x02\x01"):
        return Linked()
    try:
        return _elf(data)
    except (struct.error, ValueError, OverflowError):
        return Linked()


def _elf(data: bytes) -> Linked:
    start, size, number = *struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54)
    # Each: type, flags, offset, virtual address, physical address, size in the file.
    headers = [struct.unpack_from("<IIQQQQ", data, start + n * size) for n in range(number)]
    interpreter = next((_text(data, header[2]) for header in headers if header[0] == PT_INTERP), "")
    entries: list[tuple[int, int]] = []
    for header in headers:
        if header[0] == PT_DYNAMIC:
            entries += [struct.unpack_from("<qQ", data, header[2] + at) for at in range(0, header[5], 16)]
    strings = next((value for tag, value in entries if tag == DT_STRTAB), None)
    load = next((h for h in headers if h[0] == PT_LOAD and strings is not None and h[3] <= strings < h[3] + h[5]), None)
    if strings is None or load is None:
        return Linked(interpreter)
    table = strings - load[3] + load[2]
    libraries = tuple(_text(data, table + value) for tag, value in entries if tag == DT_NEEDED)
    said = [_text(data, table + value) for tag, value in entries if tag in (DT_RPATH, DT_RUNPATH)]
    return Linked(interpreter, libraries, tuple(folder for text in said for folder in text.split(":") if folder.startswith("/")))


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode(errors="replace")


def follow(root: Path, path: PurePosixPath) -> tuple[PurePosixPath | None, list[PurePosixPath]]:
    """Resolve an absolute path in a tree.

    :returns: the target, None when it does not exist, and the symbolic links on the way.
    """
    links: list[PurePosixPath] = []
    here, todo = PurePosixPath("/"), list(path.parts[1:])
    while todo:
        part = todo.pop(0)
        here = here.parent if part == ".." else here / part
        full = root / here.relative_to("/")
        if not full.is_symlink():
            continue
        links.append(here)
        if len(links) > LINKS:
            return None, links
        target = PurePosixPath(os.readlink(full))
        todo = [*target.parts[target.is_absolute() :], *todo]
        here = PurePosixPath("/") if target.is_absolute() else here.parent
    return (here if (root / here.relative_to("/")).is_file() else None), links


def needed(root: Path, release: str) -> tuple[list[str], list[str]]:
    """Return the files that adding a disk needs, and the symbolic links to them, as absolute paths in a tree.

    :param release: kernel release (uname(2)).
    """
    files: dict[PurePosixPath, None] = {}
    links: dict[PurePosixPath, None] = {}
    patterns = (*PATTERNS, *(f"usr/lib/modules/{release}/{name}" for name in MODULES))
    todo = [_inside(root, path) for pattern in patterns for path in sorted(root.glob(pattern))]
    folders = [str(_inside(root, path)) for pattern in LIBRARIES for path in sorted(root.glob(pattern))]
    while todo:
        path, passed = follow(root, todo.pop())
        links.update(dict.fromkeys(passed))
        if path is None or path in files:
            continue
        files[path] = None
        try:
            names = linked((root / path.relative_to("/")).read_bytes())
        except OSError:
            continue
        if names.interpreter.startswith("/"):
            todo.append(PurePosixPath(names.interpreter))
        for library in names.libraries:
            places = (PurePosixPath(folder) / library for folder in (*names.folders, *folders))
            todo += [place for place in places if follow(root, place)[0]][:1]
    return sorted(map(str, files)), sorted(map(str, links))


def _inside(root: Path, path: Path) -> PurePosixPath:
    return PurePosixPath("/") / path.relative_to(root).as_posix()


class PinnedFiles:
    """The pinned files of a tree; the caller has called mlockall(2) with MCL_FUTURE.

    Files that cannot be read are left out.

    :param release: kernel release (uname(2)).
    """

    def __init__(self, root: Path, release: str) -> None:
        self._root, self._release = root, release
        self.held: dict[str, tuple[tuple[int, int], mmap.mmap]] = {}
        """By absolute path: device and inode of the file, and its mapping."""

    def pin(self) -> None:
        """Map each file read-only and open each symbolic link as such, for the lifetime of the process."""
        files, links = needed(self._root, self._release)
        for name in links:
            try:
                os.open(self._root / name[1:], os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            except OSError:
                continue
        for name in files:
            self._hold(name)

    def refresh(self) -> list[str]:
        """Map files that were rewritten since, such as LVM's list of devices.

        :returns: their names.
        """
        settings = [path for pattern in PATTERNS if pattern.startswith("etc/") for path in self._root.glob(pattern)]
        names = {**self.held, **{str(_inside(self._root, path)): None for path in settings if path.is_file()}}
        return [name for name in names if self._hold(name)]

    def _hold(self, name: str) -> bool:
        try:
            with (self._root / name[1:]).open("rb") as file:
                found = os.fstat(file.fileno())
                identity = (found.st_dev, found.st_ino)
                if found.st_size == 0 or (name in self.held and self.held[name][0] == identity):
                    return False
                self.held[name] = (identity, mmap.mmap(file.fileno(), found.st_size, mmap.MAP_SHARED, mmap.PROT_READ))
        except (OSError, ValueError):  # ValueError: it has become shorter meanwhile (mmap)
            return False
        return True
