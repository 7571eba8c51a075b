"""Hosts of a pool in a laboratory: installed once, cloned with names and addresses of their own, snapshotted as a pool.

One installation is enough for all: what differs between hosts is /etc/dom0kit/host.json, and every host makes its own
identity at its first boot.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from dom0kit.process import run
from dom0kit.units import GIB
from qa import timeouts
from qa.guest.host_json import SYSTEM, partition
from qa.guest.ssh_access import Ssh
from qa.host_checks import need
from qa.install import answers
from qa.install.answers import DISK_SERIAL
from qa.install.installed_disk import install_from_cd
from qa.lab.lab import Lab
from qa.scenario import Scenario
from qa.stages.cache import Stage
from qa.vm import media
from qa.vm.guest import CommandResult
from qa.vm.machine import Machine
from qa.vm.qemu_args import Drive

DOMAIN = "lab.example.org"
POOL = f"pool.{DOMAIN}"
POOL_ADDRESS = "10.77.0.10"
DISK_SIZE = 40 * GIB
"""Sparse; Ganeti wants a volume group of at least 20 GiB."""
FIRST_BOOT = 2 * timeouts.BOOT
"""A first boot that makes or joins a pool: some minutes more, each."""
JOB = 60 * 60
"""One of Ganeti's commands; emulated, on a busy machine."""
SILENT = 20 * 60
"""Seconds of machine time that a host may be silent and idle: it stands in the pool's queue."""
HOST_JSON = "etc/dom0kit/host.json"
Pool = dict[str, Any]
T = TypeVar("T")


def name(number: int) -> str:
    """A host's name."""
    return f"h{number}.{DOMAIN}"


def mac(number: int) -> str:
    """Its network card."""
    return f"52:54:00:77:01:{number:02x}"


def address(number: int) -> str:
    """Its address, as in the answers."""
    return f"10.77.0.{10 + number}"


def to_create() -> Pool:
    """The pool's part of the first host's answers."""
    return {"toolstack": "ganeti", "create": {"name": POOL, "address": POOL_ADDRESS}}


def to_join(token: str) -> Pool:
    """The same for the other ones."""
    return {"toolstack": "ganeti", "join": {"token": token}}


def host_json(installed: dict[str, Any], number: int, pool: Pool) -> dict[str, Any]:
    """``host.json`` of one host out of that of the installation."""
    value: dict[str, Any] = json.loads(json.dumps(installed))
    value["host_name"] = name(number)
    value["network"]["management"] |= {"mac": mac(number), "ipv4": {"address": f"{address(number)}/24"}, "dns": []}
    # There is no time server in the laboratory: the machines' clocks are the build host's.
    value["pool"] = pool
    return value


def debugfs(disk: Path, *requests: str, write: bool = False) -> str:
    """Requests to debugfs(8) on the system partition of a disk that is not running."""
    start, _ = partition(disk, SYSTEM)
    with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as file:
        file.write("\n".join(requests) + "\n")
        file.flush()
        return run(["debugfs", *(["-w"] if write else []), "-f", file.name, f"{disk}?offset={start}"]).output


def tell(disk: Path, number: int, pool: Pool, work: Path) -> None:
    """Give an installed disk, before its first boot, the answers of one host."""
    versions = re.findall(r"^/\d+/\d+/\d+/\d+/(\d[^/]*)/", debugfs(disk, "ls -p /state"), re.MULTILINE)
    need(len(versions) == 1, f"{disk.name} has the versions {versions}")
    path = f"/state/{versions[0]}/upper/{HOST_JSON}"
    text = debugfs(disk, f"cat {path}")
    beside = work / f"host{number}.json"
    beside.touch(0o600)
    beside.write_text(json.dumps(host_json(json.loads(text[text.index("{") :]), number, pool)))
    debugfs(disk, f"rm {path}", f"write {beside} {path}", f"sif {path} mode 0100600", write=True)
    beside.unlink()


SOURCES = ("pool/pool_hosts.py", "pool/checks.py", "install/installed_disk.py")
DISK, MASTER = "disk.img", "master.qcow2"


class PoolDisks:
    """What the scenarios share, kept between runs: an installed disk, and the pool of one host that was made first.

    :param token: for any number of hosts; known once the pool is there.
    """

    def __init__(self) -> None:
        self.token = ""

    def installed(self, scenario: Scenario) -> Path:
        """An installed disk; the first scenario that asks installs it."""

        def make(folder: Path) -> dict[str, Any]:
            disk = media.blank_disk(folder / DISK, DISK_SIZE)
            text = answers.answers(scenario.settings.credentials)
            return {"steps": install_from_cd(scenario, [Drive(disk, serial=DISK_SERIAL, bootindex=0)], text)}

        return scenario.stage("pool-installed", SOURCES, make).folder / DISK

    def host(self, scenario: Scenario, number: int, pool: Pool) -> Path:
        """The disk of a host before its first boot: an overlay on a copy of its own of the installed disk."""
        raw = scenario.work / f"h{number}.img"
        run(["cp", "--sparse=always", "--reflink=auto", self.installed(scenario), raw])
        tell(raw, number, pool, scenario.work)
        return media.overlay(scenario.work / f"h{number}.qcow2", raw)

    def keep_master(self, scenario: Scenario, disk: Path, token: str, folder: Path) -> dict[str, Any]:
        """Keep the master's disk, which has a snapshot, in a stage's folder, with all that lies behind it."""
        self.token = token
        # The overlay has the snapshot in it and its backing file is the scenario's: both are kept, side by side.
        shutil.move(scenario.work / "h1.img", folder / "h1.img")
        shutil.move(disk, folder / MASTER)
        run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", "h1.img", folder / MASTER])
        return {"token": token}

    def master(self, scenario: Scenario, stage: Stage) -> Path:
        """A copy of the master's disk with the snapshot."""
        self.token = str(stage.data["token"])
        copy = scenario.work / "h1.qcow2"
        shutil.copyfile(stage.folder / MASTER, copy)
        run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", stage.folder / "h1.img", copy])
        return copy


VERIFY_TRIES = 5
NOT_ASKED = re.compile(r"ERROR:ENODE(RPC|HOOKS):.*Connection timed out|job \d+ failed to start: .*Timeout in reading a response")
"""What ``gnt-cluster verify`` says of a host that was late (RPC_CONNECT_TIMEOUT, :mod:`pool.ganeti.add_node`), and of its own
job on a master that was: neither says anything of the pool."""
SNAPSHOT = "pool"


def finished(machine: Machine) -> bool:
    """Is first boot done?"""
    return any((event.get("source"), event.get("event")) == ("firstboot", "finished") for event in machine.events)


@dataclass
class PoolLab:
    """The running hosts of a scenario."""

    scenario: Scenario
    lab: Lab
    machines: dict[int, Machine] = field(default_factory=dict)
    starts: int = 0

    @contextmanager
    def running(self, number: int, disk: Path, *, restore: str = "") -> Iterator[Machine]:
        """A host; ``restore`` is the snapshot to go on from, after which its clock is set."""
        self.starts += 1
        drive = Drive(disk, format="qcow2", serial=DISK_SERIAL, bootindex=0)
        nic = self.lab.nic(mac(number))
        spec = self.scenario.spec(
            f"h{number}-{self.starts}", drives=(drive,), nics=(nic,), netns=self.lab.namespace, reset_ends=False, restore=restore
        )
        # First boot tries again by itself what did not work, as when an emulated host answers too late: what counts is the end.
        with self.scenario.machine(f"h{number}-{self.starts}", spec, expected_failures=("firstboot",)) as machine:
            self.machines[number] = machine
            if restore:
                self.set_clock(number)
            try:
                yield machine
            finally:
                del self.machines[number]

    def ssh(self, number: int) -> Ssh:
        """Commands on a host."""
        return Ssh(self.scenario.settings.credentials, address=address(number), netns=self.lab.namespace)

    def succeed(self, number: int, command: str, *, limit: float = JOB) -> str:
        """Run a command on a host that must succeed and return its output; see :meth:`qa.vm.guest.Guest.succeed`."""
        return self.execute(number, command, limit=limit).ok()

    def execute(self, number: int, command: str, *, limit: float = JOB) -> CommandResult:
        """Run a command on a host and read the lines of all machines meanwhile: a host whose console is not read stops."""
        job: Future[CommandResult] = Future()

        def work() -> None:
            try:
                job.set_result(self.ssh(number).execute(command, limit=limit))
            except BaseException as error:  # it is raised where the result is waited for
                job.set_exception(error)

        Thread(target=work, daemon=True).start()
        while not job.done():
            self.drain()
        return job.result()

    def drain(self) -> None:
        """Read what the machines say: their events and their consoles."""
        for machine in self.machines.values():
            machine.sleep(0.1)

    def wait_until(self, number: int, look: Callable[[], T | None], what: str, *, limit: float) -> T:
        """As :meth:`qa.vm.machine.Machine.wait_until`, and the other hosts' lines are drained as well."""

        def drained() -> T | None:
            for other, machine in self.machines.items():
                if other != number:
                    machine.sleep(0.1)
            return look()

        return self.machines[number].wait_until(drained, what, limit=limit, stall=SILENT)

    def set_clock(self, number: int) -> None:
        """A machine that goes on from a snapshot has the time of it."""
        self.ssh(number).wait_for_login()
        now = run(["date", "+%s"]).output.strip()
        self.succeed(number, f"date --utc --set=@{now}")

    def arrive(self, number: int) -> None:
        """Wait for the end of a host's first boot.

        :raises ScenarioFailed: when it fails.
        """
        machine = self.machines[number]
        with self.scenario.phase(f"first boot of h{number}"):
            self.wait_until(number, lambda: finished(machine), "the end of first boot", limit=FIRST_BOOT)
        if again := [event["error"] for event in machine.events if event.get("event") == "retrying"]:
            self.scenario.notes[f"h{number} tried again after"] = again
        self.ssh(number).wait_for_login()

    def verify(self, hosts: int, *, master: int = 1) -> None:
        """The pool's own verification finds nothing, and it has so many hosts.

        A host that was late for Ganeti's limit was not looked at: that is done again, ``VERIFY_TRIES`` times in all.

        :raises ScenarioFailed: with what it finds.
        """
        for turn in range(VERIFY_TRIES):
            with self.scenario.phase(f"verify {hosts} hosts"):
                said = self.execute(master, "gnt-cluster verify --error-codes")
            self.scenario.keep(f"verify-{hosts}-{self.starts}{f'-{turn}' if turn else ''}.txt", said.output)
            if not NOT_ASKED.search(said.output):
                break
        wrong = [line for line in said.output.splitlines() if re.search(r"\bERROR\b|\bWARNING\b", line)]
        need(said.code == 0 and not wrong, f"gnt-cluster verify finds:\n{said.output}")
        names = self.succeed(master, "gnt-node list --no-headers -o name").split()
        need(len(names) == hosts, f"the pool has {names}")
        self.drain()
