"""Tasks for a host that is on the disks: decided and checked first, then carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from answerfiles.model import DiskSelector, HostDisks, HostTask
from dom0kit.errors import UserError
from installer.host_tasks import Done, HostTasks, Offer, Prepared
from installer.model.hardware import Facts
from installer.model.image_manifest import read_manifest
from installer.session import Session
from upgrade.outside import reset_task, rollback_task, upgrade_task
from upgrade.outside.found_host import FoundHost, choose, obstacle
from upgrade.outside.read_host import find_hosts
from upgrade.outside.work import Work

Task = Callable[[HostTask, FoundHost, Session], Work]
TASKS: dict[str, Task] = {"upgrade": upgrade_task.prepare, "rollback": rollback_task.prepare, "reset": reset_task.prepare}


def prepare(task: HostTask, facts: Facts, session: Session) -> Prepared:
    """Find the host that a task means, and check the task; see :data:`installer.host_tasks.Prepare`.

    :raises UserError: when it cannot be done, with the first reason.
    """
    return prepare_for(choose(find_hosts(facts), task), task, facts, session)


def prepare_for(host: FoundHost, task: HostTask, facts: Facts, session: Session) -> PreparedTask:
    """Check a task for a host that was found.

    :raises UserError: when it cannot be done, with the first reason.
    """
    if (problem := obstacle(host, facts.firmware)) is not None:
        raise problem
    return PreparedTask(host, task, TASKS[task.mode](task, host, session))


def find_offers(facts: Facts, session: Session) -> list[Offer]:
    """Return the hosts that the screens offer to upgrade; see :class:`installer.host_tasks.Offer`."""
    found = []
    for host in find_hosts(facts):
        disk = DiskSelector(path=host.disk.path)
        # Nothing else tells a copy of a disk from its original.
        task = HostTask(version=1, mode="upgrade", system=host.system or None, target=HostDisks(disk=disk))
        try:
            prepared = prepare_for(host, task, facts, session)
        except UserError as error:
            found.append(Offer(host.name, f"Upgrade the host {host.describe()}", str(error), possible=False, task=task))
        else:
            verb = "Repair" if is_repair(host, session) else "Upgrade"
            found.append(Offer(host.name, f"{verb} the host {host.describe()}", prepared.render(), possible=True, task=task))
    return found


def is_repair(host: FoundHost, session: Session) -> bool:
    """Return whether a host has the installer's image already."""
    return host.confirmed is not None and read_manifest(session.image).name == host.confirmed.name


@dataclass(frozen=True)
class PreparedTask:
    """A task that is decided and checked; see :class:`installer.host_tasks.Prepared`."""

    host: FoundHost
    task: HostTask
    work: Work

    @property
    def host_name(self) -> str:
        """Return the host's name."""
        return self.host.name

    @property
    def disk(self) -> str:
        """Return the path of its first disk."""
        return self.host.disk.path

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the titles of the steps in order."""
        return self.work.steps

    def render(self) -> str:
        """Return what is done and what is kept."""
        lines = [
            self.work.title,
            f"now: {self.host.describe()}, system {self.host.system}",
            f"health: {self.host.describe_health()}",
            *(f"does: {line}" for line in self.work.does),
            *(f"keeps: {line}" for line in self.work.keeps),
            f"then {self.task.finish}",
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values."""
        confirmed = self.host.confirmed
        return {
            "mode": self.task.mode,
            "host_name": self.host.name,
            "system": self.host.system,
            "disks": [disk.path for disk in self.host.disks],
            "image": confirmed.name if confirmed is not None else None,
            "health": self.host.describe_health(),
            "title": self.work.title,
            "does": list(self.work.does),
            "keeps": list(self.work.keeps),
            "finish": self.task.finish,
        }

    def carry_out(self, session: Session) -> Done:
        """Do it.

        :raises UserError: when it fails.
        """
        return self.work.run(session)


HOST_TASKS = HostTasks(prepare, find_offers)
