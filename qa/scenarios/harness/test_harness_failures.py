"""The harness itself: the first lines of a failure's explanation name a seeded fault."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dom0kit.linux import cpio
from dom0kit.process import run
from dom0kit.units import GIB
from qa import timeouts
from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.checks.live_checks import open_live_shell
from qa.errors import ScenarioFailed
from qa.failure.recorder import FailureRecorder
from qa.metadata import scenario
from qa.result_files import EXPLANATION_JSON, EXPLANATION_TEXT
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.ports import reserve
from qa.vm.qemu_args import DirectKernel, Drive, MachineSpec, Nic
from qa.vm.serial_console import Console

FIRST_LINES = 6
UNIT = "seeded-fault.service"
REASON = "the seeded fault says why"
UNIT_TEXT = f"""\
[Unit]
Description=A fault that was seeded
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo {REASON} >&2; exit 3'
"""
ESP_MIB = 200
"""MiB of the ESP; the product makes it larger (:func:`qa.checks.host_checks.check_layout`)."""


def recorder_of(scenario: Scenario) -> FailureRecorder:
    """Return what explains the scenario's failures."""
    return next(watcher for watcher in scenario.watchers if isinstance(watcher, FailureRecorder))


def explained(scenario: Scenario, error: BaseException, name: str) -> tuple[list[str], dict[str, Any]]:
    """Explain an error as for a failed scenario; return the text's first lines and the JSON.

    :param name: the folder's name among the artifacts.
    """
    folder = scenario.folder / name
    recorder_of(scenario).write(error, folder=folder)
    return (folder / EXPLANATION_TEXT).read_text().splitlines()[:FIRST_LINES], json.loads((folder / EXPLANATION_JSON).read_text())


def need_in(text: str, where: object) -> None:
    """Fail unless a text is contained in something."""
    need(text in str(where), f"{text!r} is not in {where}")


@scenario("harness-explains-panic", firmware="bios", minutes=1, memory_mib=768, tags={"smoke", "harness"})
def test_harness_explains_panic(scenario: Scenario) -> None:
    """Crash the kernel in the initramfs: the explanation has panic, step, expectation and command."""
    initrd = shutil.copyfile(scenario.settings.initrd, scenario.work / "initrd.img")
    cpio.append(initrd, cpio.archive({"conf/conf.d/zz-seeded-fault": "echo c >/proc/sysrq-trigger\n"}, epoch=0))
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 panic=-1", initrd)
    spec = scenario.spec("panic", kernel=kernel, nics=(), memory=768)
    with pytest.raises(ScenarioFailed) as caught, scenario.machine("panic", spec) as machine, scenario.phase("boot"):
        machine.wait_for_event("installer", limit=timeouts.BOOT)
    lines, found = explained(scenario, caught.value, "seeded-panic")
    need(
        lines[0] == "kernel panic on panic: Kernel panic - not syncing: sysrq triggered crash", f"the first line is {lines[0]!r}"
    )
    need_in("phase 'boot'", lines[2])
    need_in("event finished from installer", lines[3])
    need_in("qa harness-explains-panic --iso-sha256 ", found["reproduce"])
    # The number of lines of a trace varies: the tail may begin after the first line of the crash.
    need_in("sysrq", found["console_tail"]["panic"])
    scenario.expected.add("kernel panic")  # this scenario provokes it


def wrong_disk(path: Path) -> Path:
    """Make a disk that is partitioned like the product's, except for the ESP's size; the guest makes the file systems."""
    media.blank_disk(path, 4 * GIB)
    parts = ["-n1:0:+1M", "-t1:ef02", f"-n2:0:+{ESP_MIB}M", "-t2:ef00", "-n3:0:+1G", "-n4:0:0", "-t4:8e00"]
    run(["sgdisk", *parts, path])
    return path


def fill_disk(console: Console, disk: str) -> None:
    """Make the file systems of an installed disk in the guest."""
    console.succeed(f"mkfs.vfat -F 32 {disk}2 && mkfs.ext4 -q -L dom0kit-system {disk}3 && pvcreate -q {disk}4 && udevadm settle")


def let_in(console: Console, key: str) -> None:
    """Start sshd in a live system, which has none, at the address that QEMU's forwarded port leads to."""
    console.succeed(f"mkdir -p -m 700 /root/.ssh && echo '{key}' >/root/.ssh/authorized_keys && ssh-keygen -A")
    console.succeed("d=$(ls /sys/class/net | grep -m 1 '^e'); ip link set $d up; ip address replace 10.0.2.15/24 dev $d")
    console.succeed("mkdir -p /run/sshd && /usr/sbin/sshd")  # ssh.service is for installed hosts alone


def check_partitions(scenario: Scenario, console: Console) -> None:
    """Check the wrong disk like that of an installed host."""
    with scenario.phase("wrong partition"):
        fill_disk(console, "/dev/vda")
        command = "lsblk --json --bytes -o NAME,TYPE,SIZE,FSTYPE,LABEL,PARTTYPE,LOG-SEC /dev/vda"
        host_checks.check_layout(console.succeed(command))


def check_units(scenario: Scenario, spec: MachineSpec) -> NoReturn:
    """Start the machine; the checks of its partitions and of its units fail.

    :raises ScenarioFailed: for the failed unit.
    """
    with scenario.machine("live", spec) as machine:
        console = machine.console()
        open_live_shell(scenario, console)
        with pytest.raises(ScenarioFailed) as layout:
            check_partitions(scenario, console)
        recorder_of(scenario).failed(layout.value)  # as when it leaves the block
        lines, found = explained(scenario, layout.value, "seeded-partition")
        need_in(f"the ESP is {ESP_MIB} MiB", lines[0])
        need_in("phase 'wrong partition'", lines[2])
        need_in("need(", lines[3:])
        if not scenario.settings.interactive:  # in interactive use nothing is typed on the console
            need_in("serial console", found["guests"]["live"]["asked"])
            need_in(REASON, found["unit_status"]["live"][UNIT])
        let_in(console, scenario.settings.credentials.public)
        with scenario.phase("failed units"):
            host_checks.check_no_failed_unit(console)
    raise AssertionError("the unit did not fail")


@scenario("harness-explains-faults", firmware="bios", minutes=3, tags={"install", "harness"})
def test_harness_explains_faults(scenario: Scenario) -> None:
    """Explain a failed unit and a wrong partition on a live system, each by its first line."""
    iso = scenario.settings.iso
    label = run(["blkid", "-o", "value", "-s", "LABEL", iso]).output.strip()
    arguments = f"boot=dom0kit dom0kit.image=iso:{label}:/dom0kit dom0kit.mode=live console=ttyS0,115200n8 systemd.wants={UNIT}"
    # systemd.system-credentials(7): a virtual machine's SMBIOS strings can hold additional units.
    credential = f"io.systemd.credential.binary:systemd.extra-unit.{UNIT}={base64.b64encode(UNIT_TEXT.encode()).decode()}"
    spec = scenario.spec(
        "live",
        kernel=DirectKernel(scenario.settings.kernel, arguments, scenario.settings.initrd),
        # Place 0 in the boot order is the kernel's.
        drives=(scenario.cd(1), Drive(wrong_disk(scenario.work / "wrong.img"), serial="WRONG", bootindex=2)),
        devices=("-smbios", f"type=11,value={credential}"),
        nics=(Nic(ssh_port=reserve()),),
    )
    scenario.expected.add("failed unit")  # this scenario provokes it
    with pytest.raises(ScenarioFailed) as unit:
        check_units(scenario, spec)
    lines, found = explained(scenario, unit.value, "seeded-unit")
    need(lines[0].startswith(f"the unit {UNIT} failed on live (result exit-code"), f"the first line is {lines[0]!r}")
    need_in("phase 'failed units'", lines[2])
    need(found["guests"]["live"]["asked"] == "ssh", f"the guest's report came by {found['guests']}")
    need_in(REASON, found["unit_status"]["live"][UNIT])
    need_in(f"{UNIT}: Failed with result", found["journal_warnings"]["live"])
