"""QEMU's command line as a pure function of the description of a machine."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dom0kit.errors import UserError

Firmware = Literal["bios", "uefi"]
Bus = Literal["virtio", "scsi", "nvme", "usb", "cdrom"]

XEN_CPU = "max,-smap,-xsave,-avx,-avx2,-fma,-f16c,-vaes,-vpclmulqdq,-rdtscp,-erms,-fsrm"
"""The CPU model when QEMU emulates. Without ``-smap`` QEMU 7 crashes a paravirtual dom0 at its first ``iret``; with xsave
programs in dom0 crash at random once a paravirtual guest runs; rdtscp, erms and fsrm led to soft lockups in page clearing.
AVX goes with xsave: plain Linux trusts the feature bit alone, and raid6_pq dies of an invalid opcode when it loads."""

KVM_CPU = "host"
"""The CPU model under KVM: ``max`` offers what nested hosts then refuse."""

EVENT_PORT = "org.dom0kit.events"
MANAGEMENT_MAC = "52:54:00:12:34:56"
PORT_WWN = 0x5000C500DC000000
"""WWN of a LUN's first target port; the other ports have the following numbers."""
FIRST_HBA_SLOT = 0x10
OVMF_CODE, OVMF_VARS = (Path("/usr/share/OVMF", f"OVMF_{name}_4M.fd") for name in ("CODE", "VARS"))


@dataclass(frozen=True)
class Drive:
    """A disk, a USB stick or a CD.

    :param path: the image file.
    :param bootindex: position in the firmware's boot order, from 0; None: never booted from.
    :param serial: serial number that the guest sees, at most 20 characters; not for CDs.
    :param sector: bytes of a logical and physical sector; UEFI boots from 4096, BIOS does not. Not for CDs.
    :param wwn: world wide name that the guest sees, 64 bits; only for a path to a LUN.
    :param hba: number of the host bus adapter, from 0, for a path to a LUN; all paths have the same image file.
    :param faults: rules of QEMU's blkdebug for a raw image, see :func:`qa.vm.media.failing`.
    """

    path: Path
    bus: Bus = "virtio"
    format: Literal["raw", "qcow2"] = "raw"
    serial: str = ""
    bootindex: int | None = None
    read_only: bool = False
    sector: Literal[512, 4096] = 512
    wwn: int | None = None
    hba: int | None = None
    faults: Path | None = None


@dataclass(frozen=True)
class Nic:
    """A network card, on QEMU's user network 10.0.2.0/24 (DHCP gives 10.0.2.15) or on a tap.

    :param ssh_port: a TCP port on 127.0.0.1 that is forwarded to the guest's port 22; user network only.
    :param restrict: the guest reaches nothing outside, as in a data center without internet access; user network only.
    :param tap: the tap of the card, in the machine's namespace.
    :param rom: with QEMU's boot ROM, iPXE: BIOS needs it to boot from the network, OVMF has its own drivers.
    :param bootindex: position in the firmware's boot order, from 0; None: never booted from.
    """

    mac: str = MANAGEMENT_MAC
    ssh_port: int | None = None
    restrict: bool = True
    tap: str = ""
    rom: bool = False
    bootindex: int | None = None
    model: str = "virtio-net-pci"


@dataclass(frozen=True)
class DirectKernel:
    """A kernel that QEMU loads itself, without firmware and boot loader."""

    path: Path
    arguments: str
    initrd: Path | None = None


@dataclass(frozen=True)
class MachineSpec:
    """The description of one machine.

    :param folder: for its sockets and its copy of the UEFI variables; a short path: a socket's has at most 107 bytes.
    :param accelerator: arguments such as ``("-accel", "kvm")``, from :mod:`qa.vm.accelerator`.
    :param memory: in MiB.
    :param reset_ends: a reset by the guest ends QEMU (``-no-reboot``) instead of rebooting.
    :param variables: the UEFI variable store, writable; None: ``folder/vars.fd``.
    :param display: QEMU's ``-display`` value.
    :param netns: the network namespace that QEMU runs in; its UNIX sockets are files outside of it.
    :param hbas: numbers of host bus adapters without a disk, for paths that are added later.
    :param state: a file from :meth:`qa.vm.machine.Machine.save` to continue from; everything else must be unchanged.
    :param com: the serial port of the console, 1 or 2; the machine has no other one.
    :param clock: the hardware clock at the start: ``utc``, or a UTC time such as ``2026-01-31T12:00:00``.
    :param firmware_settings: OVMF's settings, by name below ``opt/org.tianocore/``.
    :param devices: additional arguments of QEMU's command line, for a card of another kind.
    :param restore: the snapshot (``savevm``) to continue from; all writable drives must be qcow2.
    :param interactive: with sockets for the user: VNC, QEMU's monitor, and a second QMP.
    """

    folder: Path
    firmware: Firmware = "bios"
    drives: tuple[Drive, ...] = ()
    nics: tuple[Nic, ...] = (Nic(),)
    kernel: DirectKernel | None = None
    accelerator: tuple[str, ...] = ("-accel", "tcg,thread=multi")
    cpu: str = XEN_CPU
    memory: int = 3072
    cpus: int = 1
    reset_ends: bool = False
    variables: Path | None = None
    display: str = "none"
    netns: str = ""
    firmware_settings: tuple[tuple[str, str], ...] = ()
    hbas: tuple[int, ...] = ()
    state: Path | None = None
    devices: tuple[str, ...] = ()
    restore: str = ""
    interactive: bool = False
    clock: str = "utc"
    com: Literal[1, 2] = 1

    @property
    def serial_socket(self) -> Path:
        """Return the path of the serial console's socket."""
        return self.folder / "serial"

    @property
    def qmp_socket(self) -> Path:
        """Return the path of the harness's QMP socket."""
        return self.folder / "qmp"

    @property
    def event_socket(self) -> Path:
        """Return the path of the event port's socket."""
        return self.folder / "events"

    @property
    def vnc_socket(self) -> Path:
        """Return the path of the VNC socket; ``interactive`` only, as the next two."""
        return self.folder / "vnc"

    @property
    def monitor_socket(self) -> Path:
        """Return the path of the socket of QEMU's monitor."""
        return self.folder / "monitor"

    @property
    def user_qmp_socket(self) -> Path:
        """Return the path of the user's QMP socket; the harness's own serves one client."""
        return self.folder / "qmp-user"

    @property
    def variable_store(self) -> Path:
        """Return the path of the UEFI variables of this machine."""
        return self.variables or self.folder / "vars.fd"


def cpu_model(accelerator: tuple[str, ...]) -> str:
    """Return the CPU model that fits the accelerator's arguments."""
    return KVM_CPU if "kvm" in accelerator else XEN_CPU


def escaped(path: Path) -> str:
    """Return a path for QEMU's comma-separated options."""
    return str(path).replace(",", ",,")


def platform_words(spec: MachineSpec) -> list[str]:
    """Return the arguments for board, processor, memory and firmware.

    :raises UserError: for too little memory or no processor.
    """
    if spec.memory < 256 or spec.cpus < 1:
        raise UserError(
            f"a machine cannot have {spec.memory} MiB and {spec.cpus} processors", "use at least 256 MiB and 1 processor"
        )
    words = ["-nodefaults", "-no-user-config", "-machine", "q35", *spec.accelerator, "-cpu", spec.cpu]
    words += ["-m", str(spec.memory), "-smp", str(spec.cpus), "-rtc", f"base={spec.clock}"]
    # "-boot once" has no effect under OVMF; strict keeps the firmware from drives without a boot index.
    words += ["-boot", "menu=off,strict=on"]
    if spec.firmware == "uefi":
        words += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"]
        words += ["-drive", f"if=pflash,unit=1,format=raw,file={escaped(spec.variable_store)}"]
    for name, value in spec.firmware_settings:
        words += ["-fw_cfg", f"name=opt/org.tianocore/{name},string={value}"]
    if spec.kernel:
        words += ["-kernel", str(spec.kernel.path), "-append", spec.kernel.arguments]
        if spec.kernel.initrd:
            words += ["-initrd", str(spec.kernel.initrd)]
    if spec.reset_ends:
        words += ["-no-reboot"]
    if spec.restore:
        words += ["-loadvm", spec.restore]
    return words


def drive_words(drive: Drive, number: int) -> list[str]:
    """Return the arguments for one drive: its image file and its device."""
    name = f"drive{number}"
    if drive.hba is not None:
        return path_words(drive, name)
    cdrom = drive.bus == "cdrom"
    read_only = ",readonly=on" if cdrom or drive.read_only else ",discard=unmap,detect-zeroes=unmap"
    media = ",media=cdrom" if cdrom else ""
    file = f"blkdebug:{escaped(drive.faults)}:{escaped(drive.path)}" if drive.faults else escaped(drive.path)
    words = ["-drive", f"if=none,id={name},format={drive.format},file={file}{media}{read_only}"]
    device = {
        "virtio": "virtio-blk-pci",
        "scsi": "scsi-hd,bus=scsi.0",
        "nvme": "nvme",
        "usb": "usb-storage,bus=xhci.0,removable=on",
        "cdrom": f"ide-cd,bus=ide.{number % 6}",
    }[drive.bus]
    options = f"{device},drive={name}"
    serial = drive.serial or (f"NVME{number}" if drive.bus == "nvme" else "")
    if serial and not cdrom:
        options += f",serial={serial}"
    if drive.sector != 512 and not cdrom:
        options += f",logical_block_size={drive.sector},physical_block_size={drive.sector}"
    if drive.bootindex is not None:
        options += f",bootindex={drive.bootindex}"
    return [*words, "-device", options]


def path_device(drive: Drive, name: str) -> dict[str, Any]:
    """Return the device of one path to a LUN as QMP's ``device_add`` takes it: an HBA's disk called ``path0``.

    Serial number and WWN are the LUN's; the target port's name and index are the path's.
    """
    assert drive.hba is not None
    values: dict[str, Any] = {"driver": "scsi-hd", "id": f"path{drive.hba}", "bus": f"hba{drive.hba}.0", "drive": name}
    values |= {"serial": drive.serial, "share-rw": True, "port_index": drive.hba + 1, "port_wwn": PORT_WWN + drive.hba}
    if drive.wwn is not None:
        values["wwn"] = drive.wwn
    if drive.bootindex is not None:
        values["bootindex"] = drive.bootindex
    return values


def path_words(drive: Drive, name: str) -> list[str]:
    """Return the arguments for one path to a LUN; the image file is opened without a lock, as all paths share it."""
    assert drive.hba is not None
    values = ",".join(f"{key}={'on' if value is True else value}" for key, value in path_device(drive, name).items())
    file = f"if=none,id={name},format={drive.format},file.filename={escaped(drive.path)},file.locking=off"
    return ["-drive", file, *hba_words(drive.hba), "-device", values.removeprefix("driver=")]


def hba_words(number: int) -> list[str]:
    """Return the arguments for a host bus adapter in a PCI slot of its own, by which firmware remembers a disk."""
    return ["-device", f"virtio-scsi-pci,id=hba{number},addr={FIRST_HBA_SLOT + number:#x}"]


def nic_words(nic: Nic, number: int) -> list[str]:
    """Return the arguments for one network card, called ``nic0`` and so on, without a boot ROM unless it needs one.

    :raises UserError: for a forwarded port on a tap: the host reaches a guest on a tap by its address.
    """
    if nic.tap:
        if nic.ssh_port is not None:
            raise UserError("a card on a tap has no forwarded port", "reach the guest by its address inside the namespace")
        network = f"tap,id=net{number},ifname={nic.tap},script=no,downscript=no"
    else:
        network = f"user,id=net{number}" + (",restrict=on" if nic.restrict else "")
        network += "" if nic.ssh_port is None else f",hostfwd=tcp:127.0.0.1:{nic.ssh_port}-:22"
    device = f"{nic.model},id=nic{number},netdev=net{number},mac={nic.mac}"
    device += "" if nic.rom else ",romfile="
    device += "" if nic.bootindex is None else f",bootindex={nic.bootindex}"
    return ["-netdev", network, "-device", device]


def device_words(spec: MachineSpec) -> list[str]:
    """Return the arguments for drives, network cards and their controllers."""
    buses = {drive.bus for drive in spec.drives}
    words = ["-device", "qemu-xhci,id=xhci"] if "usb" in buses else []
    words += ["-device", "virtio-scsi-pci,id=scsi"] if "scsi" in buses else []
    for adapter in spec.hbas:
        words += hba_words(adapter)
    for number, drive in enumerate(spec.drives):
        words += drive_words(drive, number)
    for number, nic in enumerate(spec.nics):
        words += nic_words(nic, number)
    return [*words, *spec.devices, "-device", "virtio-rng-pci"]


def channel_words(spec: MachineSpec) -> list[str]:
    """Return the arguments for screen, serial console, event port and QMP; QEMU starts stopped (``-S``)."""

    def socket(name: str, path: Path) -> list[str]:
        return ["-chardev", f"socket,id={name},path={escaped(path)},server=on,wait=off"]

    interactive = [
        *socket("monitor", spec.monitor_socket),
        *("-mon", "chardev=monitor,mode=readline"),
        *socket("qmp-user", spec.user_qmp_socket),
        *("-mon", "chardev=qmp-user,mode=control"),
    ]
    display = f"vnc=unix:{escaped(spec.vnc_socket)}" if spec.interactive else spec.display
    return [
        *("-vga", "std", "-display", display, "-S"),
        *socket("serial", spec.serial_socket),
        *(("-serial", "chardev:serial") if spec.com == 1 else ("-device", "isa-serial,chardev=serial,index=1")),
        *socket("events", spec.event_socket),
        *("-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=events,name={EVENT_PORT}"),
        *socket("qmp", spec.qmp_socket),
        *("-mon", "chardev=qmp,mode=control"),
        *(interactive if spec.interactive else []),
    ]


def argv(spec: MachineSpec) -> list[str]:
    """Return QEMU's command line for this machine, in its namespace; nothing is started or looked up."""
    namespace = ["ip", "netns", "exec", spec.netns] if spec.netns else []
    state = ["-incoming", f"exec:cat {shlex.quote(str(spec.state))}"] if spec.state else []
    return [*namespace, "qemu-system-x86_64", *platform_words(spec), *device_words(spec), *channel_words(spec), *state]
