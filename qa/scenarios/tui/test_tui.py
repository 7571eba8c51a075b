"""Installation by the screens alone: on the serial line of a BIOS machine, at keyboard and display on UEFI."""

from __future__ import annotations

from dataclasses import replace

from qa import timeouts
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL, HOST_NAME
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.tui import host_display, standard_path
from qa.tui.operator import Operator
from qa.tui.screen_tour import visit_option_screens, visit_pool_screens
from qa.vm import media
from qa.vm.ports import reserve
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive, MachineSpec, Nic

SECOND = "DISK2"


def wanted(scenario: Scenario) -> standard_path.Choices:
    """Return the choices of the scenarios' administrator."""
    credentials = scenario.settings.credentials
    return standard_path.Choices(credentials.password, credentials.public)


@scenario("tui-bios-serial", firmware="bios", minutes=9, tags={"tui"})
def test_tui_bios_serial(scenario: Scenario) -> None:
    """Install by the serial line alone, from the first screen to a host that an administrator can log in to."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        operator = Operator(machine)

        def look(label: str) -> None:
            scenario.keep(f"seen-{label}.txt", operator.screen.text)

        with scenario.phase("boot to the first screen"):
            operator.wait_for_screen(standard_path.FIRST, limit=timeouts.BOOT)
        with scenario.phase("answer the questions"):
            standard_path.to_summary(operator, wanted(scenario), look)
            standard_path.confirm(operator, look)
        scenario.notes["key presses"] = {"all": operator.keys, "for the public key": len(wanted(scenario).key)}
        standard_path.watch(operator, scenario, look)
    port = reserve()
    with scenario.machine("host", scenario.spec("host", drives=(disk,), nics=(Nic(ssh_port=port),))) as machine:
        wait_for_first_boot(scenario, machine)
        check_installed_host(scenario, machine, Ssh(scenario.settings.credentials, port), firmware="bios")


@scenario("tui-uefi-vga", firmware="uefi", minutes=14, tags={"tui"})
def test_tui_uefi_vga(scenario: Scenario) -> None:
    """Install at keyboard and display, with a screenshot of every screen; the display shows what the serial line shows."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    second = Drive(media.ext4_disk(scenario.work / "second.img"), serial=SECOND)
    variables = scenario.work / "vars.fd"
    before = media.fingerprint(second.path)
    nics = (Nic(mac=MANAGEMENT_MAC), Nic(mac="52:54:00:0d:00:02"))
    spec = scenario.spec("install", firmware="uefi", variables=variables, drives=(disk, scenario.cd(), second), nics=nics)
    # Without virtualization in the processor the installer shows a warning.
    spec = replace(spec, cpu=f"{spec.cpu},-svm,-vmx")
    with scenario.machine("install", spec) as machine:
        operator = Operator(machine, at="display")

        def look(label: str) -> None:
            # The installation continues while the screenshot is taken.
            operator.screenshot(label, check=label != "progress")

        with scenario.phase("boot to the first screen"):
            operator.wait_for_screen(standard_path.FIRST, limit=timeouts.BOOT)
        with scenario.phase("answer the questions"):
            standard_path.begin(operator, look)
            visit_option_screens(operator, look)
            standard_path.storage(operator, wanted(scenario), look)
            standard_path.network(operator, wanted(scenario), look)
            standard_path.to_pool(operator, wanted(scenario), look)
            visit_pool_screens(operator, look)
            look("pool")
            operator.press("enter")
            operator.wait_for_screen("Summary")
            operator.wait_for_text(HOST_NAME)
            look("summary")
            standard_path.confirm(operator, look)
        standard_path.watch(operator, scenario, look)
    need(media.fingerprint(second.path) == before, "the second disk, which was not selected, was written to")
    port = reserve()
    spec = scenario.spec("host", firmware="uefi", variables=variables, drives=(disk,), nics=(Nic(ssh_port=port),))
    check_status_screen(scenario, spec, Ssh(scenario.settings.credentials, port))


def check_status_screen(scenario: Scenario, spec: MachineSpec, ssh: Ssh) -> None:
    """Check the installed host, then all keys of its status screen, restart and power-off included."""
    password = scenario.settings.credentials.password
    with scenario.machine("host", spec) as machine:
        with scenario.phase("first boot"):
            machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        with scenario.phase("log-in by ssh"):
            ssh.wait_for_login()
        with scenario.phase("the rest of the boot"):
            ssh.wait_for_boot()
        check_installed_host(scenario, machine, ssh, firmware="uefi")
        display = host_display.HostDisplay(machine, ssh)
        display.wait_for_text(HOST_NAME, "10.0.2.", "No problems.")
        Operator(machine, at="display").screenshot("host-console", check=False)
        with scenario.phase("keys of the console"):
            host_display.check_keys(display, password)
            need(machine.wait_for_shutdown() == "guest-reset", "the key for a restart did not restart the host")
    with scenario.machine("again", replace(spec, folder=scenario.work / "again")) as machine:
        with scenario.phase("second boot"):
            machine.wait_for_event("firstboot", limit=timeouts.BOOT)
            ssh.wait_for_login()
        with scenario.phase("power off"):
            ssh.wait_for_boot()
            host_display.power_off(host_display.HostDisplay(machine, ssh), password)
            need(machine.wait_for_shutdown() == "guest-shutdown", "the key for power-off did not power the host off")
