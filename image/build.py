"""Builds the image: check, decide what is needed, let diskimage-builder work, keep the result.

The top function reads as the recipe; everything it decides comes from the keys in :mod:`image.cache_keys`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dom0kit import __version__
from dom0kit.errors import UserError
from dom0kit.events import Reporter, Step
from dom0kit.fs import sha256_file, write_json
from dom0kit.process import CommandFailed, stream
from image import apt, build_job, cache_keys, verified_cache
from image.dib_log import Diagnosis
from image.recipe import Recipe, load
from image.signing.keys import write_keys
from image.signing.signer import MANIFEST, SIGNATURE, Signer, sign_manifest, signer_of
from image.work_dir import clear, in_namespaces, remove_tree, sole_builder, sole_downloader

ELEMENTS = ("dom0-base", "dom0-live", "dom0-xen", "dom0-drivers", "dom0-san", "dom0-toolstack", "dom0-host",
            "dom0-firstboot", "dom0-upgrade", "dom0-boot", "dom0-export")  # fmt: skip

KEYS = "keys"
"""The folder of the image's public keys in the work folder."""
DISK_IMAGE_CREATE = "import sys; from diskimage_builder.disk_image_create import main; sys.argv[0] = 'disk-image-create'; main()"
"""diskimage-builder's command, as its own script in bin/ calls it: that script is not everywhere next to the interpreter."""


@dataclass(frozen=True)
class Options:
    """How to build.

    :ivar output: the image folder to make.
    :ivar work: where caches of trees, logs and temporary files go.
    :ivar cache: the folder of Debian packages that checkouts share.
    :ivar signatures: the folder of earlier signatures; None for one in the work folder.
    """

    recipe: Path
    output: Path
    work: Path
    cache: Path
    release: bool = False
    refresh: bool = False
    force: bool = False
    signatures: Path | None = None

    @property
    def signed(self) -> Path:
        """Return the folder of earlier signatures."""
        return self.signatures or self.work / "signatures"


def find_builds_signer(options: Options) -> Signer:
    """Return how a build signs; the development key is made when it is needed and missing.

    :raises UserError: when a key of the recipe is missing.
    """
    signer = signer_of(options.recipe, make=True)
    assert signer is not None
    return signer


def build(options: Options, reporter: Reporter, signer: Signer | None = None) -> dict[str, object]:
    """Make the image folder, or find that it is there already; its manifest is signed.

    :param signer: see :func:`find_builds_signer`, which is used when it is None.
    :returns: the manifest.
    :raises UserError: a mistake in the recipe, an unreachable mirror, or a failed hook, with the log's place.
    """
    signer = signer or find_builds_signer(options)
    if signer.development:
        reporter.emit("note", text=signer.sentence())
    made = make_image(options, reporter, signer)

    def warn(text: str) -> None:
        reporter.emit("note", text=f"warning: {text}")

    sign_manifest(signer, options.output, options.signed, warn)
    return made


def make_image(options: Options, reporter: Reporter, signer: Signer) -> dict[str, object]:
    """Make the image folder, or find that it is there already; see :func:`build`."""
    recipe = load(options.recipe)
    text = options.recipe.read_text()
    cache = apt.Cache(options.cache)
    lists = apt.fetch_lists(cache, recipe, reporter, refresh=options.refresh)
    base = cache_keys.base_key(recipe, apt.releases(lists))
    image_id = cache_keys.image_key(base, recipe, release=options.release, version=__version__, keys=signer.keys_hash())
    commit = cache_keys.commit()
    if not options.force and (manifest := current(options.output, image_id)):
        reporter.emit("note", text=f"image {image_id} is up to date")
        return name_commit(options.output, manifest, commit)
    task = build_job.Job(
        recipe=str(options.recipe.resolve()),
        cache=str(options.cache),
        output=str(options.output.resolve().with_name(options.output.name + ".new")),
        base=str(options.work.resolve() / f"base-{base}.tar"),
        initramfs_cache=str(
            options.work.resolve() / f"initrd-{cache_keys.initramfs_key(base, recipe, release=options.release)}.img"
        ),
        epoch=apt.epoch(lists),
        release=options.release,
        image_id=image_id,
        version=__version__,
        recipe_sha256=hashlib.sha256(text.encode()).hexdigest(),
        commit=commit,
    )
    options.work.mkdir(parents=True, exist_ok=True)
    if not Path(task.base).exists():
        with reporter.step("check package names"):
            apt.check_names(cache, recipe, text, str(options.recipe))
    kept = (Path(task.base), Path(task.initramfs_cache))
    with sole_builder(options.work) as lock:
        clear(options.work / "tmp")
        write_keys(signer.keys, options.work / KEYS)
        verify_kept(cache, lists, kept, reporter)
        remove_tree(Path(task.output))
        Path(task.output).mkdir(parents=True)
        try:
            run_builder(task, recipe, options.work, reporter, lock)
        finally:
            clear(options.work / "tmp")
        for path in kept:
            if path.exists() and not verified_cache.sum_path(path).exists():
                verified_cache.seal(path)
        replace(Path(task.output), options.output)
        forget_old(options.work, {task.base, task.initramfs_cache})
    made = current(options.output, image_id)
    if made is None:
        raise UserError(f"the build left no manifest in {options.output}", f"see {options.work}/image.log")
    return made


def verify_kept(cache: apt.Cache, lists: Path, kept: Sequence[Path], reporter: Reporter) -> None:
    """Remove what earlier builds have kept and is not what they made: cached trees, and packages when they will be used.

    :raises UserError: when the package lists are damaged.
    """
    with reporter.step("verify what earlier builds kept"):
        for path in kept:
            if path.exists() and not verified_cache.is_whole(path):
                reporter.emit("note", text=f"{path} is not what a finished build made; it is made again")
                verified_cache.drop(path)
        if not kept[0].exists():
            verified_cache.drop(kept[0])
            with sole_downloader(cache.folder):
                for name in verified_cache.drop_damaged(cache.archives, verified_cache.expected_sums(lists)):
                    reporter.emit("note", text=f"the cached package {name} was damaged; it is fetched again")


def current(output: Path, image_id: str) -> dict[str, object] | None:
    """Return the manifest of the image in a folder if its key matches and its files have their sizes and checksums."""
    try:
        manifest = json.loads((output / MANIFEST).read_text())
        files = manifest["files"].items()
        if manifest.get("id") != image_id or any((output / name).stat().st_size != entry["size"] for name, entry in files):
            return None
        same = all(sha256_file(output / name) == entry["sha256"] for name, entry in files)
    except (OSError, ValueError, KeyError):
        return None
    return manifest if same else None


def name_commit(output: Path, manifest: dict[str, object], commit: str) -> dict[str, object]:
    """Let the manifest of an image that is up to date name another commit: what was changed is committed now, for example.

    The image stays. A signature of the old manifest goes.

    :returns: the manifest.
    """
    if not commit or manifest.get("commit") == commit:
        return manifest
    (output / SIGNATURE).unlink(missing_ok=True)
    renewed = manifest | {"commit": commit}
    write_json(output / MANIFEST, renewed)
    return renewed


def environment(task: build_job.Job, job_file: Path, recipe: Recipe, work: Path) -> dict[str, str]:
    """Return the environment variables that diskimage-builder and the hooks read."""
    project = str(cache_keys.PROJECT)
    return {
        build_job.VARIABLE: str(job_file),
        "DOM0KIT_SOURCE": project,
        "DOM0KIT_PYTHON": sys.executable,
        "DOM0KIT_ID": task.image_id,
        "DOM0KIT_VERSION": task.version,
        "DOM0KIT_RELEASE": "1" if task.release else "0",
        "DOM0KIT_TOOLSTACK": recipe.dom0.toolstack,
        "DOM0KIT_SOURCES": recipe.image_sources(),
        "DOM0KIT_APT_KEYS": "".join(f"{source.key} {source.keyring}\n" for source in recipe.apt),
        "DOM0KIT_KEYS": str(work.resolve() / KEYS),
        "DOM0KIT_FIRMWARE_KEEP": "\n".join(recipe.firmware.keep),
        "DOM0KIT_DRIVERS_DROP": "\n".join(recipe.drivers.drop),
        "DOM0KIT_INITRAMFS_COMPRESSION": recipe.compression.initramfs.of(task.release),
        "PYTHONPATH": project,
        "PYTHONDONTWRITEBYTECODE": "1",
        # Element and package order come from unordered sets inside diskimage-builder.
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(task.epoch),
        "ELEMENTS_PATH": f"{project}/image/elements",
        "TMP_DIR": str(work / "tmp"),
        "DIB_IMAGE_SIZE": "0.2",
        "DIB_JOURNAL_SIZE": "4",
        "PATH": f"{project}/image/bin:{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def run_builder(task: build_job.Job, recipe: Recipe, work: Path, reporter: Reporter, lock: int) -> None:
    """Run diskimage-builder over the elements; steps that the hooks announce appear as steps of the build.

    :param lock: the work folder's lock, which the builder's processes hold as well.
    """
    job_file = work / "job.json"
    build_job.save(task, job_file)
    log_path = work / "image.log"
    command = [sys.executable, "-c", DISK_IMAGE_CREATE, "-n", "-u", "-t", "none",
               "-o", str(work / "tmp" / "unused"), *ELEMENTS]  # fmt: skip
    steps, diagnosis = _Steps(reporter), Diagnosis()

    def follow(line: str) -> None:
        steps(line)
        diagnosis(line)

    with log_path.open("w") as log:
        try:
            stream(
                in_namespaces(command),
                log=log,
                on_line=follow,
                env=environment(task, job_file, recipe, work),
                cwd=cache_keys.PROJECT,
                keep_open=(lock,),
            )
        except CommandFailed as error:
            raise UserError(diagnosis.sentence(), f"the whole log is {log_path}") from error
        finally:
            steps.close(failed=sys.exc_info()[0] is not None)


class _Steps:
    """Translate the hooks' marked lines into steps; the time between two steps counts as ``elements``."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._name = ""
        self._start = 0.0
        self._step: Step | None = None
        self._open("elements")

    def _open(self, name: str) -> None:
        self._name, self._start = name, time.monotonic()
        self._reporter.emit("step", name=name, state="started")
        self._step = Step(self._reporter, name)

    def close(self, *, failed: bool = False) -> None:
        seconds = time.monotonic() - self._start
        if failed:
            self._reporter.emit("step", name=self._name, state="failed", seconds=round(seconds, 2))
            return
        known = dict(self._reporter.times)
        known[self._name] = known.get(self._name, 0.0) + seconds
        self._reporter.times[:] = list(known.items())
        if self._name != "elements" or seconds > 1:
            self._reporter.emit("step", name=self._name, state="finished", seconds=round(seconds, 2))

    def __call__(self, line: str) -> None:
        mark = build_job.marked(line)
        if mark is None:
            return
        kind, rest = mark
        if kind == "begin":
            self.close()
            self._open(rest)
        elif kind == "end":
            self.close()
            self._open("elements")
        elif self._step:
            fraction, _, text = rest.partition(" ")
            self._step.progress(float(fraction), text)


def replace(new: Path, target: Path) -> None:
    """Replace the old folder by a finished one."""
    old = target.with_name(target.name + ".old")
    remove_tree(old)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    remove_tree(old)


def forget_old(work: Path, keep: set[str]) -> None:
    """Keep the two newest cached trees and initramfs images in addition to those just used; each has most of a gigabyte."""
    for pattern in ("base-*.tar", "initrd-*.img"):
        found = sorted(work.glob(pattern), key=lambda p: p.stat().st_mtime, reverse=True)
        for path in found[2:]:
            if str(path) not in keep:
                verified_cache.drop(path)
