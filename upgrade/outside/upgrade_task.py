"""Upgrade a host from outside: the installer's image next to its own, its state for it, and one try at the next start.

The order is that of an upgrade on the host: the image is whole and visible before the state, and the state before the choice
names it. A power cut at any moment leaves the image booting that the host started before.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from answerfiles.model import HostTask
from dom0kit.errors import UserError
from dom0kit.linux.signatures import KEYS, has_keys, verify
from installer.apply import image_copy
from installer.bootloader.menus import image_entry
from installer.host_tasks import KeptHost
from installer.model.image_manifest import Manifest, read_manifest
from installer.session import Session
from upgrade.health import baseline
from upgrade.health import boot_files as tries
from upgrade.outside import boot_files, refusals, repair_task
from upgrade.outside.found_host import FoundHost
from upgrade.outside.opened_host import OpenedHost, opened
from upgrade.outside.read_host import read_report, was_ok
from upgrade.outside.work import KEPT, Outcome, Work, begin
from upgrade.state.prepare import ImageRoots, mounted
from upgrade.state.prepare import prepare as prepare_state
from upgrade.store.compatibility import FORCE, check_compatible, check_space, describe
from upgrade.store.sources.folder import open_folder
from upgrade.store.sources.source import MANIFEST, Source
from upgrade.store.staging import Stager
from upgrade.trial import changes
from upgrade.trial.changes import SQUASHFS

MEDIUM_HINT = "write the medium again: it is damaged"
FORCED = "set 'force: true' in the answers to upgrade it nevertheless"

STEPS = (
    "check the medium",
    "check the host's state",
    "check the boot files",
    "check the image",
    "copy",
    "read back",
    "make it visible",
    "take the host's state to the new image",
)
"""Titles of the steps, in order; some are those of :mod:`upgrade.store.staging`."""


def prepare(task: HostTask, host: FoundHost, session: Session) -> Work:
    """Decide how to upgrade a host; with the image that it has already, it is repaired.

    :raises UserError: when the host cannot run the image.
    """
    new = read_manifest(session.image)
    confirmed = host.confirmed
    assert confirmed is not None
    assert confirmed.manifest is not None
    if new.name == confirmed.name:
        return repair_task.prepare(host, new)
    try:
        check_compatible(new, confirmed.manifest, host.failed.get(new.name), force=task.force)
    except UserError as error:
        refused = UserError(f"{host.describe()}: {error.message}", FORCED if error.hint == FORCE else error.hint)
        if new.name in host.failed and error.hint == FORCE:
            raise KeptHost(host.name, host.disk.path, refused) from error
        raise refused from error
    if not any(image.name == new.name for image in host.details.images):
        check_space(new.size, host.details.free, [])
    return Work(
        title=f"upgrade {host.name} to {describe(new)}",
        does=(
            f"put the image {new.name} next to {confirmed.name}",
            "repair boot files that are missing or damaged",
            f"try {new.name} once at the next start; unless the host is healthy with it, it returns to {confirmed.name}",
        ),
        keeps=(f"the image {confirmed.name} and its state", *KEPT),
        run=partial(upgrade, host, new, task.force),
        steps=STEPS,
    )


def upgrade(host: FoundHost, new: Manifest, force: bool, session: Session) -> Outcome:
    """Upgrade a host.

    :raises UserError: when it fails; the host starts the image then that it started before.
    """
    with session.reporter.step("check the medium") as step:
        image_copy.verify(session.image, new.files, step, MEDIUM_HINT)
    with opened(host, session.commands) as here:
        with session.reporter.step("check the host's state"):
            source = open_folder(session.image)
            check_signature(here, source)
            check_state(here, new, session.image)
        warnings = begin(host.name, host.paths(), session)
        here.make_writable()
        with session.reporter.step("check the boot files"):
            repaired = boot_files.repair(here)
        Stager(here.store, session.reporter, image_entry, partial(check_signature, here)).stage(source, force=force)
        with session.reporter.step("take the host's state to the new image"):
            arm(here, new.name)
            warnings += changes.carry_out(here.store, new.name, session.commands)
    warnings += [f"repaired: {text}" for text in repaired]
    return Outcome(f"{host.name} tries {new.name} at its next start", True, warnings)


def check_signature(here: OpenedHost, source: Source) -> None:
    """Check that the image is signed by a key that the host accepts; a host without keys accepts what is not signed.

    :raises UserError: when it is not.
    """
    keys = here.root / SQUASHFS / KEYS
    if has_keys(keys):
        verify(source.manifest, source.signature, keys, f"{MANIFEST} of {source.name}")


def check_state(here: OpenedHost, new: Manifest, image: Path) -> None:
    """Check that the host's state can be taken to the image; nothing is written.

    :raises UserError: with all reasons why not.
    """
    with (
        tempfile.TemporaryDirectory(prefix="dom0kit-image-") as folder,
        mounted(image, Path(folder) / "root", here.commands) as root,
    ):
        old = ImageRoots(here.running, here.root / SQUASHFS)
        report = prepare_state(here.system, old, ImageRoots(new.name, root), here.commands, dry=True)
    if report.problems:
        listed = "\n".join(f"- {text}" for text in report.problems)
        raise refusals.HOST_STATE.error(f"the host's state cannot be taken to {new.name}:\n{listed}")


def arm(here: OpenedHost, image: str) -> None:
    """Forget an earlier try of the image, and note what worked at the last health check: the try is compared with it."""
    tries.forget_try(here.root, image)
    changes.forget_failure(here.store, image)
    report = read_report(here.state)
    gateways, pool, xen = (was_ok(report, name) for name in ("reach", "pool", "xen"))
    baseline.write(here.root, baseline.Baseline(image, gateways=gateways, pool=pool, xen=xen))
