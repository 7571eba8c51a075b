"""A machine that cannot hold the image reports it before it fetches anything."""

from __future__ import annotations

import re

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL
from qa.lab import access_log
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.network_boot import Boot, Trees, mac, machine_spec, serve
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive

SMALL = 768
"""Memory of the machine in MiB; 1 GiB suffices for the image over the network."""
SENTENCE = re.compile(r"this machine has (\d+\.\d) GiB of RAM, .*needs (\d+\.\d) GiB")


@scenario(
    "too-little-ram", firmware="bios", minutes=3, memory_mib=768, tags={"network", "pxe", "refusal"}, lab=True, needs=("nginx",)
)
def test_too_little_ram(scenario: Scenario, lab: Lab, trees: Trees) -> None:
    """Name the existing and the needed memory on console and in the report; never request the image."""
    name, boot = scenario.name, Boot("bios", rom=True)
    served = serve(lab, scenario, trees.tree, boot)
    path = media.blank_disk(scenario.work / "disk.img")
    before = media.fingerprint(path)
    disk = Drive(path, serial=DISK_SERIAL, bootindex=1)
    spec = machine_spec(scenario, lab, boot, lab.nic(mac(name), rom=boot.rom, bootindex=0), disk, memory=SMALL)
    scenario.expected.add("maintenance shell")  # the initramfs's own, which is where it stops
    with scenario.machine("host", spec, stop_at_fatal=False) as machine:
        with scenario.phase("boot to the refusal"):
            match = machine.wait_until(
                lambda: SENTENCE.search(machine.console_text), "sentence about the memory on the console", limit=timeouts.BOOT
            )
        with scenario.phase("report"):
            report = machine.wait_until(lambda: served.reported(name, "failed"), "report of the failure", limit=timeouts.COMMAND)
            machine.wait_until(
                lambda: "maintenance shell" in {finding.kind for _, finding in scenario.seen()},
                "shell of the initramfs",
                limit=timeouts.COMMAND,
            )
        machine.screenshot("refused")
    have, needed = float(match.group(1)), float(match.group(2))
    scenario.notes["memory"] = {"GiB in the machine": have, "GiB needed": needed}
    need(0.5 <= have <= SMALL / 1024 < needed, f"the machine has {SMALL} MiB, the message is {match.group(0)!r}")
    need(SENTENCE.search(str(report)), f"the report does not name the memory: {report}")
    fetched = access_log.fetched(served.requests, "/dom0.squashfs")
    need(not fetched, f"the image was requested before the memory was checked: {fetched}")
    need(served.tree.is_armed(name), "the host is no longer armed although its installation never began")
    need(media.fingerprint(path) == before, "the disk was written to")
