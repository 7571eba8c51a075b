"""What the screens offer in addition to installing, on one machine that installs nothing."""

from __future__ import annotations

import re

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.san.multipath_array import SERIAL, WWN, Lun
from qa.scenario import Scenario
from qa.tui import optional_actions, ssh_session, standard_path
from qa.tui.operator import Operator
from qa.vm import media
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive

SECOND_MAC = "52:54:00:77:02:02"
TWIN = "TWIN"
TAG = 77
VLAN_GATEWAY = "10.77.77.1"


def disks(scenario: Scenario) -> tuple[Drive, ...]:
    """Return a plain disk, two with the same serial number, a LUN with two paths, and one with a single path."""
    twins = [Drive(media.blank_disk(scenario.work / f"twin{n}.img"), serial=TWIN) for n in (1, 2)]
    luns = [
        Lun(media.blank_disk(scenario.work / "lun1.img"), boot=None),
        Lun(media.blank_disk(scenario.work / "lun2.img"), "LUN2", WWN + 1, boot=None, first=2, paths=1),
    ]
    plain = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL)
    return (plain, *twins, *luns[0].drives(), *luns[1].drives())


@scenario("tui-extras", firmware="bios", minutes=8, tags={"tui"}, lab=True)
def test_tui_extras(scenario: Scenario, lab: Lab) -> None:
    """Under Xen: log in by key and by password, switch key maps, handle odd disks, test each kind of address."""
    lab.dhcp()
    lab.advertise()
    lab.vlan(netns_commands.BRIDGE, TAG, f"{VLAN_GATEWAY}/24")
    files = scenario.work / "files"
    files.mkdir()
    (files / "keys").write_text(f"# mine\n{scenario.settings.credentials.public}\n")
    web = lab.web("web", files=files)
    nics = (lab.nic(MANAGEMENT_MAC), lab.nic(SECOND_MAC))
    drives = (*disks(scenario), scenario.cd(), scenario.stick("install-xen", arguments=f"dom0kit.ssh={web.url}/keys"))
    before = [media.fingerprint(drive.path) for drive in drives]
    spec = scenario.spec("install", drives=drives, nics=nics, netns=lab.namespace)
    with scenario.machine("install", spec) as machine:
        operator = Operator(machine)
        with scenario.phase("boot to the first screen"):
            operator.wait_for_screen("SSH access", limit=timeouts.BOOT)
        with scenario.phase("log-ins over SSH"):
            address = optional_actions.ssh_address(operator, "by key")
            optional_actions.by_key(operator, ssh_session.by_key(address, lab.namespace, scenario.settings.credentials))
            operator.wait_for_screen(standard_path.FIRST)
            operator.press("enter")
            operator.wait_for_screen("What to do")
            optional_actions.by_password(operator, lambda where: ssh_session.by_password(where, lab.namespace))
        with scenario.phase("odd disks"):
            operator.press("enter")
            optional_actions.odd_disks(operator, twin=TWIN, paths=SERIAL, single="LUN2")
            scenario.keep("disks.txt", operator.screen.text)
        with scenario.phase("key maps"):
            optional_actions.key_maps(operator)
        with scenario.phase("tests of the network"):
            seen = optional_actions.networks(operator, tag=TAG, vlan_gateway=VLAN_GATEWAY)
            scenario.keep("network-tests.txt", "\n\n".join(seen))
        info = under_xen(operator)
        need("4.20" in info, f"the installer does not run under Xen 4.20: {info}")
    need([media.fingerprint(drive.path) for drive in drives] == before, "a disk was written to")


def under_xen(operator: Operator) -> str:
    """Return Xen's version from the shell of the session."""
    operator.press("ctrl-t", "ctrl-t")
    operator.wait_for_text("[3 shell]")
    operator.send_line("xl info | grep xen_version")
    operator.wait_until(lambda: bool(re.search(r"xen_version +: \S+", operator.screen.text)), "version of Xen")
    return operator.screen.text
