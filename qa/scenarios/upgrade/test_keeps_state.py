"""What an administrator has changed on a host is there with another image, after the return, and when it is tried again."""

from __future__ import annotations

import base64
import shlex

from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install import sample_debs
from qa.install.answers import DISK_SERIAL, Values, answers
from qa.install.installed_disk import install_from_cd
from qa.install.other_image import NAME
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.scenarios.network.test_network import ADDRESS, BEHIND, GATEWAY, MACS, TAG, bond_network, check_static
from qa.upgrade.upgraded_host import UpgradedHost, check_same_host, run_first_boot, wait_for_confirmation
from qa.vm import media
from qa.vm.qemu_args import Drive, MachineSpec

CHANGES = (
    "echo 'ClientAliveInterval 33' >/etc/ssh/sshd_config.d/30-site.conf",
    "echo 'set tabsize 3' >>/etc/nanorc",
    "echo '# site' >/etc/sysctl.d/90-site.conf",
    "systemctl disable --now cron.service",
)
"""What an administrator changes by hand: added and edited files, a disabled unit."""
SHOW = (
    "sshd -T | grep -i clientaliveinterval; tail -n 1 /etc/nanorc; cat /etc/sysctl.d/90-site.conf; "
    f"systemctl is-enabled cron.service; {sample_debs.PROGRAM}; true"
)
"""Shows what became of it."""
KEPT = ["clientaliveinterval 33", "set tabsize 3", "# site", "disabled", sample_debs.HELLO]
LATER = "/etc/site-later"
"""A file that is made on the new image."""


def install_package(scenario: Scenario, ssh: Ssh) -> None:
    """Install a package by hand as apt-get does, which keeps its file."""
    package = sample_debs.make_program(scenario.work)
    text = base64.b64encode(package.read_bytes()).decode()
    kept = f"/var/cache/apt/archives/{sample_debs.PROGRAM}_1%3a1.0_all.deb"
    ssh.succeed(f"echo {text} | base64 -d >{kept} && dpkg --install {kept}")


def check_kept(host: UpgradedHost, networks: dict[str, str]) -> None:
    """Check the networks and all that was changed by hand."""
    shown = host.ssh.succeed(f"sh -c {shlex.quote(SHOW)}").splitlines()
    need(shown == KEPT, f"what was changed by hand is {shown}, not {KEPT}")
    now = check_static(host.ssh)
    need(now == networks, f"the networks {networks} became {now}")


@scenario("upgrade-keeps-state", firmware="bios", minutes=40, tags={"upgrade", "network"}, lab=True)
def test_upgrade_keeps_state(scenario: Scenario, lab: Lab) -> None:
    """A host with a bond in a VLAN, a fixed address, and changes of all kinds: up, back, and up again."""
    lab.vlan(netns_commands.BRIDGE, TAG, f"{GATEWAY}/24")
    lab.address("lo", f"{BEHIND}/32")
    lab.bridge("br1")
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    machine_is: Values = {
        "nics": (lab.nic(MACS[0]), lab.nic(MACS[1]), lab.nic(MACS[2], bridge="br1")),
        "netns": lab.namespace,
    }
    install_from_cd(scenario, [disk], answers(scenario.settings.credentials, network=bond_network()), **machine_is)

    def spec(name: str) -> MachineSpec:
        return scenario.spec(name, drives=(disk,), **machine_is)

    host = UpgradedHost(scenario, spec, Ssh(scenario.settings.credentials, address=ADDRESS, netns=lab.namespace))
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        install_package(scenario, host.ssh)
        for command in CHANGES:
            host.ssh.succeed(command)
        networks = check_static(host.ssh)
        check_kept(host, networks)
        host.stage_and_try(machine)
    with host.boot("up") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        check_same_host(host, before)
        check_kept(host, networks)
        wait_for_confirmation(host)
        host.ssh.succeed(f"echo later >{LATER}")
        host.roll_back(machine)
    need(LATER in (scenario.folder / "rollback.txt").read_text(), "the return does not list the file that stays behind")
    with host.boot("back") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        need(host.images()[first] == ["running", "confirmed"], f"the images after the return: {host.images()}")
        check_same_host(host, before)
        check_kept(host, networks)
        host.restart_into(machine)
    with host.boot("up-again") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        check_same_host(host, before)
        check_kept(host, networks)
        wait_for_confirmation(host)
        need(host.images()[NAME] == ["running", "confirmed"], f"the images at the end: {host.images()}")
