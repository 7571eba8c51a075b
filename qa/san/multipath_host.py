"""A host on a LUN: installed once, cached, checked, and copied for the scenarios that need one."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa import timeouts
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import Values, answers
from qa.install.installed_disk import install_from_cd
from qa.san.multipath_array import (
    SEEN_SECONDS,
    Lun,
    OnSan,
    check_initramfs,
    check_lvm,
    check_root,
    good_paths,
    multipath_status,
    new_lun,
    target,
)
from qa.scenario import Scenario
from qa.stages.cache import Stage
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.polling import poll
from qa.vm.ports import reserve
from qa.vm.qemu_args import Firmware, MachineSpec, Nic

QUEUE_SECONDS = 90
"""``queue_seconds`` of the answers for a disk without a path; differs from the image's default."""


def machine_of(
    scenario: Scenario, on: OnSan, name: str, *paths: int, luns: tuple[Lun, ...] = (), hbas: tuple[int, ...] = ()
) -> tuple[Machine, Ssh]:
    """Return a machine with the host's LUN, and its ssh client; for the parameters see :func:`spec_of`."""
    port = reserve()
    spec = replace(spec_of(scenario, on, name, *paths, luns=luns, hbas=hbas), nics=(Nic(ssh_port=port),))
    return scenario.machine(name, spec), Ssh(scenario.settings.credentials, port)


def spec_of(
    scenario: Scenario, on: OnSan, name: str, *paths: int, luns: tuple[Lun, ...] = (), hbas: tuple[int, ...] = ()
) -> MachineSpec:
    """Describe a machine with the host's LUN, by all paths or those given.

    :param luns: additional LUNs, by all their paths.
    :param hbas: numbers of additional adapters without a disk.
    """
    idle = (*(path for path in range(on.lun.paths) if paths and path not in paths), *hbas)
    drives = (*on.lun.drives(*paths), *(drive for lun in luns for drive in lun.drives()))
    return scenario.spec(name, firmware=on.firmware, variables=on.variables, drives=drives, hbas=idle, state=on.state)


def blank(scenario: Scenario, firmware: Firmware) -> OnSan:
    """Make a LUN, and the UEFI variables of a machine that boots from it; they last as long as the run."""
    folder = scenario.settings.work / f"san-{firmware}"
    folder.mkdir(exist_ok=True)
    return OnSan(new_lun(folder), firmware, folder / "vars.fd" if firmware == "uefi" else None)


def san_answers(**additional: object) -> Values:
    """Return the answers' part that all of these hosts share; ``additional`` values are added."""
    values = target(**additional)
    values["san"]["all_paths_down"] = {"queue_seconds": QUEUE_SECONDS}
    return values


def check_lun_host(scenario: Scenario, machine: Machine, ssh: Ssh, on: OnSan, *guests: Lun) -> None:
    """Check everything of a host on a LUN with two paths; ``guests`` are additional LUNs of its volume group.

    :raises ScenarioFailed: for the first check that fails.
    """
    wait_for_first_boot(scenario, machine)
    ssh.wait_for_login()
    scenario.diagnose("san.txt", ssh, "multipath -ll; lsblk; dom0ctl multipath; dom0ctl status; efibootmgr -v")
    check_installed_host(scenario, machine, ssh, firmware=on.firmware)
    check_root(ssh, on.lun)
    check_lvm(ssh, on.lun, *guests)
    check_initramfs(ssh)
    check_policy(ssh, on.lun)
    need(good_paths(ssh, on.lun.wwid) == 2, "dom0ctl multipath does not show two good paths")
    need("paths     all there" in ssh.succeed("dom0ctl status"), "dom0ctl status does not report the paths")
    ssh.succeed("systemctl is-active dom0kit-paths.service")
    scenario.notes["kept in memory"] = check_resident(ssh)


RESIDENT = """import json, os, subprocess, sys
from pathlib import Path
sys.path.insert(0, "/usr/lib/dom0kit")
from firstboot.multipath_monitor.pin_in_memory import needed
pid = subprocess.check_output(["systemctl", "show", "-P", "MainPID", "dom0kit-paths.service"], text=True).strip()
lines = [line.split(maxsplit=5) for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
mapped = {line[5] for line in lines if len(line) > 5}
files = [file for file in needed(Path("/"), os.uname().release)[0] if os.path.getsize(file)]
sizes = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Vm"))
print(json.dumps({"missing": [file for file in files if file not in mapped], "files": len(files),
                  "bytes": sum(map(os.path.getsize, files)), **{name: sizes[name].strip() for name in ("VmLck", "VmRSS")}}))
"""


def check_resident(guest: Guest) -> dict[str, object]:
    """Check that the multipath monitor has all files that it needs locked in memory; return their number and sizes.

    :raises TimedOut: when one is not.
    """
    found: dict[str, object] = {}

    def all_locked() -> bool:
        found.update(json.loads(guest.succeed(f"python3 -c {shlex.quote(RESIDENT)}")))
        return not found["missing"]

    what = "dom0kit-paths.service with all its files in memory"
    poll(all_locked, what, limit=SEEN_SECONDS, evidence=lambda: f"missing: {found['missing']}")
    return found


def check_policy(guest: Guest, lun: Lun) -> None:
    """Check that the queueing of a disk without paths is that of the answers."""
    found = next(item for item in multipath_status(guest)["maps"] if item["wwid"] == lun.wwid)
    need(found["queueing"] == f"{QUEUE_SECONDS // 5} chk", f"without a path: {found['queueing']}")


SOURCES = ("san/multipath_array.py", "san/multipath_host.py", "install/installed_disk.py")
STATE = "state"
LUN = "lun.img"


def on_stage(stage: Stage) -> OnSan:
    """Return the host that a stage holds, with its machine's state when it was running."""
    state = stage.folder / STATE
    return OnSan(Lun(stage.folder / LUN), "bios", None, state if state.exists() else None)


def install(scenario: Scenario, *, renew: bool = False) -> OnSan:
    """Return the cached host on a LUN with two paths of a BIOS machine, shut down; install it when it is not cached.

    Its running machine is cached as well: a boot takes minutes, and scenarios about paths need none.

    :param renew: install even if it is cached, for the scenario about the installation.
    """

    def make(folder: Path) -> dict[str, Any]:
        on = OnSan(new_lun(folder, LUN), "bios", None)
        install_from_cd(scenario, on.lun.drives(), answers(scenario.settings.credentials, **san_answers()), firmware="bios")
        machine, ssh = machine_of(scenario, on, "host")
        with machine:
            check_lun_host(scenario, machine, ssh, on)
            scenario.keep_stage("san-running", SOURCES, lambda running: save_running(scenario, machine, on, running))
            power_off(scenario, machine, ssh)
        return {}

    return on_stage(scenario.stage("san-host", SOURCES, make, renew=renew))


def save_running(scenario: Scenario, machine: Machine, on: OnSan, folder: Path) -> dict[str, Any]:
    """Save a running machine in a stage's folder: its memory, and a copy of its LUN."""
    with scenario.phase("keep the running machine"):
        machine.save(folder / STATE, lambda: on.lun.copy(folder / LUN))
    return {}


def running(scenario: Scenario) -> tuple[OnSan, Machine, Ssh]:
    """Return a running host of the scenario's own, with both its paths, its machine and its ssh client.

    It is booted when it is not cached.
    """

    def make(folder: Path) -> dict[str, Any]:
        on = installed(scenario)
        machine, ssh = machine_of(scenario, on, "boot")
        with machine:
            machine.wait_for_event("firstboot", limit=timeouts.BOOT)
            ssh.wait_for_login()
            ssh.wait_for_boot()
            return save_running(scenario, machine, on, folder)

    on = on_stage(scenario.stage("san-running", SOURCES, make)).copy(scenario.work)
    machine, ssh = machine_of(scenario, on, "host")
    return on, machine, ssh


def power_off(scenario: Scenario, machine: Machine, ssh: Ssh) -> None:
    """Shut the host down."""
    with scenario.phase("shut down"):
        machine.shutdown(ssh)


def installed(scenario: Scenario) -> OnSan:
    """Return a copy of the installed host for the scenario."""
    return install(scenario).copy(scenario.work)
