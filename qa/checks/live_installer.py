"""The installer in a live system, on disks that were prepared there with the image's own programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from qa import timeouts
from qa.checks.host_checks import need
from qa.checks.live_checks import open_live_shell
from qa.install.answers import Values, document, to_yaml
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import CommandResult
from qa.vm.machine import Machine
from qa.vm.qemu_args import Drive
from qa.vm.serial_console import Console

LABEL = "CASES"
PREPARE = "prepare.sh"


@dataclass(frozen=True)
class LiveInstaller:
    """A live system with the answer files of a scenario."""

    scenario: Scenario
    machine: Machine
    console: Console

    def run(self, case: str, *options: str) -> CommandResult:
        """Run ``dom0kit install`` with an answer file to its end, without a restart."""
        with self.scenario.phase(f"install: {case}"):
            words = f"dom0kit install --answers label:{LABEL}/{case}.yaml --yes --stay {' '.join(options)} 2>&1"
            result = self.console.execute(words, limit=timeouts.INSTALL)
        self.scenario.keep(f"{case}.txt", result.output)
        return result

    def plan(self, case: str) -> str:
        """Return the plan for an answer file; nothing is written.

        :raises ScenarioFailed: when it is refused.
        """
        return self.run(case, "--plan-only").ok()

    def refused(self, case: str, code: str, *words: str, plan_only: bool = True) -> str:
        """Check that an answer file is refused with this code and these words; return the output."""
        result = self.run(case, *(["--plan-only"] if plan_only else []))
        need(result.code == 1, f"{case}: the exit code is {result.code}:\n{result.output}")
        text = " ".join(result.output.split())
        missing = [word for word in (f"[{code}]", *words) if word not in text]
        need(not missing, f"{case}: the refusal lacks {missing}:\n{result.output}")
        return text

    def digest(self, device: str, mib: int) -> str:
        """Return a checksum of the first MiB of a disk, read past the page cache."""
        return self.console.succeed(f"dd if={device} bs=1M count={mib} iflag=direct 2>/dev/null | sha256sum").split()[0]


@contextmanager
def live_installer(
    scenario: Scenario, disks: tuple[Drive, ...], cases: dict[str, Values], prepare: str = "", *, volume: int = 0
) -> Iterator[LiveInstaller]:
    """Boot the live system from the CD, prepare the disks, and offer the installer.

    :param disks: appear as ``/dev/vda``, ``/dev/vdb`` and so on, if they are on the bus ``virtio``.
    :param cases: by name: keys of answers that replace the usual ones.
    :param prepare: lines of shell that must succeed.
    :param volume: size in bytes of an inner disk that has the answer files, with the serial number ``CASES``; 0: a USB stick has.
    """
    credentials = scenario.settings.credentials
    files = {f"{name}.yaml": to_yaml(document(credentials, **changes)) for name, changes in cases.items()}
    files[PREPARE] = f"set -ex\n{prepare}\n"
    image = media.answers_stick(scenario.work / "cases.img", files, LABEL)
    stick = Drive(image, "virtio" if volume else "usb", serial=LABEL)
    if volume:
        with image.open("r+b") as file:
            file.truncate(volume)
    drives = (*disks, scenario.cd(0), scenario.stick("live"), stick)
    with scenario.machine("live", scenario.spec("live", drives=drives), expected_failures=("installer",)) as machine:
        console = machine.console()
        open_live_shell(scenario, console)
        with scenario.phase("prepare the disks"):
            device = f"/dev/disk/by-label/{LABEL}"
            console.wait_for_file(device)
            console.succeed(f"mcopy -n -i {device} ::{PREPARE} /run/{PREPARE}", limit=timeouts.COMMAND)
            scenario.keep("prepare.txt", console.succeed(f"sh /run/{PREPARE} 2>&1 && udevadm settle", limit=timeouts.INSTALL))
        yield LiveInstaller(scenario, machine, console)
