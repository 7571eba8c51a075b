"""A host on the disks: what is known of it before anything is mounted, which one is meant, what prevents a task (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from answerfiles.model import HostTask
from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from dom0kit.refusals import Refusal
from installer.model.disk_content import MD
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import Manifest
from installer.model.installation import Installation
from installer.model.partition_layout import SYSTEM, partition_path
from installer.selection.disks import mismatch
from upgrade.outside import refusals
from upgrade.store.compatibility import describe

MODES = {"bios": "BIOS", "uefi": "UEFI"}


@dataclass(frozen=True)
class FoundImage:
    """An image on a host's system partition.

    :param name: its folder's name.
    :param manifest: None when it is missing or damaged.
    :param installed: whether the host has a complete state for it.
    :param task: what made the state from outside, see :func:`upgrade.outside.work.digest`; "" for nothing.
    """

    name: str
    manifest: Manifest | None = None
    installed: bool = False
    task: str = ""


@dataclass(frozen=True)
class Details:
    """What the file systems of a host say.

    :param choice: the newest copy of the choice that is for this system; None without one.
    :param failed: reasons of images that were tried and failed, by name.
    :param unhealthy: required checks that failed in the last report of the confirmed image; None without a report.
    :param free: bytes that are free on the system partition.
    :param returned: the last return that was carried out from outside, see :func:`upgrade.outside.work.digest`; "" for none.
    """

    images: tuple[FoundImage, ...] = ()
    choice: Choice | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    unhealthy: tuple[str, ...] | None = None
    free: int = 0
    returned: str = ""


@dataclass(frozen=True)
class FoundHost:
    """A host on the disks.

    :param system: UUID of its system partition.
    :param disks: the disk, or those of its mirror that are connected.
    :param array: UUID of the mirror of its system; "" on a single disk.
    :param names: its name when it was installed, and now.
    :param firmware: ``bios`` or ``uefi``, with which it was installed; "" if not recorded.
    """

    system: str
    disks: tuple[Disk, ...]
    array: str = ""
    names: tuple[str, ...] = ()
    firmware: str = ""
    details: Details = Details()

    @property
    def name(self) -> str:
        """Return its name now."""
        return self.names[-1] if self.names else "a host without a name"

    @property
    def disk(self) -> Disk:
        """Return its first disk."""
        return self.disks[0]

    @property
    def confirmed(self) -> FoundImage | None:
        """Return the image that it starts: the confirmed one, or without a choice the only one that is installed."""
        if (choice := self.details.choice) is not None:
            return next((image for image in self.details.images if image.name == choice.image), None)
        installed = [image for image in self.details.images if image.installed]
        return installed[0] if len(installed) == 1 else None

    @property
    def failed(self) -> dict[str, str]:
        """Return why images failed: as the host has recorded it, and the last try when the host has not run since."""
        found = dict(self.details.failed)
        choice = self.details.choice
        if choice is not None and choice.trial not in ("", choice.image, *found) and choice.left == 0:
            found[choice.trial] = "its last try did not end with a confirmation"
        return found

    def paths(self) -> str:
        """Return the paths of its disks."""
        return " and ".join(disk.path for disk in self.disks)

    def describe(self) -> str:
        """Return the host in a few words."""
        image = self.confirmed
        version = describe(image.manifest) if image is not None and image.manifest is not None else "version unknown"
        return f"{self.name} ({version}) on {self.paths()}"

    def describe_health(self) -> str:
        """Return how the host was when it last checked itself."""
        words = []
        if (choice := self.details.choice) is not None and choice.left and choice.trial:
            words.append(f"{choice.trial} is to be tried at its next start")
        words += [f"{name} failed: {reason}" for name, reason in self.failed.items()]
        if self.details.unhealthy is None:
            words.append("it has not checked itself yet")
        else:
            words.append(f"unhealthy: {'; '.join(self.details.unhealthy)}" if self.details.unhealthy else "healthy")
        return "; ".join(words)


def group(facts: Facts) -> list[FoundHost]:
    """Return the hosts on the disks: an installation for each, whatever the number of its images and disks is.

    Disks of one mirror are one host. Another disk with the same system is a copy, and a host of its own.
    """
    disks = {disk.path: disk for disk in facts.disks}
    members: dict[tuple[str, str], list[Installation]] = {}
    for found in facts.installations:
        array = array_of(disks[found.disk]) if found.disk in disks else ""
        members.setdefault((found.system, array or found.disk), []).append(found)
    hosts = []
    for (system, _), installations in members.items():
        newest = max(installations, key=lambda found: found.installed)
        paths = dict.fromkeys(found.disk for found in installations if found.disk in disks)
        names = tuple(dict.fromkeys(name for found in installations for name in found.names))
        if paths:
            mine = tuple(disks[path] for path in paths)
            hosts.append(FoundHost(system, mine, array_of(mine[0]), names, newest.firmware))
    return hosts


def array_of(disk: Disk) -> str:
    """Return the UUID of the mirror that a disk's system partition is a member of; "" without one."""
    path = partition_path(disk.path, SYSTEM)
    return next((content.uuid for content in disk.found if content.device == path and content.kind == MD), "")


def md_uuid(text: str) -> str:
    """Return the UUID of an array in mdadm's format."""
    plain = uuid.UUID(text).hex if "-" in text else text.replace(":", "")
    return ":".join(plain[place : place + 8] for place in range(0, 32, 8))


def fits(host: FoundHost, task: HostTask) -> bool:
    """Return whether a host is the one that a task means."""
    if task.host_name is not None and task.host_name.lower() not in (name.lower() for name in host.names):
        return False
    if task.system is not None and task.system != host.system:
        return False
    rules = task.target.selectors() if task.target is not None else ()
    return not rules or any(not mismatch(disk, rule) for disk in host.disks for rule in rules)


def choose(hosts: Sequence[FoundHost], task: HostTask) -> FoundHost:
    """Return the host that a task means.

    :raises UserError: when there is none, or more than one.
    """
    fitting = [host for host in hosts if fits(host, task)]
    if len(fitting) == 1:
        return fitting[0]
    lines = "".join(f"\n  {host.describe()}, system {host.system or 'unknown'}" for host in hosts)
    if not fitting:
        refusal, text = refusals.HOST_NOT_FOUND, "no host on the disks is meant" if hosts else "no host is on the disks"
    else:
        refusal, text = refusals.HOST_AMBIGUOUS, f"{len(fitting)} hosts on the disks could be meant"
    raise refusal.error(f"{text}{':' if lines else ''}{lines}")


def obstacle(host: FoundHost, firmware: str) -> UserError | None:
    """Return why nothing can be done with a host from outside; None when something can.

    :param firmware: ``bios`` or ``uefi``: how this system was started.
    """
    for refusal, text in _obstacles(host, firmware):
        return refusal.error(f"{host.describe()}: {text}")
    return None


def _obstacles(host: FoundHost, firmware: str) -> list[tuple[Refusal, str]]:
    found = []
    used = [mount for disk in host.disks for mount in disk.mounts]
    if any(disk.is_medium for disk in host.disks) or used:
        found.append((refusals.HOST_IN_USE, f"it is mounted on {', '.join(used)}" if used else "this system runs from it"))
    images = host.details.images
    old = [image.manifest for image in images if image.manifest is not None and image.manifest.name != image.name]
    if old and host.details.choice is None:
        found.append((refusals.HOST_OLD_LAYOUT, f"it was installed by dom0kit {old[0].version}, which keeps one image"))
    if host.firmware in MODES and host.firmware != firmware:
        text = f"it was installed in {MODES[host.firmware]} mode, this system was started in {MODES[firmware]} mode"
        found.append((refusals.HOST_OTHER_FIRMWARE, text))
    image = host.confirmed
    if image is None:
        found.append((refusals.HOST_DAMAGED, "it does not say which image it starts, or that image is not there"))
    elif image.manifest is None or not image.installed:
        what = "manifest" if image.manifest is None else "completion marker"
        found.append((refusals.HOST_DAMAGED, f"the {what} of its image {image.name} is missing or damaged"))
    return found
