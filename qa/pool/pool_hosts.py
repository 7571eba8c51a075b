"""Hosts of a pool in a lab network: installed once, cloned with names and addresses of their own, kept as a pool's snapshot.

One installation serves all hosts: they differ in /etc/dom0kit/host.json, and each makes its own identity at its first boot.
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
from qa.checks.host_checks import need
from qa.guest.host_json import SYSTEM, partition
from qa.guest.ssh_access import Ssh
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
"""Bytes, sparse; Ganeti requires a volume group of at least 20 GiB."""
FIRST_BOOT = 2 * timeouts.BOOT
"""Seconds of machine time for a first boot that makes or joins a pool, which takes minutes longer."""
JOB = 60 * 60
"""Seconds of machine time for one of Ganeti's commands, emulated on a busy machine."""
SILENT = 20 * 60
"""Seconds of machine time for which a host may be silent and idle while it waits in the pool's queue."""
HOST_JSON = "etc/dom0kit/host.json"
Pool = dict[str, Any]
T = TypeVar("T")


def name(number: int) -> str:
    """Return a host's name."""
    return f"h{number}.{DOMAIN}"


def mac(number: int) -> str:
    """Return the MAC address of a host's network card."""
    return f"52:54:00:77:01:{number:02x}"


def address(number: int) -> str:
    """Return a host's address, as in its answers."""
    return f"10.77.0.{10 + number}"


def to_create() -> Pool:
    """Return the pool's part of the first host's answers."""
    return {"toolstack": "ganeti", "create": {"name": POOL, "address": POOL_ADDRESS}}


def to_join(token: str) -> Pool:
    """Return the pool's part of the answers of the other hosts."""
    return {"toolstack": "ganeti", "join": {"token": token}}


def host_json(installed: dict[str, Any], number: int, pool: Pool) -> dict[str, Any]:
    """Derive ``host.json`` of one host from that of the installation."""
    value: dict[str, Any] = json.loads(json.dumps(installed))
    value["host_name"] = name(number)
    value["network"]["management"] |= {"mac": mac(number), "ipv4": {"address": f"{address(number)}/24"}, "dns": []}
    # The lab has no time server: the machines' clocks are the build host's.
    value["pool"] = pool
    return value


def debugfs(disk: Path, *requests: str, write: bool = False) -> str:
    """Run debugfs requests on the system partition of a disk that is not in use; return the output."""
    start, _ = partition(disk, SYSTEM)
    with tempfile.NamedTemporaryFile("w", suffix=".debugfs") as file:
        file.write("\n".join(requests) + "\n")
        file.flush()
        return run(["debugfs", *(["-w"] if write else []), "-f", file.name, f"{disk}?offset={start}"]).output


def write_host_json(disk: Path, number: int, pool: Pool, work: Path) -> None:
    """Replace host.json on an installed disk, before its first boot, by that of one host."""
    versions = re.findall(r"^/\d+/\d+/\d+/\d+/(\d[^/]*)/", debugfs(disk, "ls -p /state"), re.MULTILINE)
    need(len(versions) == 1, f"{disk.name} has the versions {versions}")
    path = f"/state/{versions[0]}/upper/{HOST_JSON}"
    text = debugfs(disk, f"cat {path}")
    copy = work / f"host{number}.json"
    copy.touch(0o600)
    copy.write_text(json.dumps(host_json(json.loads(text[text.index("{") :]), number, pool)))
    debugfs(disk, f"rm {path}", f"write {copy} {path}", f"sif {path} mode 0100600", write=True)
    copy.unlink()


SOURCES = ("pool/pool_hosts.py", "pool/checks.py", "install/installed_disk.py")
DISK, MASTER = "disk.img", "master.qcow2"


class PoolDisks:
    """Disks that several scenarios use, cached between runs: an installed disk, and a pool of one host.

    :ivar token: a join token for any number of hosts; "" until the pool exists.
    """

    def __init__(self) -> None:
        self.token = ""

    def installed(self, scenario: Scenario) -> Path:
        """Return an installed disk; make it when it is not cached."""

        def make(folder: Path) -> dict[str, Any]:
            disk = media.blank_disk(folder / DISK, DISK_SIZE)
            text = answers.answers(scenario.settings.credentials)
            return {"steps": install_from_cd(scenario, [Drive(disk, serial=DISK_SERIAL, bootindex=0)], text)}

        return scenario.stage("pool-installed", SOURCES, make).folder / DISK

    def host(self, scenario: Scenario, number: int, pool: Pool) -> Path:
        """Make the disk of a host before its first boot: an overlay on its own copy of the installed disk."""
        raw = scenario.work / f"h{number}.img"
        run(["cp", "--sparse=always", "--reflink=auto", self.installed(scenario), raw])
        write_host_json(raw, number, pool, scenario.work)
        return media.overlay(scenario.work / f"h{number}.qcow2", raw)

    def keep_master(self, scenario: Scenario, disk: Path, token: str, folder: Path) -> dict[str, Any]:
        """Move the master's disk, which has a snapshot, and its backing file to a stage's folder."""
        self.token = token
        # The overlay holds the snapshot and its backing file belongs to the scenario: both are kept.
        shutil.move(scenario.work / "h1.img", folder / "h1.img")
        shutil.move(disk, folder / MASTER)
        run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", "h1.img", folder / MASTER])
        return {"token": token}

    def master(self, scenario: Scenario, stage: Stage) -> Path:
        """Copy the master's disk with the snapshot."""
        self.token = str(stage.data["token"])
        copy = scenario.work / "h1.qcow2"
        shutil.copyfile(stage.folder / MASTER, copy)
        run(["qemu-img", "rebase", "-u", "-F", "raw", "-b", stage.folder / "h1.img", copy])
        return copy


VERIFY_TRIES = 5
NOT_ASKED = re.compile(r"ERROR:ENODE(RPC|HOOKS):.*Connection timed out|job \d+ failed to start: .*Timeout in reading a response")
"""Messages of ``gnt-cluster verify`` about a host that was late (RPC_CONNECT_TIMEOUT, :mod:`pool.ganeti.add_node`), and about its
own job on a late master: neither is a fault of the pool."""
SNAPSHOT = "pool"


def finished(machine: Machine) -> bool:
    """Return whether first boot has finished."""
    return any((event.get("source"), event.get("event")) == ("firstboot", "finished") for event in machine.events)


@dataclass
class PoolLab:
    """The running hosts of a scenario in its lab network.

    :ivar machines: the running machines by their hosts' numbers.
    :ivar starts: number of machines that were started.
    """

    scenario: Scenario
    lab: Lab
    machines: dict[int, Machine] = field(default_factory=dict)
    starts: int = 0

    @contextmanager
    def running(self, number: int, disk: Path, *, restore: str = "") -> Iterator[Machine]:
        """Start a host's machine for the ``with`` block; ``restore`` is a snapshot to continue from, whose clock is then set."""
        self.starts += 1
        drive = Drive(disk, format="qcow2", serial=DISK_SERIAL, bootindex=0)
        nic = self.lab.nic(mac(number))
        spec = self.scenario.spec(
            f"h{number}-{self.starts}", drives=(drive,), nics=(nic,), netns=self.lab.namespace, reset_ends=False, restore=restore
        )
        # First boot retries failed steps, for example when an emulated host answers too late: only the end counts.
        with self.scenario.machine(f"h{number}-{self.starts}", spec, expected_failures=("firstboot",)) as machine:
            self.machines[number] = machine
            if restore:
                self.set_clock(number)
            try:
                yield machine
            finally:
                del self.machines[number]

    def ssh(self, number: int) -> Ssh:
        """Return the ssh client for a host."""
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
            except BaseException as error:  # raised where the result is awaited
                job.set_exception(error)

        Thread(target=work, daemon=True).start()
        while not job.done():
            self.drain()
        return job.result()

    def drain(self) -> None:
        """Read the machines' events and consoles."""
        for machine in self.machines.values():
            machine.sleep(0.1)

    def wait_until(self, number: int, look: Callable[[], T | None], what: str, *, limit: float) -> T:
        """Wait as :meth:`qa.vm.waits.Waits.wait_until` does, and read the other hosts' channels as well."""

        def drained() -> T | None:
            for other, machine in self.machines.items():
                if other != number:
                    machine.sleep(0.1)
            return look()

        return self.machines[number].wait_until(drained, what, limit=limit, stall=SILENT)

    def set_clock(self, number: int) -> None:
        """Set the clock of a machine that continues from a snapshot."""
        self.ssh(number).wait_for_login()
        now = run(["date", "+%s"]).output.strip()
        self.succeed(number, f"date --utc --set=@{now}")

    def wait_for_first_boot(self, number: int) -> None:
        """Wait for the end of a host's first boot, and for ssh.

        :raises ScenarioFailed: when it fails.
        """
        machine = self.machines[number]
        with self.scenario.phase(f"first boot of h{number}"):
            self.wait_until(number, lambda: finished(machine), "the end of first boot", limit=FIRST_BOOT)
        if again := [event["error"] for event in machine.events if event.get("event") == "retrying"]:
            self.scenario.notes[f"h{number} tried again after"] = again
        self.ssh(number).wait_for_login()

    def verify(self, hosts: int, *, master: int = 1) -> None:
        """Check that the pool's own verification finds nothing and that the pool has ``hosts`` hosts.

        A host that was late for Ganeti's limit was not verified: the verification is repeated, up to ``VERIFY_TRIES`` times.

        :raises ScenarioFailed: with the findings.
        """
        for turn in range(VERIFY_TRIES):
            with self.scenario.phase(f"verify {hosts} hosts"):
                result = self.execute(master, "gnt-cluster verify --error-codes")
            self.scenario.keep(f"verify-{hosts}-{self.starts}{f'-{turn}' if turn else ''}.txt", result.output)
            if not NOT_ASKED.search(result.output):
                break
        wrong = [line for line in result.output.splitlines() if re.search(r"\bERROR\b|\bWARNING\b", line)]
        need(result.code == 0 and not wrong, f"gnt-cluster verify finds:\n{result.output}")
        names = self.succeed(master, "gnt-node list --no-headers -o name").split()
        need(len(names) == hosts, f"the pool has {names}")
        self.drain()
