"""A host on iSCSI: install it, check it, pull its cables, shut it down."""

from __future__ import annotations

from typing import Protocol

from qa.checks import host_checks
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import BRIDGE
from qa.install.installed_disk import run_installer
from qa.lab.lab import Lab
from qa.san import tgt_array
from qa.san.fsync_loop import fsync_loop
from qa.san.multipath_array import (
    Lun,
    Stopwatch,
    check_initramfs,
    check_lvm,
    check_no_error_above,
    check_root,
    good_paths,
    wait_for_path_event,
    wait_for_paths,
)
from qa.scenario import Scenario
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Nic

STATUS_COMMANDS = (
    "iscsiadm -m session -P 1; multipath -ll; lsblk; ip address; ip route; networkctl --no-pager; dom0ctl multipath; "
    "find /var/lib/iscsi -type f; cat /run/initramfs/iscsi.log; systemctl status iscsid --no-pager; true"
)


class Exported(Protocol):
    """An array of any kind."""

    @property
    def lun(self) -> Lun:
        """Return its LUN."""

    @property
    def portals(self) -> tuple[str, ...]:
        """Return the addresses of its ports."""


def installer(scenario: Scenario, lab: Lab, nics: tuple[Nic, ...], text: str, name: str = "install", **values: object) -> Machine:
    """Make a machine that starts the installer from the CD after the firmware's own iSCSI boot."""
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec(name, drives=(scenario.cd(1), stick), nics=nics, netns=lab.namespace)
    return scenario.machine(name, spec, **values)  # type: ignore[arg-type]


def install(scenario: Scenario, lab: Lab, nics: tuple[Nic, ...], text: str) -> None:
    """Install on the LUN."""
    with installer(scenario, lab, nics, text) as machine:
        run_installer(machine, scenario)


def check_host(scenario: Scenario, lab: Lab, machine: Machine, array: Exported) -> Ssh:
    """Check that the host boots from its LUN with both paths; return the ssh client."""
    console = wait_for_first_boot(scenario, machine)
    ssh = Ssh(scenario.settings.credentials, address=host_checks.addresses(console)[0], netns=lab.namespace)
    ssh.wait_for_login()
    scenario.diagnose(f"san-{machine.name}.txt", ssh, STATUS_COMMANDS)
    check_installed_host(scenario, machine, ssh, firmware="bios", prefix="10.77.0.", neighbour="10.77.0.1")
    check_root(ssh, array.lun)
    check_lvm(ssh, array.lun)
    check_initramfs(ssh)
    check_sessions(ssh, array.portals)
    need(good_paths(ssh, array.lun.wwid) == 2, "dom0ctl multipath does not show two good paths")
    return ssh


def check_sessions(guest: Guest, portals: tuple[str, ...]) -> None:
    """Check that there is a session to each portal, watched by iscsid, and that only they use their cards."""
    found = tgt_array.sessions(guest)
    need(found == list(portals), f"there are sessions to {found}")
    guest.succeed("systemctl is-active iscsid.service")
    waits = guest.succeed("cat /sys/class/iscsi_session/session*/recovery_tmo").split()
    need(waits == ["5", "5"], f"a lost session makes requests wait for {waits} s")
    startup = guest.succeed("grep -h node.startup /var/lib/iscsi/nodes/*/*/default").split("\n")
    need(startup == ["node.startup = onboot"] * 2, f"the node records contain {startup}")
    listing = guest.succeed("networkctl list --no-legend --no-pager")
    cards = {line.split()[1]: line.split()[-1] for line in listing.splitlines() if line.strip()}
    for mac, address in zip(tgt_array.CARDS, tgt_array.ADDRESSES, strict=True):
        # A card, and its VLAN if it has one: they share the address of the hardware.
        names = guest.succeed(f"grep -l {mac} /sys/class/net/*/address | cut -d/ -f5").split()
        need(bool(names) and all(cards.get(name) == "unmanaged" for name in names), f"networkd manages one of {names}: {cards}")
        found = [text for name in names for text in host_checks.addresses(guest, name)]
        need(found == [address], f"{names} have the addresses {found}")
    ports = guest.succeed(f"ovs-vsctl list-ports {BRIDGE}").split()
    need(ports == ["mgmt0"], f"the bridge has the ports {ports}")


def pull_each_cable(scenario: Scenario, machine: Machine, guest: Guest, array: Exported) -> None:
    """Disconnect and reconnect the cable of each path in turn, under a loop that writes and calls fsync."""
    times = []
    with fsync_loop(guest) as loop:
        for path in (0, 1):
            with scenario.phase(f"path {path} goes and returns"):
                since, watch = len(machine.events), Stopwatch()
                machine.set_link(path + 1, up=False)
                wait_for_path_event(machine, "lost", since)
                watch.note("lost")
                wait_for_paths(guest, array.lun.wwid, 1)
                watch.restart()
                machine.set_link(path + 1, up=True)
                wait_for_path_event(machine, "returned", since)
                watch.note("returned")
                wait_for_paths(guest, array.lun.wwid, 2)
                times.append(watch.seconds)
    scenario.notes["fsync loop"] = loop
    scenario.notes["seconds until the host reported it"] = times
    scenario.expected |= {"file system error"}
    check_no_error_above(machine.console_text)
    check_sessions(guest, array.portals)
    check_root(guest, array.lun)


def end(scenario: Scenario, machine: Machine, ssh: Ssh) -> None:
    """Shut the host down; its root works until then."""
    with scenario.phase("shut down"):
        reason = machine.shutdown(ssh)
    need(reason == "guest-shutdown", f"the host should have powered off, it ended by {reason}")
