"""Boot entries of UEFI firmware: those of the erased disk go, those of another dom0kit stay, the new one is first."""

from __future__ import annotations

import io

import installer_samples
from fake_firmware import GUIDS, FakeFirmware, entry
from fake_runner import FakeRunner

from installer.bootloader import grub
from installer.command_log import Commands
from installer.model import actions


def commands(firmware: FakeFirmware) -> Commands:
    return Commands(io.StringIO(), FakeRunner({"": firmware.output}))


def the_finish(*labels: str) -> actions.Finish:
    entries = tuple(actions.BootEntry(f"/dev/sd{letter}", 2, label) for letter, label in zip("ab", labels, strict=False))
    return installer_samples.finish(*entries)


def test_s3_the_entries_of_another_dom0kit_on_another_disk_stay() -> None:
    """Erase one of two dom0kit disks; the label of both is the same."""
    firmware = FakeFirmware(
        {
            "0000": entry(GUIDS[1]),
            "0001": entry(GUIDS[2].upper()),
            "0002": entry(GUIDS[3], "dom0kit (second disk)"),
            "0003": "UEFI Shell\tFvVol",
            "0004": entry(GUIDS[2], "dom0kit (path 1)"),
        },
        ["0000", "0001", "0002", "0003", "0004"],
    )
    grub.remove_boot_entries({GUIDS[2]}, commands(firmware))
    assert sorted(firmware.entries) == ["0000", "0002", "0003"]
    assert grub.set_boot_entries(the_finish("dom0kit"), commands(firmware)) == ""
    assert sorted(firmware.entries) == ["0000", "0001", "0002", "0003"]
    assert firmware.order[0] == "0001"


def test_an_entry_of_a_disk_that_is_not_connected_stays() -> None:
    firmware = FakeFirmware({"0000": entry(GUIDS[1]), "0001": "dom0kit", "0002": "dom0kit\tHD(2)"}, ["0000"])
    grub.remove_boot_entries({GUIDS[2]}, commands(firmware))
    assert sorted(firmware.entries) == ["0000", "0001", "0002"]


def test_labels_that_only_begin_alike_are_somebody_elses() -> None:
    firmware = FakeFirmware({"0000": entry(GUIDS[2], "dom0kit (my own)"), "0001": entry(GUIDS[2], "dom0kit (path 12)")}, [])
    grub.remove_boot_entries({GUIDS[2]}, commands(firmware))
    assert sorted(firmware.entries) == ["0000"]


def test_firmware_that_lists_nothing_does_not_fail_the_erasure() -> None:
    log = io.StringIO()
    grub.remove_boot_entries({GUIDS[2]}, Commands(log, FakeRunner(failing={"efibootmgr"}, errors="no EFI variables")))
    assert "no EFI variables" in log.getvalue()


def test_another_dom0kit_that_stays_first_is_not_taken_for_this_one() -> None:
    firmware = FakeFirmware({"0000": entry(GUIDS[1])}, ["0000"], stubborn=True)
    assert "did not move dom0kit first" in grub.set_boot_entries(the_finish("dom0kit"), commands(firmware))


def test_both_disks_of_a_mirror_are_in_the_boot_order_the_first_one_first() -> None:
    firmware = FakeFirmware({}, [], {"/dev/sda": GUIDS[1], "/dev/sdb": GUIDS[2]})
    assert grub.set_boot_entries(the_finish("dom0kit", "dom0kit (second disk)"), commands(firmware)) == ""
    assert [firmware.entries[number] for number in firmware.order] == [
        entry(GUIDS[1]),
        entry(GUIDS[2], "dom0kit (second disk)"),
    ]


def test_nvram_is_a_warning_on_uefi_and_nothing_on_bios() -> None:
    broken = Commands(io.StringIO(), FakeRunner(failing={"efibootmgr"}, errors="no space left"))
    assert "no space left" in grub.set_boot_entries(the_finish("dom0kit"), broken)
    fake = FakeRunner()
    assert grub.set_boot_entries(the_finish(), Commands(io.StringIO(), fake)) == ""
    assert fake.words == []


def test_firmware_that_keeps_its_own_order_is_named() -> None:
    firmware = FakeFirmware({"0000": "UEFI Shell\tFvVol"}, ["0000"], stubborn=True)
    assert "did not move dom0kit first" in grub.set_boot_entries(the_finish("dom0kit"), commands(firmware))
