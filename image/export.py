"""Takes the finished tree apart into the image's files: run by the ``dom0-export`` element after the last hook.

diskimage-builder would now copy the tree into a file system of its own; the tree is emptied afterwards, so that this
costs nothing.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sha256_file, write_atomic, write_json
from dom0kit.linux import cpio
from dom0kit.process import run, stream
from image import build_job as jobs
from image import bytecode, initramfs_checksums, known_names, manifest
from image.apt import Cache
from image.contents import cyclonedx
from image.contents.collect import Contents, collect, write_sbom
from image.identity_audit import identities
from image.recipe import Recipe
from image.work_dir import remove_tree

# Mounted by diskimage-builder while hooks run, or left by it.
MOUNTED = ("proc", "sys", "dev", "tmp", "run")

BLOCKS = {"zstd": "128K", "gzip": "128K", "xz": "1M"}
"""The squashfs's block size by algorithm: xz makes the smallest image, and needs large blocks for it."""


def squash_command(tree: Path, target: Path, compression: str) -> list[str]:
    """Return the mksquashfs(1) command line; SOURCE_DATE_EPOCH in its environment makes it reproducible.

    The kernel unpacks a whole block for each small file in it, and a start reads thousands of small files: small blocks make a
    start cheap, and large ones an image small. xz gets the x86 filter (bcj).
    """
    algorithm, _, level = compression.partition(":")
    options = {
        "zstd": ["-comp", "zstd", "-Xcompression-level", level or "15"],
        "gzip": ["-comp", "gzip", "-Xcompression-level", level or "9"],
        "xz": ["-comp", "xz", "-Xbcj", "x86", "-Xdict-size", "100%"],
    }[algorithm]
    excluded = [f"{name}/*" for name in MOUNTED] + ["boot/*", "boot-artifacts"]
    return [
        "mksquashfs", str(tree), str(target), "-noappend", "-no-recovery", "-progress", "-xattrs", "-b", BLOCKS[algorithm],
        *options, "-wildcards", "-e", *excluded,
    ]  # fmt: skip


@contextmanager
def without_mounts(tree: Path) -> Iterator[Path]:
    """Show the tree without what is mounted in it; the image would have the times of the build host's own /sys."""
    bare = tree.with_name("bare")
    bare.mkdir()
    run(["mount", "--bind", tree, bare])
    try:
        yield bare
    finally:
        run(["umount", bare])
        bare.rmdir()


def percent(line: str) -> float | None:
    """Return the fraction in a line of mksquashfs's progress bar."""
    match = re.search(r"(\d{1,3})%\s*$", line)
    return int(match[1]) / 100 if match else None


def only(folder: Path, pattern: str) -> Path:
    """Return the only file that matches ``pattern``; an image has one kernel."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise UserError(f"expected one {pattern} in the image's /{folder.name}, found {len(found)}: {[p.name for p in found]}")
    return found[0]


def export(job: jobs.Job, tree: Path) -> None:
    """Write the image folder: kernel, Xen, initramfs, squashfs, boot files, manifest."""
    recipe = job.load_recipe()
    output = Path(job.output)
    if shared := identities(tree):
        raise UserError(f"the image would carry what only a host may have: {'; '.join(shared)}", "see dom0-export's 80-clean")
    (output / "boot").mkdir(parents=True, exist_ok=True)
    bytecode.check_by_time(tree / "usr", job.epoch)
    if stale := bytecode.late(tree / "usr"):
        raise UserError(
            f"{len(stale)} modules of the image are compiled at each start, the first is {stale[0]}", "see image/bytecode.py"
        )
    boot = tree / "boot"
    kernel = only(boot, "vmlinuz-*")
    shutil.copyfile(kernel, output / "vmlinuz")
    shutil.copyfile(only(boot, "initrd.img-*"), output / "initrd.img")
    shutil.copyfile(only(boot, "xen-*-amd64.gz"), output / "xen.gz")
    for path in sorted((tree / "boot-artifacts").iterdir()):
        shutil.copyfile(path, output / "boot" / path.name)
    compression = recipe.compression.squashfs.of(job.release)
    names = known_names.collect(tree)
    found = describe_contents(job, recipe, tree, output)
    jobs.begin(f"squash ({compression})")
    target = output / "dom0.squashfs"

    def follow(line: str) -> None:
        fraction = percent(line)
        if fraction is not None:
            jobs.progress(fraction, "compressing")

    with (output.parent / "squash.log").open("w") as log, without_mounts(tree) as bare:
        command = squash_command(bare, target, compression)
        stream(command, log=log, on_line=follow, env={"SOURCE_DATE_EPOCH": str(job.epoch)}, terminal=True)
    jobs.end()
    # The cached initramfs stays without it: it fits many images.
    cpio.append(output / "initrd.img", cpio.archive({initramfs_checksums.NAME: initramfs_checksums.sums(output)}, job.epoch))
    value = manifest.build(
        version=job.version,
        image_id=job.image_id,
        suite=recipe.debian.suite,
        architecture=recipe.debian.architecture,
        epoch=job.epoch,
        compression=compression,
        recipe_sha256=job.recipe_sha256,
        dom0_memory_mib=recipe.dom0.memory_mib,
        toolstack=recipe.dom0.toolstack,
        kernel=kernel.name.removeprefix("vmlinuz-"),
        contents=found,
        commit=job.commit,
        files=manifest.describe(output),
        names=names,
    )
    write_json(output / "manifest.json", value)
    empty(tree)


def describe_contents(job: jobs.Job, recipe: Recipe, tree: Path, output: Path) -> Contents:
    """Read what the tree contains, and write the SBOM into the tree and into the image folder."""
    jobs.begin("list the contents")
    lists = Cache(Path(job.cache)).lists(recipe)
    found = collect(tree, lists)
    boot_files = {f"boot/{path.name}": sha256_file(path) for path in (output / "boot").iterdir()}
    names = {"version": job.version, "image_id": job.image_id, "suite": recipe.debian.suite}
    write_atomic(output / cyclonedx.NAME, write_sbom(found, tree, lists, boot_files, epoch=job.epoch, **names))
    jobs.end()
    return found


def empty(tree: Path) -> None:
    """Leave of the tree only what diskimage-builder's last steps touch: resolv.conf, log folder, mount points."""
    for folder, keep in ((tree, {"etc", "var", "root", *MOUNTED}), (tree / "var", {"log"})):
        for entry in folder.iterdir():
            if entry.name in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                remove_tree(entry)
            else:
                entry.unlink()


if __name__ == "__main__":
    try:
        export(jobs.current(), Path(sys.argv[1]))
    except UserError as error:
        sys.exit(str(error))
