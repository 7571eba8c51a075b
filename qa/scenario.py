"""One scenario: its machines, its folder of artifacts, and the final checks."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.process import run
from qa import requirements, timeouts, work_dirs
from qa.errors import MachineStarved, ScenarioFailed
from qa.guest import ssh_access
from qa.observers import Phase, Watcher, timed
from qa.result_files import iso_digest, utc_now
from qa.scans.console_scan import Finding, findings
from qa.scans.secret_scan import leaks
from qa.stages.cache import Make, Stage, StageCache, default_folder, default_limit
from qa.stages.key import StageKey, source_digests
from qa.vm import accelerator, media
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.qemu_args import Drive, MachineSpec, cpu_model

STARVED_SHARE = 0.3
"""Share of a machine's time without a processor from which on the build host is the cause of a guest's soft lockups."""
UNLIMITED = 2**63
OUTPUT = "output.txt"
"""The file with the output of the scenario's process, when several run at the same time."""
LAST = 9
"""The answers stick's boot index: OVMF initializes only drives that have one, and GRUB sees only those."""


@dataclass
class Settings:
    """The settings of one run of scenarios.

    :param iso: the ISO under test, never written to.
    :param artifacts: the folder that gets one folder for each scenario.
    :param keep: keep disks and media, and print their folder.
    :param cpus: processors of each machine.
    :param memory: memory of each machine in MiB.
    :param interactive: "", ``stop`` (hold at a failure) or ``shell`` (a prompt at ``step``).
    :param fresh: use no cached stage of an earlier run, and cache none for later ones.
    """

    iso: Path = Path("build/dom0kit.iso")
    artifacts: Path = Path("artifacts")
    keep: bool = False
    cpus: int = 2
    memory: int = 3072
    fresh: bool = False
    interactive: str = ""
    step: str = ""

    @cached_property
    def work(self) -> Path:
        """Return the folder for disks, made at the first use."""
        return work_dirs.make(keep=self.keep)

    @cached_property
    def public(self) -> Path:
        """Return the folder for files that servers offer, which do not run as root: others may enter but not list it."""
        path = work_dirs.make("served-", keep=self.keep)
        path.chmod(0o711)
        return path

    @cached_property
    def credentials(self) -> ssh_access.Credentials:
        """Return root's password and key: those that the hosts in the cache of stages accept."""
        return ssh_access.make(self.work) if self.fresh else ssh_access.load_or_make(default_folder() / "credentials")

    @cached_property
    def stages(self) -> StageCache:
        """Return the cache of stages."""
        return StageCache(self.work / "stages" if self.fresh else default_folder(), default_limit())

    def stage_key(self, name: str, sources: Sequence[str], **parameters: object) -> StageKey:
        """Return the key of a stage that is made with this run's ISO.

        :param sources: the harness's files that make it, relative to ``qa/``.
        :param parameters: whatever else it depends on.
        """
        version = run(["qemu-system-x86_64", "--version"]).output.partition("\n")[0]
        machine = [version, *self.accelerator, cpu_model(self.accelerator), str(self.cpus), str(self.memory)]
        return StageKey(
            name=name,
            iso_sha256=iso_digest(self.iso),
            emulator=" ".join(machine),
            credentials=self.credentials.public,
            sources=source_digests(("install/answers.py", "vm/qemu_args.py", "vm/media.py", *sources)),
            parameters={key: str(value) for key, value in parameters.items()},
        )

    @cached_property
    def kernel(self) -> Path:
        """Return the ISO's kernel, for the probe of KVM and for machines without a medium."""
        return media.extract(self.iso, "/dom0kit/vmlinuz", self.work / "vmlinuz")

    @cached_property
    def initrd(self) -> Path:
        """Return the ISO's initramfs, for machines without a medium."""
        return media.extract(self.iso, "/dom0kit/initrd.img", self.work / "initrd.img")

    @cached_property
    def accelerator(self) -> tuple[str, ...]:
        """Return the arguments of QEMU's command line for KVM or emulation."""
        return accelerator.accelerator(self.kernel)

    def check(self, programs: Iterable[str] = (), *, lab: bool = False) -> None:
        """Check the requirements of the selected scenarios before the first one starts; see :func:`qa.requirements.check`.

        :raises UserError: when a requirement is not met.
        """
        if not self.iso.is_file():
            raise UserError(f"there is no ISO {self.iso}", "build it with: make iso, or name another one with --iso")
        requirements.check(programs, lab=lab)

    def close(self) -> None:
        """Remove disks and keys, or print their folder if they are kept."""
        if "stages" in self.__dict__:
            self.stages.close()
        for name in ("work", "public"):
            if name not in self.__dict__:
                continue
            folder: Path = self.__dict__[name]
            if self.keep:
                print(f"disks and media are in {folder}")
            else:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Scenario:
    """A running scenario, as its test function uses it.

    :param name: as on the command line.
    :param expected: kinds of console findings that this scenario provokes and that must therefore be found.
    :param broken: names of machines whose system must fail: the findings on their consoles are not judged.
    :param secrets: tokens and the like that no artifact may hold, in addition to root's password and its hash.
    :param stages: the stages that it used, each with its folder's name in the cache.
    :param watchers: are informed of phases, machines and the failure.
    :param problems: errors outside the machines, such as a server that did not end.
    """

    name: str
    settings: Settings
    expected: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    machines: list[Machine] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    watchers: list[Watcher] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    started: str = field(default_factory=utc_now)

    @property
    def folder(self) -> Path:
        """Return the folder of the scenario's artifacts."""
        return self.settings.artifacts / self.name

    @cached_property
    def work(self) -> Path:
        """Return the folder of the scenario's disks, made at the first use."""
        path = self.settings.work / self.name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def prepare(self) -> None:
        """Empty the folder of artifacts, except for the output of this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != OUTPUT:
                path.unlink()

    def spec(self, name: str, **values: Any) -> MachineSpec:
        """Describe a machine with the run's settings; ``values`` are fields of :class:`qa.vm.qemu_args.MachineSpec`."""
        base: dict[str, Any] = {
            "accelerator": self.settings.accelerator,
            "cpu": cpu_model(self.settings.accelerator),
            "cpus": self.settings.cpus,
            "memory": self.settings.memory,
            # A guest that resets itself has crashed or has finished: no scenario continues in the same machine.
            "reset_ends": True,
            "interactive": bool(self.settings.interactive),
        }
        return MachineSpec(folder=self.work / name, **{**base, **values})

    def machine(
        self, name: str, spec: MachineSpec, *, expected_failures: tuple[str, ...] = (), stop_at_fatal: bool = True
    ) -> Machine:
        """Make a machine whose console and events are checked at the scenario's end; ``with`` starts it."""
        machine = Machine(spec, name, self.folder, expected_failures=expected_failures, stop_at_fatal=stop_at_fatal)
        machine.watchers = self.watchers
        self.machines.append(machine)
        return machine

    def cd(self, bootindex: int = 1) -> Drive:
        """Return the ISO as a CD."""
        return Drive(self.settings.iso, "cdrom", bootindex=bootindex)

    def stick(self, entry: str, *, arguments: str = "", answers: str = "") -> Drive:
        """Make the answers stick, which selects the menu's entry and may carry an answer file.

        Its boot index is the last one: OVMF initializes only drives that have one, and GRUB could not read it otherwise.
        """
        files = {"boot.cfg": media.boot_cfg(entry, arguments)}
        if answers:
            files[media.ANSWERS_NAME] = answers
        return Drive(media.answers_stick(self.work / "answers.img", files), "usb", serial="ANSWERS", bootindex=9)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a part of the scenario under a name, which the report and a failure's explanation show."""
        with timed(self.phases, self.began, name, self.watchers):
            yield

    def stage(self, name: str, sources: Sequence[str], make: Make, *, renew: bool = False, **parameters: object) -> Stage:
        """Return a stage of the cache; make it when it is not there.

        :param renew: make it even if it is cached, see :meth:`keep_stage`.
        :raises ScenarioFailed: when it cannot be made.
        """
        if renew:
            return self.keep_stage(name, sources, make, **parameters)
        key = self.settings.stage_key(name, sources, **parameters)
        try:
            found = self.settings.stages.get(key, make)
        except UserError as error:
            raise ScenarioFailed(str(error)) from error
        self.stages.append(key.folder_name)
        if not found.made:
            print(f"{self.name}: uses the stage {key.folder_name}")
        return found

    def keep_stage(self, name: str, sources: Sequence[str], make: Make, **parameters: object) -> Stage:
        """Make a stage even if it is cached: in the cache or, while another run uses that one, among the scenario's disks."""
        key = self.settings.stage_key(name, sources, **parameters)
        found = self.settings.stages.put(key, make)
        return found or StageCache(self.work / "stages", UNLIMITED).get(key, make)

    def keep(self, name: str, text: str) -> None:
        """Write a text file to the artifacts."""
        (self.folder / name).write_text(text if text.endswith("\n") else text + "\n")

    def diagnose(self, name: str, guest: Guest, command: str) -> None:
        """Write the output of a command to the artifacts; no failure of the command fails the scenario."""
        try:
            self.keep(name, guest.execute(command, limit=timeouts.DIAGNOSTIC).output)
        except ScenarioFailed as error:
            self.keep(name, f"not available: {error}")

    def seen(self) -> list[tuple[str, Finding]]:
        """Return all findings on all consoles, each with its machine's name."""
        return [
            (machine.name, finding) for machine in self.machines if machine.started for finding in findings(machine.console_text)
        ]

    def final_check(self) -> None:
        """Check what holds for every scenario: consoles, events, and secrets in artifacts.

        :raises ScenarioFailed: for an unexpected finding on a console, an expected one that is missing, an unexpected
            failure among the events, or a secret in an artifact.
        """
        seen = self.seen()
        unexpected = [(name, finding) for name, finding in seen if finding.kind not in self.expected and name not in self.broken]
        wrong = [f"{name}: {finding}" for name, finding in unexpected]
        wrong += [
            f"expected on a console, but not found: {kind}"
            for kind in sorted(self.expected - {finding.kind for _, finding in seen})
        ]
        for machine in self.machines:
            events = machine.events if machine.started else []
            wrong += [f"{machine.name}: event {json.dumps(e)}" for e in events if machine.channels.unexpected(e)]
        wrong += self.secrets_leaked()
        wrong += self.problems
        if wrong and len(wrong) == len(unexpected) and all(self._lost_time(name, finding) for name, finding in unexpected):
            raise MachineStarved(f"{self.name}: guests lost time because the build host was busy: {wrong[0]}")
        if wrong:
            raise ScenarioFailed(f"{self.name}: {len(wrong)} findings\n" + "\n".join(f"    {line}" for line in wrong[:30]))

    def _lost_time(self, name: str, finding: Finding) -> bool:
        """Return whether a finding says nothing but that a starved machine missed time."""
        machine = next(machine for machine in self.machines if machine.name == name)
        return finding.kind == "soft lockup" and machine.starved_seconds > STARVED_SHARE * machine.seconds

    def secrets_leaked(self) -> list[str]:
        """Return the artifacts, files in bundles included, that hold root's password, its hash or another secret."""
        secrets = list(self.secrets)
        if "credentials" in self.settings.__dict__:
            secrets += [self.settings.credentials.password, self.settings.credentials.password_hash]
        return leaks(self.folder, secrets)

    def steps(self) -> dict[str, float]:
        """Return the seconds of all finished steps that the guests reported, by ``source: name``."""
        return {
            f"{event['source']}: {event['name']}": float(event.get("seconds", 0))
            for machine in self.machines
            if machine.started
            for event in machine.events
            if event.get("event") == "step" and event.get("state") == "finished"
        }
