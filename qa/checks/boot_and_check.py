"""Wait for a host's first boot and check it as an administrator would."""

from __future__ import annotations

from qa import timeouts
from qa.checks import host_checks
from qa.guest.ssh_access import Ssh
from qa.install import answers
from qa.scenario import Scenario
from qa.vm.machine import Machine
from qa.vm.qemu_args import Firmware
from qa.vm.serial_console import Console


def wait_for_first_boot(scenario: Scenario, machine: Machine) -> Console:
    """Wait for the end of the first boot, log in on the console, wait for the rest of the boot; return the console.

    :raises ScenarioFailed: when the host is not Xen's dom0, or a unit failed.
    """
    with scenario.phase("first boot"):
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
    console = machine.console()
    with scenario.phase("log-in on the console"):
        console.login("root", scenario.settings.credentials.password)
    with scenario.phase("the rest of the boot"):
        console.wait_for_boot()
    host_checks.check_mode(console, "host")
    host_checks.check_xen(console)
    host_checks.check_services(console)
    return console


def check_installed_host(
    scenario: Scenario,
    machine: Machine,
    ssh: Ssh,
    *,
    firmware: Firmware,
    name: str = answers.HOST_NAME,
    prefix: str = "10.0.2.",
    neighbour: str = "10.0.2.2",
    disk_first: bool = True,
) -> None:
    """Log in by ssh and run all checks of an installed host.

    :param name: the host's name in the answers.
    :param disk_first: see :func:`qa.checks.host_checks.check_storage`.
    :param prefix: the beginning of its address; ``neighbour`` is another address in the same network.
    :raises ScenarioFailed: for the first difference from the answers.
    """
    with scenario.phase("log-in by ssh"):
        ssh.wait_for_login()
    host_checks.check_xen(ssh)
    scenario.diagnose(f"journal-{machine.name}.txt", ssh, "journalctl -b --no-pager -o short-monotonic")
    with scenario.phase("checks by ssh"):
        host_checks.check_overlay(ssh, writable_medium=True)
        host_checks.check_identity(ssh, name)
        host_checks.check_network(ssh, prefix=prefix, neighbour=neighbour)
        host_checks.check_access(ssh, scenario.settings.credentials.public)
        host_checks.check_storage(ssh, firmware, disk_first=disk_first)
        host_checks.check_services(ssh)
    on_screen = ssh.succeed("ps -o args= -t tty1; true")
    host_checks.need("host-console" in on_screen, f"the host's console is not on the screen (tty1): {on_screen!r}")
    machine.screenshot("tty1")
