"""A disk array by QEMU: LUNs with several paths that can be removed and added, and checks of the host's multipath."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from dom0kit.process import run as command
from dom0kit.units import GIB
from qa.checks.host_checks import need
from qa.guest.host_json import SYSTEM, partition
from qa.install.answers import VOLUME_GROUP, Values
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.polling import poll
from qa.vm.qemu_args import Drive, Firmware, path_device

WWN = 0x5000C50015EA71AD
SERIAL = "LUN1"
SIZE = 12 * GIB
SEEN_SECONDS = 240
"""Seconds within which a host notices that a path was removed or added."""
ALUA = """
modprobe scsi_debug vpd_use_hostno=0 add_host=2 dev_size_mb=64 && udevadm settle &&
disk=$(lsblk --noheadings --nodeps --output NAME,MODEL | awk '/scsi_debug/ {print $1; exit}') && multipath -a /dev/$disk &&
multipathd reconfigure && for turn in 1 2 3 4 5 6 7 8 9 10; do multipath -ll | grep -q scsi_debug && break; sleep 2; done
"""
"""Makes a LUN with two paths inside the host and declares it multipath, as an administrator does with a new LUN."""
_NUMBERS = count(1)


@dataclass
class Lun:
    """A LUN of the array: one file with a path from each of two HBAs.

    :param boot: boot index of its first path; the others follow. None: never booted from.
    :param first: number of its first HBA; each LUN of a machine has HBAs of its own.
    :param paths: number of its paths.
    """

    file: Path
    serial: str = SERIAL
    wwn: int = WWN
    boot: int | None = 0
    first: int = 0
    paths: int = 2

    @property
    def wwid(self) -> str:
        """Return its multipath WWID: NAA 5 of the SCSI inquiry's page 0x83."""
        return f"3{self.wwn:016x}"

    @property
    def map(self) -> str:
        """Return its device."""
        return f"/dev/mapper/{self.wwid}"

    def drive(self, path: int) -> Drive:
        """Return one of its paths, from 0."""
        place = None if self.boot is None else self.boot + path
        return Drive(self.file, serial=self.serial, wwn=self.wwn, hba=self.first + path, bootindex=place)

    def drives(self, *which: int) -> tuple[Drive, ...]:
        """Return these paths; all when none is given."""
        return tuple(self.drive(path) for path in which or range(self.paths))

    def pull(self, machine: Machine, path: int) -> None:
        """Remove a path, as when a cable is pulled and the HBA has given up on it."""
        machine.qmp("device_del", {"id": f"path{self.first + path}"})

    def plug(self, machine: Machine, path: int) -> None:
        """Add a path again, or for the first time to a machine that has its HBA."""
        name = f"again{next(_NUMBERS)}"
        file = {"driver": "file", "filename": str(self.file), "locking": "off"}
        machine.qmp("blockdev-add", {"driver": "raw", "node-name": name, "file": file})
        device = path_device(self.drive(path), name)
        # The firmware determined its boot order at power-on.
        device.pop("bootindex", None)
        machine.qmp("device_add", device)

    def resize(self, machine: Machine, size: int) -> None:
        """Grow the LUN to ``size`` bytes; each path reports it to the machine, as an array does (unit attention)."""
        nodes = [
            block["inserted"]["node-name"]
            for block in machine.qmp("query-block")
            if block.get("inserted", {}).get("file") == str(self.file)
        ]
        need(nodes, f"{self.file.name} has no path")
        for node in nodes:
            machine.qmp("block_resize", {"node-name": node, "size": size})

    def copy(self, file: Path) -> Lun:
        """Copy the LUN's content to another file; return the copy as a LUN."""
        command(["cp", "--sparse=always", "--reflink=auto", self.file, file])
        return Lun(file, self.serial, self.wwn, self.boot, self.first, self.paths)


@dataclass(frozen=True)
class OnSan:
    """A host that was installed on a LUN, after its first boot; ``state`` is that of its running machine, if it is kept."""

    lun: Lun
    firmware: Firmware
    variables: Path | None
    state: Path | None = None

    def copy(self, folder: Path) -> OnSan:
        """Copy the host for a scenario."""
        variables = None
        if self.variables:
            variables = folder / "vars.fd"
            shutil.copyfile(self.variables, variables)
        return OnSan(self.lun.copy(folder / "lun.img"), self.firmware, variables, self.state)


def target(**values: Any) -> Values:
    """Return the answers' part for a LUN that requires multipath; ``values`` are added."""
    return {"target": {"disk": {"serial": SERIAL}}, "san": {"multipath": "required"}, **values}


def multipath_status(guest: Guest) -> dict[str, Any]:
    """Return the output of ``dom0ctl multipath --json``, which exits with 1 while a path is missing."""
    result = guest.execute("dom0ctl multipath --json")
    need(result.output.startswith("{"), f"dom0ctl multipath --json prints no JSON, exit code {result.code}: {result.output}")
    value: dict[str, Any] = json.loads(result.output)
    return value


def good_paths(guest: Guest, wwid: str) -> int:
    """Return the number of paths of a disk that carry data, as ``dom0ctl multipath`` shows them."""
    found = [item for item in multipath_status(guest)["maps"] if item["wwid"] == wwid]
    need(len(found) == 1, f"dom0ctl multipath shows {len(found)} maps {wwid}")
    paths = [path for group in found[0]["groups"] for path in group["paths"]]
    return sum(path["dm"] == "active" and path["check"] in ("ready", "ghost") for path in paths)


def wait_for_paths(guest: Guest, wwid: str, wanted: int, *, limit: float = SEEN_SECONDS) -> None:
    """Wait until a disk has ``wanted`` good paths.

    :param limit: seconds of machine time.
    :raises TimedOut: when it does not have them within the limit.
    """
    seen: list[int] = []

    def all_there() -> bool:
        seen.append(good_paths(guest, wwid))
        return seen[-1] == wanted

    poll(all_there, f"disk {wwid} with {wanted} good paths", limit=limit, evidence=lambda: f"it has {seen[-1]}")


def check_root(guest: Guest, lun: Lun, paths: int = 2) -> None:
    """Check that the root is on the map, which has its paths, and that nothing uses a path directly."""
    source = guest.succeed("findmnt -n -o SOURCE --mountpoint /run/dom0kit/medium").strip()
    need(source == f"{lun.map}-part3", f"the root's disk is {source}, not {lun.map}-part3")
    line = guest.succeed("cat /proc/cmdline")
    need(f" dom0kit.image=dev:{lun.map}-part3:/images/" in line, f"the kernel's command line does not name the map: {line}")
    listing = guest.succeed(f"multipath -ll {lun.map}")
    ready = re.findall(r"active ready running", listing)
    need(len(ready) == paths, f"{len(ready)} paths are 'active ready running', not {paths}:\n{listing}")
    raw = guest.succeed("grep -E '^/dev/sd' /proc/mounts; true").strip()
    need(not raw, f"a raw path is mounted: {raw}")


def check_lvm(guest: Guest, lun: Lun, *guests: Lun) -> None:
    """Check that the physical volumes are maps, that LVM knows of no path, and that it has no complaints.

    :param guests: LUNs of the volume group in addition to the system's partition.
    """
    wanted = sorted([f"{lun.map}-part4", *(lun.map for lun in guests)])
    output = guest.succeed("pvs --noheadings -o pv_name,vg_name")
    need(sorted(output.split()) == sorted(wanted + [VOLUME_GROUP] * len(wanted)), f"the physical volumes are: {output}")
    everything = guest.succeed("pvs --all --noheadings -o pv_name 2>&1")
    need("/dev/sd" not in everything, f"LVM looks at paths:\n{everything}")
    listed = guest.succeed("lvm lvmdevices")
    need(sorted(re.findall(r"DEVNAME=(\S+)", listed)) == wanted, f"LVM's list of devices:\n{listed}")
    used = guest.succeed("lvmconfig devices/use_devicesfile").strip()
    need(used == "use_devicesfile=1", f"LVM's configuration: {used}")
    warned = guest.succeed("journalctl -b --no-pager | grep -iE 'duplicate PV|WARNING: .*PV' | head -n 5; true").strip()
    need(not warned, f"LVM complained:\n{warned}")


def check_initramfs(guest: Guest) -> None:
    """Check that the initramfs matches the host's files and its own record."""
    output = guest.succeed("dom0ctl initramfs --check")
    need("as /etc is now" in output, f"dom0ctl initramfs --check: {output}")
    noted = json.loads(guest.succeed("cat /run/dom0kit/overlay/initramfs.json"))
    digest = guest.succeed("sha256sum /run/dom0kit/image/initrd.img").split()[0]
    need(noted["sha256"] == digest, f"initramfs.json says {noted['sha256']}, the file has {digest}")


def wait_for_screen_text(guest: Guest, text: str, *, limit: float = SEEN_SECONDS) -> None:
    """Wait until the host's own screen shows a text (vcs(4)).

    :param limit: seconds of machine time.
    :raises TimedOut: when it does not show it within the limit, with the screen.
    """
    screens: list[str] = []

    def shows_it() -> bool:
        screens.append(guest.succeed("fold -w \"$(stty -F /dev/tty1 size | cut -d ' ' -f 2)\" </dev/vcs1"))
        return text in screens[-1]

    poll(shows_it, f"text {text!r} on the screen", limit=limit, evidence=lambda: f"it shows:\n{screens[-1]}")


def remove_initramfs_overlay(lun: Lun, work: Path) -> None:
    """Reduce the initramfs on a LUN that is not in use to the image's part: multipath knows no disk then."""
    start, _ = partition(lun.file, SYSTEM)
    volume = f"{lun.file}?offset={start}"
    folder = command(["debugfs", "-R", "ls -p /images", volume]).output
    (version,) = re.findall(r"^/\d+/\d+/\d+/\d+/(\d[^/]*)/", folder, re.MULTILINE)
    manifest, initrd = f"/images/{version}/manifest.json", f"/images/{version}/initrd.img"
    size = json.loads(command(["debugfs", "-R", f"cat {manifest}", volume]).output)["files"]["initrd.img"]["size"]
    whole = work / "initrd.img"
    command(["debugfs", "-R", f"dump {initrd} {whole}", volume])
    need(whole.stat().st_size > size, f"the host's initrd.img has {whole.stat().st_size} bytes, the image's {size}")
    with whole.open("r+b") as file:
        file.truncate(size)
    requests = work / "requests"
    # debugfs writes only into its current folder.
    requests.write_text(f"cd /images/{version}\nrm initrd.img\nwrite {whole} initrd.img\n")
    command(["debugfs", "-w", "-f", requests, volume])
    written = command(["debugfs", "-R", f"stat {initrd}", volume]).output
    need(f"Size: {size}" in written, f"the initrd.img was not reduced: {written}")


def path_events(machine: Machine, state: str, since: int = 0) -> list[dict[str, Any]]:
    """Return the multipath monitor's events of a state, from the event number ``since`` on."""
    return [e for e in machine.events[since:] if e.get("event") == "path" and e.get("state") == state]


def wait_for_path_event(machine: Machine, state: str, since: int, *, limit: float = SEEN_SECONDS) -> dict[str, Any]:
    """Wait for the multipath monitor's next event of a state, from the event number ``since`` on."""
    return machine.wait_until(
        lambda: next(iter(path_events(machine, state, since)), None), f"event of a path, {state}", limit=limit
    )


class Stopwatch:
    """Seconds from an action to its reports, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        """Start the measurement at an action."""
        self._start = time.monotonic()

    def note(self, name: str) -> None:
        """Record the time of a report."""
        self.seconds[name] = round(time.monotonic() - self._start, 1)


def check_no_error_above(text: str, paths: str = r"sd\w+") -> None:
    """Check that only paths report errors: a map repeats their requests on another path.

    :param text: the console's text.
    :param paths: a pattern of the kernel's names of devices that may fail.
    """
    lines = re.findall(rf"^.*(?:EXT4-fs error|SQUASHFS error|I/O error, dev (?!(?:{paths}),)).*$", text, re.MULTILINE)
    need(not lines, f"errors above the paths: {lines[:5]}")


def new_lun(folder: Path, name: str = "lun.img", **values: Any) -> Lun:
    """Make a blank LUN."""
    return Lun(media.blank_disk(folder / name, SIZE), **values)
