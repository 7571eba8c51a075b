"""``dom0kit repro``: build everything twice from nothing and compare, naming differences file by file."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from dom0kit.events import Reporter
from dom0kit.fs import sha256_file
from dom0kit.process import run
from image import build as image
from image.work_dir import remove_tree
from pipeline import initramfs_reader, pipeline


def fingerprint(folder: Path) -> dict[str, str]:
    """Every entry below a folder: type, mode, owner, time stamp and content, as one comparable string each."""
    return {str(path.relative_to(folder)): describe(path) for path in walk(folder)}


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder by its content alone: results are new files in each build."""
    return {str(path.relative_to(folder)): sha256_file(path) for path in walk(folder) if path.is_file()}


def walk(folder: Path) -> Iterator[Path]:
    """Every entry below a folder, links not followed."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            yield Path(root) / name


def describe(path: Path) -> str:
    """Return one entry as a string; two builds must give the same."""
    info = path.lstat()
    kind = stat.filemode(info.st_mode)
    common = f"{kind} {info.st_uid}:{info.st_gid} {int(info.st_mtime)}"
    if stat.S_ISLNK(info.st_mode):
        return f"{common} -> {path.readlink()}"
    if stat.S_ISREG(info.st_mode):
        return f"{common} {info.st_size} {sha256_file(path)}"
    return common


def differences(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """Return the differences, one line an entry, with both sides."""
    lines = []
    for path in sorted(first.keys() | second.keys()):
        a, b = first.get(path, "absent"), second.get(path, "absent")
        if a != b:
            lines.append(f"{path}\n    first:  {a}\n    second: {b}")
    return lines


def compare(options: image.Options, reporter: Reporter) -> list[str]:
    """Build twice in folders of their own, without any cached tree, and compare.

    :returns: the differences; none means that both ISOs are the same, byte for byte.
    """
    isos = []
    builds = []
    for turn in ("first", "second"):
        work = options.work.parent / f"repro-{turn}"
        remove_tree(work)
        reporter.emit("note", text=f"the {turn} build")
        # One folder of signatures: those of OpenPGP have the time in them, and the same manifest is to have the same one.
        own = dataclasses.replace(options, output=work / "image", work=work / "work", signatures=options.signed)
        task = dataclasses.replace(own, force=True, refresh=False)
        work.mkdir(parents=True)
        isos.append(pipeline.make(task, reporter, work / "dom0kit.iso"))
        builds.append(work)
    if isos[0].sha256 == isos[1].sha256:
        for work in builds:
            remove_tree(work)
        return []
    found = differences(*(contents(work / "image") for work in builds))
    if any(line.startswith("dom0.squashfs\n") for line in found):
        found += [f"dom0.squashfs: {line}" for line in squash_differences(builds)]
    if any(line.startswith("initrd.img\n") for line in found):
        found += [f"initrd.img: {line}" for line in initramfs_differences(builds)]
    return found or [f"dom0kit.iso\n    first:  {isos[0].sha256}\n    second: {isos[1].sha256}"]


def squash_differences(builds: list[Path]) -> list[str]:
    """Return the entries that differ inside the two squashfs images."""
    trees = []
    for work in builds:
        tree = work / "tree"
        remove_tree(tree)
        run(["unsquashfs", "-quiet", "-no-progress", "-dest", tree, work / "image/dom0.squashfs"])
        trees.append(fingerprint(tree))
    return differences(*trees)


def initramfs_differences(builds: list[Path]) -> list[str]:
    """Return the entries that differ inside the two initramfs images."""
    listings = []
    for work in builds:
        data = (work / "image/initrd.img").read_bytes()
        parts = [data]
        if tail := initramfs_reader.compressed_tail(data):
            program, start = tail
            end = initramfs_reader.appended(data, start)
            unpacked = work / "initrd.cpio"
            packed = work / "initrd.packed"
            packed.write_bytes(data[start:end])
            with unpacked.open("wb") as out:
                # The zeroes between two archives are no part of the compressed data, and the program may object to them;
                # a compressed archive that is damaged does not unpack to a whole one, which the listing finds.
                subprocess.run([program, "-dc", packed], stdout=out, stderr=subprocess.DEVNULL, check=False)
            parts += [unpacked.read_bytes(), data[end:]]
        listings.append(initramfs_reader.listing(parts))
    return differences(*listings)
