"""The harness itself: a scenario in which the kernel panics must fail; a lab network connects machines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dom0kit.process import run
from qa import timeouts
from qa.checks.host_checks import need
from qa.errors import MachineStarved, ScenarioFailed
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm.machine import Machine
from qa.vm.qemu_args import DirectKernel
from qa.vm.serial_console import Console


@scenario("harness-sees-panic", firmware="bios", minutes=1, tags={"smoke", "harness"})
def test_harness_sees_panic(scenario: Scenario) -> None:
    """Boot the kernel without a root file system: the wait ends at once, the scan finds the panic, the final checks fail."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 panic=-1")
    spec = scenario.spec("panic", kernel=kernel, nics=())
    with scenario.machine("panic", spec) as machine:
        with scenario.phase("panic"), pytest.raises(ScenarioFailed, match="kernel panic"):
            machine.wait_for_event("installer", limit=timeouts.BOOT)
        machine.channels.checking = False
        need(machine.wait_for_shutdown() == "guest-reset", "panic=-1 must end the machine by a reset")
    need("kernel panic" in {finding.kind for _, finding in scenario.seen()}, "the scan does not find the panic")
    with pytest.raises(ScenarioFailed, match="kernel panic"):
        scenario.final_check()
    scenario.expected.add("kernel panic")  # from here on the panic is expected


ADDRESSES = ("10.77.0.11", "10.77.0.12")
INITRAMFS = r"\(initramfs\) "


def address_in_initramfs(machine: Machine, address: str) -> Console:
    """Wait for the initramfs's shell and give the only card an address; return the console."""
    console = machine.console()
    console.expect(INITRAMFS, limit=timeouts.BOOT)
    console.send(f"d=$(ls /sys/class/net | grep -v lo); ip link set $d up; ip addr add {address}/24 dev $d; echo is-$((6*7))\n")
    console.expect("is-42")
    return console


@scenario("harness-bridge", firmware="bios", minutes=2, machines=2, memory_mib=2 * 768, tags={"harness", "network"}, lab=True)
def test_harness_bridge(scenario: Scenario, lab: Lab) -> None:
    """Let two machines reach each other and the lab; a machine without a cable reaches nothing."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 break=premount", scenario.settings.initrd)
    scenario.expected.add("maintenance shell")  # these machines boot only to the initramfs's own shell
    specs = [
        scenario.spec(f"m{i}", kernel=kernel, nics=(lab.nic(f"52:54:00:77:02:0{i}"),), netns=lab.namespace, memory=768)
        for i in range(len(ADDRESSES))
    ]
    one, two = (scenario.machine(f"m{i}", spec, stop_at_fatal=False) for i, spec in enumerate(specs))
    with one, two:
        with scenario.phase("boot to the initramfs"):
            console = address_in_initramfs(one, ADDRESSES[0])
            address_in_initramfs(two, ADDRESSES[1])
        for address in (ADDRESSES[1], netns_commands.ADDRESS):
            console.send(f"ping -c 2 {address} >/dev/null && echo reached-$((40+2))-{address}\n")
            console.expect(f"reached-42-{address}")
        need(lab.reaches(ADDRESSES[0]) and lab.reaches(ADDRESSES[1]), "the lab does not reach its machines")
        two.set_link(0, up=False)
        need(not lab.reaches(ADDRESSES[1], limit=5), "a machine without a cable is reached")
        two.set_link(0, up=True)
        need(lab.reaches(ADDRESSES[1]), "the machine is not reached after its cable was plugged in again")


HOG = "import os\nwhile os.getppid() != 1: pass"
"""A program that uses a processor until its parent ends."""


@contextmanager
def starved(machine: Machine) -> Iterator[None]:
    """Leave a machine's threads hardly more than the time that a busy program on the same processor does not use.

    The class SCHED_IDLE compares threads of one autogroup only, and a machine is a session, hence an autogroup, of its own:
    without the second step both would get half of the processor (sched(7), "The autogroup feature").
    """
    processor = str(min(os.sched_getaffinity(0)))
    autogroup = Path(f"/proc/{machine.pid}/autogroup")
    run(["taskset", "--all-tasks", "--cpu-list", "--pid", processor, str(machine.pid)])
    run(["chrt", "--all-tasks", "--idle", "--pid", "0", str(machine.pid)])
    if autogroup.exists():
        autogroup.write_text("19")  # the nice value of the group
    with subprocess.Popen(["taskset", "--cpu-list", processor, sys.executable, "-c", HOG]) as hog:
        try:
            yield
        finally:
            hog.kill()


@scenario("harness-starved-or-hung", firmware="bios", minutes=4, memory_mib=768, cores=2, tags={"smoke", "harness"})
def test_harness_starved_or_hung(scenario: Scenario) -> None:
    """Report a machine without processor time as starved, and one whose guest does nothing as hung."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 break=premount", scenario.settings.initrd)
    scenario.expected.add("maintenance shell")  # these machines boot only to the initramfs's own shell
    spec = scenario.spec("starved", kernel=kernel, nics=(), memory=768)
    with scenario.machine("starved", spec, stop_at_fatal=False) as machine, starved(machine):
        with scenario.phase("starved"), pytest.raises(MachineStarved, match="the machines were starved"):
            machine.wait_until(lambda: None, "prompt", limit=timeouts.BOOT, stall=20, wall=45)
        need(machine.starved_seconds > 35, f"starved for {machine.starved_seconds:.0f} s of 45 s")
    spec = scenario.spec("hung", kernel=kernel, nics=(), memory=768)
    with scenario.machine("hung", spec, stop_at_fatal=False) as machine:
        with scenario.phase("boot to the initramfs"):
            machine.console().expect(INITRAMFS, limit=timeouts.BOOT)
        with scenario.phase("hung"), pytest.raises(ScenarioFailed, match="the guest hangs: no output") as caught:
            machine.wait_until(lambda: None, "prompt", limit=timeouts.BOOT, stall=20)
        need(not isinstance(caught.value, MachineStarved), "a hung guest was reported as starved")
