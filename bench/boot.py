"""Count the guest instructions from power-on of the ISO to a confirmed host; write a result and the plot over all results.

Run by ``make bench``; ``python -m bench.boot --firmware bios`` measures one kind of boot alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import counter, marks, plot
from dom0kit import __version__
from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.process import run
from dom0kit.units import table
from image.cache_keys import PROJECT
from qa import network_boot, timeouts
from qa.errors import ScenarioFailed
from qa.install.answers import DISK_SERIAL, answers
from qa.install.installed_disk import Installed, own_copy
from qa.lab import access_log
from qa.lab.lab import Lab
from qa.scenario import Scenario, Settings
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.qemu_args import XEN_CPU, Drive, Firmware, MachineSpec

RESULTS = PROJECT / "bench" / "results"
KINDS = ("bios", "uefi", "pxe")
PXE_HOST = "pxe-bios"
"""The host of the network-boot tree that a boot by PXE installs; it has BIOS firmware."""


class Recorder:
    """Takes the marks of one boot while its machines run."""

    def __init__(self, plugin: Path, say: Callable[[str], None]) -> None:
        self.plugin = plugin
        self.marks: list[marks.Mark] = []
        self._say = say

    def counted(self, spec: MachineSpec) -> MachineSpec:
        """Return the machine as one whose instructions are counted."""
        spec.folder.mkdir(parents=True, exist_ok=True)
        words = counter.accelerator(self.plugin, self._place(spec))
        return replace(spec, accelerator=words, cpu=XEN_CPU, cpus=1)

    @staticmethod
    def _place(spec: MachineSpec) -> Path:
        return spec.folder / "count"

    def follow(self, machine: Machine, name: str, source: str) -> None:
        """Mark what a running machine says until its ``finished`` event from ``source``.

        :param name: the machine's name in the marks.
        """
        place = self._place(machine.spec)
        counter.wait_ready(place)
        seen: list[str] = []
        events = 0

        def note(moment: str) -> None:
            mark = marks.Mark(name, moment, counter.executed(place))
            self.marks.append(mark)
            self._say(f"{name}: {mark.instructions / 1e9:8.2f} * 10^9  {moment}")

        def look() -> bool:
            nonlocal events
            for moment in marks.of_console(machine.console_text, seen):
                seen.append(moment)
                note(moment)
            fresh, events = machine.events[events:], len(machine.events)
            for event in fresh:
                if reached := marks.of_event(event):
                    note(reached)
            return any(event.get("source") == source and event.get("event") == "finished" for event in fresh)

        machine.wait_until(look, f"event finished from {source}", limit=timeouts.INSTALL)


def from_cd(scenario: Scenario, recorder: Recorder, firmware: Firmware) -> dict[str, Any]:
    """Install from the ISO as a CD and start the host."""
    disk = media.blank_disk(scenario.work / "disk.img")
    variables = scenario.work / "variables.fd" if firmware == "uefi" else None
    stick = scenario.stick("install-serial", arguments=media.ANSWERS_ARGUMENT, answers=answers(scenario.settings.credentials))
    drives = (Drive(disk, serial=DISK_SERIAL, bootindex=0), scenario.cd(1), stick)
    spec = scenario.spec("install", drives=drives, firmware=firmware, variables=variables)
    with scenario.machine("install", recorder.counted(spec)) as machine:
        recorder.follow(machine, "install", "installer")
        machine.wait_for_shutdown()
    host = own_copy(scenario, Installed(firmware, disk, variables, {}))
    with scenario.machine("host", recorder.counted(host.spec("host"))) as machine:
        recorder.follow(machine, "host", "firstboot")
    return {}


def from_network(scenario: Scenario, recorder: Recorder) -> dict[str, Any]:
    """Install by PXE on BIOS and start the host, which asks the network first; one machine throughout. Needs root.

    :returns: the bytes that the host fetched by HTTP.
    """
    boot = network_boot.Boot("bios", rom=True, no_ipxe=True)
    with Lab(scenario.folder, scenario.work) as lab:
        try:
            served = network_boot.serve(lab, scenario, network_boot.Trees(scenario.settings).tree, boot)
            nic = lab.nic(network_boot.mac(PXE_HOST), rom=True, bootindex=0)
            disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=1)
            spec = network_boot.machine_spec(scenario, lab, boot, nic, disk)
            with scenario.machine("host", recorder.counted(spec)) as machine:
                recorder.follow(machine, "host", "firstboot")
            return {"http_bytes": sum(access_log.bytes_by_client(served.requests).values())}
        finally:
            for problem in lab.close():
                print(f"the network left something behind: {problem}", file=sys.stderr)


def sizes(iso: Path, folder: Path) -> dict[str, int]:
    """Return the bytes of the image's files, and of those that GRUB loads to start a host."""
    found = {
        name: media.extract(iso, f"/dom0kit/{name}", folder / name).stat().st_size for name in ("xen.gz", "vmlinuz", "initrd.img")
    }
    manifest = json.loads(media.extract(iso, "/dom0kit/manifest.json", folder / "manifest.json").read_text())
    found["dom0.squashfs"] = int(manifest["files"]["dom0.squashfs"]["size"])
    return {**found, "iso": iso.stat().st_size, "loaded_by_grub": found["xen.gz"] + found["vmlinuz"] + found["initrd.img"]}


def commit() -> str:
    """Return the commit of the sources, with ``-dirty`` when the tree differs."""
    return run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=PROJECT).output.strip()


def measure(settings: Settings, kind: str, plugin: Path) -> dict[str, Any]:
    """Measure one kind of boot.

    :raises ScenarioFailed: when the installation or the first boot fails.
    """
    scenario = Scenario(f"bench-{kind}", settings)
    scenario.prepare()
    recorder = Recorder(plugin, lambda text: print(f"{kind}: {text}", flush=True))
    if kind == "pxe":
        more = from_network(scenario, recorder)
    else:
        more = from_cd(scenario, recorder, "uefi" if kind == "uefi" else "bios")
    print(table(("machine", "until", "10^9", "of them"), marks.rows(recorder.marks)))
    return {"instructions": marks.total(recorder.marks), "marks": [mark.to_json() for mark in recorder.marks], **more}


def draw(folder: Path = RESULTS) -> Path:
    """Draw all results of a folder in the order of their numbers; return the plot's path."""
    results = [json.loads(path.read_text()) for path in folder.glob("boot-*.json")]
    target = folder / "boot.svg"
    target.write_text(plot.svg(sorted(results, key=lambda result: (result["order"], result["name"]))))
    return target


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.boot",
        description="Count the guest instructions from power-on of the ISO to a confirmed host.",
        epilog="example: python -m bench.boot --firmware bios --name 0.2.0",
    )
    parser.add_argument(
        "--firmware", action="append", choices=KINDS, help="measure this boot alone; again for more (default: bios)"
    )
    parser.add_argument("--iso", type=Path, default=PROJECT / "build/dom0kit.iso", metavar="FILE", help="the ISO")
    parser.add_argument("--name", default="", help="name of the result (default: version and commit)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write the result, draw the plot; exit code 1 for a user's error."""
    arguments = parse(argv)
    name = arguments.name or f"{__version__}-{commit()}"
    settings = Settings(iso=arguments.iso, artifacts=PROJECT / "artifacts", cpus=1)
    target = RESULTS / f"boot-{name}.json"
    try:
        settings.check()
        with tempfile.TemporaryDirectory(prefix="dom0kit-bench-") as folder:
            plugin = counter.compile_plugin(Path(folder))
            boots: dict[str, Any] = {}
            result = {
                "format": 1,
                "name": name,
                "commit": commit(),
                "order": int(run(["git", "rev-list", "--count", "HEAD"], cwd=PROJECT).output),
                "qemu": run(["qemu-system-x86_64", "--version"]).output.partition("\n")[0],
                "bytes": sizes(arguments.iso, Path(folder)),
                "boots": boots,
            }
            RESULTS.mkdir(exist_ok=True)
            for kind in arguments.firmware or ["bios"]:
                boots[kind] = measure(settings, kind, plugin)
                # A boot takes long: what is measured stays when the next one fails.
                write_json(target, result)
    except (UserError, ScenarioFailed) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        settings.close()
    print(f"{target}; plot: {draw()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
