"""An iSCSI array with ALUA: a small machine whose kernel's target (LIO) exports one LUN by two ports.

The machine runs the ISO's kernel and the shell of its initramfs; LIO's modules come from the image on the ISO. The target is
configured through configfs (Linux: Documentation/target/; ALUA: SPC-4, 5.16). tgt (:mod:`qa.san.tgt_array`) has no ALUA.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qa import timeouts
from qa.lab.lab import Lab
from qa.san import tgt_array
from qa.san.multipath_array import Lun
from qa.scenario import Scenario
from qa.vm.qemu_args import DirectKernel, Drive
from qa.vm.serial_console import Console

PORTALS = ("10.77.1.2", "10.77.2.2")
CARDS = ("52:54:00:77:03:01", "52:54:00:77:03:02")
VLAN = 42
"""The VLAN of the second port."""
SERIAL = "d0a1000000000000000000001"
"""25 hexadecimal digits: LIO makes the LUN's WWN of its own company's number and these digits."""
NAA = int(f"6001405{SERIAL}", 16)
STATES = {"optimized": 0, "non-optimized": 1, "standby": 2}
"""Primary access states by their numbers (SPC-4, 6.25)."""
State = Literal["optimized", "non-optimized", "standby"]
SHELL = r"\(initramfs\) "
TARGET_CORE = "/sys/kernel/config/target"
LUN = f"{TARGET_CORE}/core/iblock_0/lun"


def export(states: tuple[State, State]) -> str:
    """Return the shell script that configures the array: two target port groups of one port each, the second one in a VLAN.

    Only the array selects the port to use (implicit ALUA), as it does at the takeover of a controller.
    """
    lines = [
        "mkdir -p /cd /image",
        "modprobe -a isofs squashfs loop",
        "mount -t iso9660 -o ro /dev/sr0 /cd",
        "mount -t squashfs -o ro,loop /cd/dom0kit/dom0.squashfs /image",
        "modprobe -a -d /image target_core_mod target_core_iblock iscsi_target_mod 8021q",
        "mount -t configfs configfs /sys/kernel/config",
        f"mkdir -p {LUN}",
        f"echo udev_path=/dev/vda >{LUN}/control",
        f"echo 1 >{LUN}/enable",
        f"echo {SERIAL} >{LUN}/wwn/vpd_unit_serial",
    ]
    for number, (mac, portal, state) in enumerate(zip(CARDS, PORTALS, states, strict=True), 1):
        group = f"{LUN}/alua/port{number}"
        port = f"{TARGET_CORE}/iscsi/{tgt_array.TARGET}/tpgt_{number}"
        lines += [
            f'card=$(basename "$(dirname "$(grep -l {mac} /sys/class/net/*/address)")")',
            "ip link set $card up",
            *([f"ip link add link $card name $card.{VLAN} type vlan id {VLAN}", f"card=$card.{VLAN}"] if number == 2 else []),
            f"ip link set $card up; ip address add {portal}/24 dev $card",
            f"mkdir {group}",
            f"echo {number} >{group}/tg_pt_gp_id",
            f"echo 1 >{group}/alua_access_type",
            f"echo {STATES[state]} >{group}/alua_access_state",
            f"mkdir -p {port}/lun/lun_1 {port}/np/{portal}:{tgt_array.PORT}",
            f"ln -s {LUN} {port}/lun/lun_1/array",
            f"echo port{number} >{port}/lun/lun_1/alua_tg_pt_gp",
            *(
                f"echo {value} >{port}/attrib/{name}"
                for name, value in (
                    ("authentication", 0),
                    ("generate_node_acls", 1),
                    ("cache_dynamic_acls", 1),
                    ("demo_mode_write_protect", 0),
                )
            ),
            f"echo 1 >{port}/enable",
        ]
    return "set -e\n" + "\n".join(lines) + "\necho array-is-$((6*7))\n"


@dataclass(frozen=True)
class Array:
    """The running array."""

    lun: Lun
    console: Console
    portals: tuple[str, ...] = PORTALS

    def set_state(self, port: int, state: State) -> None:
        """Set the access state of a port, from 0."""
        self.console.send(f"echo {STATES[state]} >{LUN}/alua/port{port + 1}/alua_access_state && echo set-$((6*7))\n")
        self.console.expect("set-42")


@contextmanager
def array(scenario: Scenario, lab: Lab, file: Path, states: tuple[State, State]) -> Iterator[Array]:
    """Run the array with one LUN on this file inside the ``with`` block.

    :param states: the access states of its two ports at the start.
    """
    # The shell reads the script from a disk: its sectors are padded.
    script = scenario.work / "array.sh"
    text = export(states)
    script.write_text(text + "\n" * (-len(text) % 512))
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0,115200 break=premount", scenario.settings.initrd)
    nics = tuple(lab.nic(mac, bridge=bridge) for mac, bridge in zip(CARDS, tgt_array.BRIDGES, strict=True))
    drives = (Drive(file, serial="LUN"), Drive(script, serial="SCRIPT", read_only=True), scenario.cd(1))
    spec = scenario.spec("array", kernel=kernel, drives=drives, nics=nics, netns=lab.namespace, memory=1024)
    with scenario.machine("array", spec, stop_at_fatal=False) as machine:
        console = machine.console()
        with scenario.phase("the array starts"):
            console.expect(SHELL, limit=timeouts.BOOT)
            # Without a prompt no line of the console matches the symptom of a system in the initramfs's shell.
            console.send("PS1=; modprobe -a virtio_blk virtio_net sr_mod ahci; udevadm settle; sh /dev/vdb\n")
            console.expect("array-is-42", limit=timeouts.BOOT)
        yield Array(Lun(file, serial=SERIAL, wwn=NAA), console)
