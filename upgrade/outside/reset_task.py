"""Return a host to its answers, from outside: a new state for the image that it starts; images and guests stay.

The new state is made next to the old one, and both change names in one step: a power cut leaves either.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

from answerfiles.model import Answers, HostTask, load_host
from dom0kit.fs import exchange, sync_folder, write_json
from dom0kit.linux import host_initramfs
from dom0kit.process import COMMAND_SECONDS
from firstboot.host import HOST_JSON
from installer.session import Session
from upgrade.outside import boot_files, refusals
from upgrade.outside.found_host import FoundHost
from upgrade.outside.opened_host import OpenedHost, opened
from upgrade.outside.work import Outcome, Work, begin, digest, done_before
from upgrade.state.apply import copy, give, remove_tree
from upgrade.state.facts import node
from upgrade.state.prepare import MARKER
from upgrade.state.rules import DISKS_AND_PATHS
from upgrade.trial import changes

KEPT = (
    HOST_JSON,
    "etc/dom0kit/iscsi",
    "etc/machine-id",
    "etc/ssh/ssh_host_*",
    "etc/iscsi",
    "etc/nvme",
    *DISKS_AND_PATHS,
)
"""What an installation has written, the host's identity, and how it finds its disks, as patterns of ``Path.glob``."""
POOL = ("var/lib/ganeti/config.data", "var/lib/ganeti/ssconf_master_node")
"""Files of a member of a Ganeti pool, below ``state/common`` or in the overlay."""
PACKAGES = "packages.json"


def prepare(task: HostTask, host: FoundHost, session: Session) -> Work:
    """Decide how to make the state of a host again.

    :raises UserError: when that was done before.
    """
    mine = digest(task, session.order)
    confirmed = host.confirmed
    assert confirmed is not None
    if not session.confirmed and confirmed.task == mine:
        raise done_before(host)
    return Work(
        title=f"make the state of {host.name} again from its answers, with the image {confirmed.name}",
        does=(
            "first boot runs again, as after an installation",
            "accounts, packages, settings and files that were added or changed by hand are lost",
            "repair boot files that are damaged",
        ),
        keeps=(
            "the host's answers, its keys and names by which others know it",
            "all images, and the states of other images",
            "the guests' volumes, which are not opened; guests' configurations, saved guests and logs, which all images share",
        ),
        run=partial(reset, host, mine),
        steps=("check the host's state", "check the boot files", "make the host's state again"),
    )


def reset(host: FoundHost, mine: str, session: Session) -> Outcome:
    """Make the state of a host again.

    :raises UserError: when it cannot be made; the old one is as before then.
    """
    with opened(host, session.commands, squashfs=False) as here:
        with session.reporter.step("check the host's state"):
            check(here)
        warnings = begin(host.name, host.paths(), session)
        here.make_writable()
        with session.reporter.step("check the boot files"):
            warnings += [f"repaired: {text}" for text in boot_files.repair(here)]
        with session.reporter.step("make the host's state again"):
            make_again(here.system, here.running, mine)
            session.commands(["sync", "--file-system", here.system], timeout=COMMAND_SECONDS)
            # A try that was armed would take the old state's place.
            if (choice := here.store.read_choice()) is not None and choice.trial:
                warnings += changes.leave(here.store, here.store.find(here.running))
    return Outcome(f"{host.name} starts as after its installation, with the image {here.running}", True, warnings)


def check(here: OpenedHost) -> None:
    """Check that the state can be made again.

    :raises UserError: when the answers cannot be read, or the host would not be what it was.
    """
    answers = read_answers(here.state / "upper" / HOST_JSON)
    found = [name for name in POOL for root in (here.system / "state/common", here.state / "upper") if (root / name).exists()]
    pool = answers.pool
    if found or pool.create is not None or pool.join is not None or pool.toolstack == "xapi":
        raise refusals.HOST_IN_POOL.error(f"{here.host.name} belongs to a pool, or is to create or join one")
    if packages_of(here.state):
        raise refusals.HOST_HAS_PACKAGES.error(f"{here.host.name} has additional packages: {packages_of(here.state)}")


def read_answers(path: Path) -> Answers:
    """Return the answers of a host.

    :raises UserError: when they are missing or damaged.
    """
    try:
        return load_host(path)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not valid"
        raise refusals.HOST_DAMAGED.error(f"the host's answers {path} cannot be read: {said}") from error


def packages_of(state: Path) -> str:
    """Return the names of packages that an installation has added; "" for none."""
    try:
        value = json.loads((state / PACKAGES).read_text())["packages"]
        return ", ".join(str(package["name"]) for package in value)
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "a list that cannot be read"


def make_again(system: Path, name: str, mine: str) -> None:
    """Make the state of an image again, whole or not at all.

    :param system: mount point of the system partition, writable.
    :param name: of the image; ``mine`` is written into the marker, so that it is done once.
    """
    old, new = system / "state" / name, system / "state" / f".{name}.new"
    remove_tree(new)
    upper = new / "upper"
    (new / "work").mkdir(parents=True)
    upper.mkdir()
    give(upper, node(old / "upper"), (old / "upper").lstat())
    for pattern in KEPT:
        for source in sorted((old / "upper").glob(pattern)):
            keep(source, old / "upper", upper)
    if (old / host_initramfs.RECORD).is_file():
        shutil.copy2(old / host_initramfs.RECORD, new / host_initramfs.RECORD)
    marker = json.loads((old / MARKER).read_text())
    write_json(new / MARKER, {**marker, "task": mine})
    os.sync()
    exchange(old, new)
    sync_folder(old.parent)
    remove_tree(new)


def keep(source: Path, old: Path, new: Path) -> None:
    """Copy a file or folder of the old overlay, with the folders above it, to the new one."""
    parts = source.relative_to(old).parts
    for depth in range(1, len(parts)):
        above = Path(*parts[:depth])
        if not (new / above).exists():
            (new / above).mkdir()
            give(new / above, node(old / above), (old / above).lstat())
    target = new / source.relative_to(old)
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
        for inner in sorted(source.iterdir()):
            keep(inner, old, new)
        give(target, node(source), source.lstat())
    else:
        copy(source, target, {})
