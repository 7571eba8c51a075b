"""QEMU's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.vm.qemu_args import KVM_CPU, XEN_CPU, DirectKernel, Drive, MachineSpec, Nic, argv, cpu_model, drive_words

FOLDER = Path("/var/tmp/m")


def after(words: list[str], option: str) -> list[str]:
    """Return the values of an option."""
    return [words[i + 1] for i, word in enumerate(words) if word == option]


def test_bios_machine_with_disk_cd_and_stick() -> None:
    """The disk before the CD; the stick is never booted from."""
    drives = (
        Drive(Path("/d.img"), serial="DISK1", bootindex=0),
        Drive(Path("/i.iso"), "cdrom", bootindex=1),
        Drive(Path("/a.img"), "usb"),
    )
    words = argv(MachineSpec(FOLDER, drives=drives))
    devices = after(words, "-device")
    assert "virtio-blk-pci,drive=drive0,serial=DISK1,bootindex=0" in devices
    assert "ide-cd,bus=ide.1,drive=drive1,bootindex=1" in devices
    assert "usb-storage,bus=xhci.0,removable=on,drive=drive2" in devices
    assert "if=none,id=drive1,format=raw,file=/i.iso,media=cdrom,readonly=on" in after(words, "-drive")
    assert after(words, "-cpu") == [XEN_CPU]
    assert after(words, "-boot") == ["menu=off,strict=on"]
    assert "-no-reboot" not in words
    assert not [word for word in words if "pflash" in word]


def test_uefi_machine_has_its_own_variables() -> None:
    """The code is read-only, the variables are a file of this machine."""
    flash = [word for word in after(argv(MachineSpec(FOLDER, firmware="uefi")), "-drive") if "pflash" in word]
    assert "readonly=on" in flash[0]
    assert flash[1].endswith("file=/var/tmp/m/vars.fd")
    other = argv(MachineSpec(FOLDER, firmware="uefi", variables=Path("/v.fd")))
    assert any(word.endswith("file=/v.fd") for word in after(other, "-drive"))


def test_no_card_without_being_asked() -> None:
    """No network cards means none: QEMU's default one is off."""
    words = argv(MachineSpec(FOLDER, nics=()))
    assert "-nodefaults" in words
    assert "-netdev" not in words


def test_forwarded_port_is_on_loopback_only() -> None:
    """No other machine on the network reaches the guest, and the guest reaches none."""
    words = argv(MachineSpec(FOLDER, nics=(Nic(ssh_port=2222),)))
    assert after(words, "-netdev") == ["user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22"]
    assert "restrict" not in after(argv(MachineSpec(FOLDER, nics=(Nic(restrict=False),))), "-netdev")[0]


def test_direct_kernel_and_reset() -> None:
    """A kernel without boot loader; a reset ends the machine."""
    words = argv(MachineSpec(FOLDER, kernel=DirectKernel(Path("/k"), "console=ttyS0", Path("/i")), reset_ends=True))
    assert (after(words, "-kernel"), after(words, "-append"), after(words, "-initrd")) == (["/k"], ["console=ttyS0"], ["/i"])
    assert "-no-reboot" in words


@pytest.mark.parametrize(
    ("drive", "device"),
    [
        (Drive(Path("/d"), "scsi", serial="S"), "scsi-hd,bus=scsi.0,drive=drive3,serial=S"),
        (Drive(Path("/d"), "nvme"), "nvme,drive=drive3,serial=NVME3"),
        (
            Drive(Path("/d"), "nvme", sector=4096),
            "nvme,drive=drive3,serial=NVME3,logical_block_size=4096,physical_block_size=4096",
        ),
        (Drive(Path("/d"), "usb", bootindex=0), "usb-storage,bus=xhci.0,removable=on,drive=drive3,bootindex=0"),
    ],
)
def test_buses(drive: Drive, device: str) -> None:
    """Each bus has its device; NVMe cannot be without a serial number."""
    assert drive_words(drive, 3)[-1] == device


def test_comma_in_a_path() -> None:
    """QEMU wants commas doubled."""
    assert "file=/a,,b" in drive_words(Drive(Path("/a,b")), 0)[1]


def test_impossible_machine() -> None:
    """A machine without memory is the user's mistake."""
    with pytest.raises(UserError, match="0 MiB"):
        argv(MachineSpec(FOLDER, memory=0))


def test_cpu_model() -> None:
    """Emulation needs features switched off, KVM takes the host's processor."""
    assert cpu_model(("-accel", "kvm")) == KVM_CPU
    assert cpu_model(("-accel", "tcg,thread=multi")) == XEN_CPU


def test_card_on_a_tap() -> None:
    """The card is on the tap, in the namespace, with the specified boot ROM and boot index."""
    nic = Nic(mac="52:54:00:00:00:07", tap="tap3", rom=True, bootindex=0)
    words = argv(MachineSpec(FOLDER, nics=(Nic(), nic), netns="ns"))
    assert words[:5] == ["ip", "netns", "exec", "ns", "qemu-system-x86_64"]
    assert after(words, "-netdev")[1] == "tap,id=net1,ifname=tap3,script=no,downscript=no"
    assert "virtio-net-pci,id=nic1,netdev=net1,mac=52:54:00:00:00:07,bootindex=0" in after(words, "-device")
    assert f"virtio-net-pci,id=nic0,netdev=net0,mac={Nic().mac},romfile=" in after(words, "-device")


def test_no_port_into_a_tap() -> None:
    """A forwarded port would silently lead nowhere."""
    with pytest.raises(UserError, match="no forwarded port"):
        argv(MachineSpec(FOLDER, nics=(Nic(tap="tap0", ssh_port=2222),)))


def test_sectors_of_4096_bytes() -> None:
    """Logical and physical ones; a CD keeps its own."""
    words = drive_words(Drive(Path("/d"), "nvme", serial="N1", sector=4096), 0)
    assert words[-1] == "nvme,drive=drive0,serial=N1,logical_block_size=4096,physical_block_size=4096"
    assert "block_size" not in drive_words(Drive(Path("/d"), "cdrom", sector=4096), 0)[-1]


def test_firmware_settings() -> None:
    """OVMF reads them by name."""
    words = argv(MachineSpec(FOLDER, firmware="uefi", firmware_settings=(("IPv4PXESupport", "n"),)))
    assert after(words, "-fw_cfg") == ["name=opt/org.tianocore/IPv4PXESupport,string=n"]


def test_paths_to_a_lun_share_file_serial_and_name() -> None:
    """Each path has an HBA and a port of its own; the file is open twice, without a lock."""
    paths = [Drive(Path("/lun.img"), serial="LUN1", wwn=0x5000C50015EA71AD, hba=hba, bootindex=hba) for hba in (0, 1)]
    words = argv(MachineSpec(FOLDER, drives=tuple(paths), hbas=(7,)))
    devices = after(words, "-device")
    assert [word for word in devices if word.startswith("virtio-scsi-pci")] == [
        "virtio-scsi-pci,id=hba7,addr=0x17",
        "virtio-scsi-pci,id=hba0,addr=0x10",
        "virtio-scsi-pci,id=hba1,addr=0x11",
    ]
    for number in (0, 1):
        (device,) = [word for word in devices if f"id=path{number}" in word]
        assert device.startswith(f"scsi-hd,id=path{number},bus=hba{number}.0,drive=drive{number},serial=LUN1,share-rw=on,")
        assert f"port_index={number + 1}," in device
        assert f"wwn={0x5000C50015EA71AD}" in device
        assert f"bootindex={number}" in device
        assert f"if=none,id=drive{number},format=raw,file.filename=/lun.img,file.locking=off" in after(words, "-drive")


def test_a_machine_that_goes_on_from_a_kept_state() -> None:
    words = argv(MachineSpec(FOLDER, state=Path("/var/tmp/a b/state")))
    assert after(words, "-incoming") == ["exec:cat '/var/tmp/a b/state'"]
    assert "-incoming" not in argv(MachineSpec(FOLDER))


def test_a_disk_with_faults_and_a_console_on_the_second_port() -> None:
    words = drive_words(Drive(Path("/x/disk.img"), serial="D1", faults=Path("/x/faults")), 0)
    assert "format=raw,file=blkdebug:/x/faults:/x/disk.img," in words[1]
    line = " ".join(argv(MachineSpec(Path("/run/m"), com=2)))
    assert "-device isa-serial,chardev=serial,index=1" in line
    assert "-serial chardev" not in line
