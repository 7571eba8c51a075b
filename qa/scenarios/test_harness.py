"""The harness itself: a scenario in which the kernel panics must fail; a laboratory joins machines."""

from __future__ import annotations

import pytest

from qa import patience
from qa.command import DirectKernel
from qa.console import Console
from qa.failure import ScenarioFailed
from qa.host import need
from qa.lab import commands
from qa.lab.lab import Lab
from qa.machine import Machine
from qa.scenario import Scenario


@pytest.mark.parametrize("scenario", ["harness-sees-panic"], ids=["harness-sees-panic"], indirect=True)
def test_harness_sees_panic(scenario: Scenario) -> None:
    """The built kernel without a root file system: the wait ends at once, the scan finds it, the judgement fails."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 panic=-1")
    spec = scenario.spec("panic", kernel=kernel, nics=())
    with scenario.machine("panic", spec) as machine:
        with scenario.phase("panic"), pytest.raises(ScenarioFailed, match="kernel panic"):
            machine.wait_event("installer", limit=patience.BOOT)
        machine.channels.judging = False
        need(machine.wait_end() == "guest-reset", "panic=-1 must end the machine by a reset")
    need("kernel panic" in {finding.kind for _, finding in scenario.seen()}, "the scan does not find the panic")
    with pytest.raises(ScenarioFailed, match="kernel panic"):
        scenario.judge()
    scenario.expected.add("kernel panic")  # from here on it is what this scenario asked for


ADDRESSES = ("10.77.0.11", "10.77.0.12")
INITRAMFS = r"\(initramfs\) "


def address_in_initramfs(machine: Machine, address: str) -> Console:
    """Wait for the initramfs's shell and give the only card an address; the dialogue."""
    console = machine.console()
    console.expect(INITRAMFS, limit=patience.BOOT)
    console.send(f"d=$(ls /sys/class/net | grep -v lo); ip link set $d up; ip addr add {address}/24 dev $d; echo is-$((6*7))\n")
    console.expect("is-42")
    return console


@pytest.mark.lab
@pytest.mark.parametrize("scenario", ["harness-bridge"], ids=["harness-bridge"], indirect=True)
def test_harness_bridge(scenario: Scenario, lab: Lab) -> None:
    """Two machines reach each other and the laboratory; with its cable pulled one reaches nobody."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 break=premount", scenario.settings.initrd)
    scenario.expected.add("maintenance shell")  # the initramfs's own shell is all that these machines boot to
    specs = [
        scenario.spec(f"m{i}", kernel=kernel, nics=(lab.nic(f"52:54:00:77:02:0{i}"),), netns=lab.namespace, memory=768)
        for i in range(len(ADDRESSES))
    ]
    one, two = (scenario.machine(f"m{i}", spec, stop_at_fatal=False) for i, spec in enumerate(specs))
    with one, two:
        with scenario.phase("boot to the initramfs"):
            console = address_in_initramfs(one, ADDRESSES[0])
            address_in_initramfs(two, ADDRESSES[1])
        for address in (ADDRESSES[1], commands.ADDRESS):
            console.send(f"ping -c 2 {address} >/dev/null && echo reached-$((40+2))-{address}\n")
            console.expect(f"reached-42-{address}")
        need(lab.reaches(ADDRESSES[0]) and lab.reaches(ADDRESSES[1]), "the laboratory does not reach its machines")
        two.cable(0, plugged=False)
        need(not lab.reaches(ADDRESSES[1], limit=5), "a machine without a cable is reached")
        two.cable(0, plugged=True)
        need(lab.reaches(ADDRESSES[1]), "the machine is away though its cable is plugged in again")
