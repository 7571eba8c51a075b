"""Prepare a host's state for another image: once dry when the image is staged, once as the last act before the restart."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sync_folder, write_json
from dom0kit.process import COMMAND_SECONDS, CommandFailed
from installer.command_log import Commands
from installer.model.image_manifest import Manifest, read_manifest
from upgrade.state import apply, facts, host_part, libraries, package_files, shared
from upgrade.state.package_files import PackageFacts
from upgrade.state.plan import Plan, make_plan

COMMON = "common"
MARKER = "installed.json"
"""Without it the initramfs does not boot a state: it is removed first and written last."""
TRIES = 3
"""Attempts while the host goes on changing its files."""
MOUNTS = Path("/proc/self/mounts")


@dataclass(frozen=True)
class ImageRoots:
    """An image of the host.

    :param name: its folder below ``images/`` and ``state/`` of the system partition.
    :param root: where its squashfs is mounted, read-only and without an overlay.
    """

    name: str
    root: Path


@dataclass(frozen=True)
class Report:
    """What becomes of the host's state.

    :param packages: those that were changed by hand.
    :param problems: why the host cannot change to the image, each as a sentence; empty when it can.
    :param size: bytes that are copied.
    """

    plan: Plan
    packages: PackageFacts
    problems: tuple[str, ...]
    size: int


@contextmanager
def mounted(image: Path, folder: Path, commands: Commands) -> Iterator[Path]:
    """Mount the squashfs of an image's folder read-only, and unmount it at the end.

    :param image: folder with ``dom0.squashfs``; ``folder``: an empty one, which is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    commands(["mount", "-t", "squashfs", "-o", "ro,loop", image / "dom0.squashfs", folder])
    try:
        yield folder
    finally:
        commands(["umount", folder])


def prepare(system: Path, old: ImageRoots, new: ImageRoots, commands: Commands, *, dry: bool = False) -> Report:
    """Make ``state/NAME/upper`` of the new image from the old image's, whole or not at all.

    Call it dry to see what would happen; then once more when services that write state have stopped. After a power cut at any
    moment the old state is untouched, and the new one does not boot before it is complete; it is made again by the next call.

    The caller freezes the file system afterwards, for the initramfs in ``images/NAME`` may be a new file.

    :param system: mount point of the system partition, writable.
    :param dry: change nothing; problems are in the report.
    :raises UserError: with all problems, when it is not dry; or when the disk is full or fails.
    """
    _check_names(system, old, new)
    for attempt in range(TRIES):
        try:
            return _prepare(system, old, new, commands, dry=dry)
        except (apply.Changed, FileNotFoundError) as change:
            commands.note(f"attempt {attempt + 1}: the host changed {change} meanwhile")
            last = change
    raise UserError(f"the host's files change while they are copied: {last}", "stop what writes there, and start again") from last


def _prepare(system: Path, old: ImageRoots, new: ImageRoots, commands: Commands, *, dry: bool) -> Report:
    """Collect, decide, act.

    :raises apply.Changed: when the host's files change meanwhile, as FileNotFoundError.
    """
    state = system / "state"
    packages = package_files.collect(state / old.name, old.root, new.root, commands)
    found = facts.collect(state / old.name / "upper", old.root, new.root, state / COMMON)
    plan = make_plan(replace(found, reinstalled=packages.lists))
    problems = (*plan.problems, *package_files.problems(packages, new.root), *apply.space_problems(plan, system))
    report = Report(plan, packages, problems, plan.size)
    if dry:
        return report
    if problems:
        raise UserError(
            "the host's state cannot be taken to the new image:\n" + "\n".join(f"- {text}" for text in problems),
            "see all changes: dom0ctl image diff",
        )
    _build(system, old, new, commands, report=report, manifest=read_manifest(system / "images" / new.name))
    return report


def _check_names(system: Path, old: ImageRoots, new: ImageRoots) -> None:
    """Refuse to change the state of an image that runs.

    :raises UserError: when the new image is the old one, or its overlay is mounted.
    """
    upper = system / "state" / new.name / "upper"
    if old.name == new.name or f"upperdir={upper}," in MOUNTS.read_text():
        raise UserError(f"the image {new.name} runs on this host", "choose another image: dom0ctl image list")


def _build(system: Path, old: ImageRoots, new: ImageRoots, commands: Commands, *, report: Report, manifest: Manifest) -> None:
    """Make the new state; the marker makes it valid at the end."""
    state, old_state = system / "state" / new.name, system / "state" / old.name
    state.mkdir(exist_ok=True)
    (state / MARKER).unlink(missing_ok=True)
    sync_folder(state)
    made, before = state / ".upper.new", state / ".upper.old"
    try:
        for leftover in (made, before):
            apply.remove_tree(leftover)
        apply.build(report.plan, old_state / "upper", new.root, made)
        shared.add_folders(system / "state" / COMMON, new.root)
        _sync(system, commands)
        if (state / "upper").is_dir():
            os.rename(state / "upper", before)
        os.rename(made, state / "upper")
        for folder in (state / "work", state / "packages", before):
            apply.remove_tree(folder)
        (state / "work").mkdir()
        (state / host_part.RECORD).unlink(missing_ok=True)
        package_files.install(report.packages, new.name, new.root, system, commands)
        libraries.renew_cache(report.plan, new.root, state, commands)
        host_part.append(system, manifest, new.root, old_state)
        _sync(system, commands)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UserError(
            f"the host's state cannot be copied: {error.strerror}: {error.filename}", "check the system partition: df, dmesg"
        ) from error
    write_json(state / MARKER, _marker(old_state, manifest))
    sync_folder(state.parent)


def _sync(system: Path, commands: Commands) -> None:
    """Make everything on the system partition durable (syncfs(2)).

    :raises UserError: when the disk fails.
    """
    try:
        commands(["sync", "--file-system", system], timeout=COMMAND_SECONDS)
    except CommandFailed as error:
        raise UserError(f"the system partition cannot be written: {error.message}", "check the disk: dmesg") from error


def _marker(old_state: Path, manifest: Manifest) -> dict[str, object]:
    """Return the completion marker: that of the installation, with the new image."""
    try:
        value = json.loads((old_state / MARKER).read_text())
    except (OSError, ValueError):
        value = {}
    marker = dict(value) if isinstance(value, dict) else {"format": 1}
    return {**marker, "product": manifest.product, "version": manifest.version, "id": manifest.id}
