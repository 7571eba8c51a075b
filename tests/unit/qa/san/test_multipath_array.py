"""What a console may say while paths to a LUN are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.checks.host_checks import ScenarioFailed
from qa.san.multipath_array import check_no_error_above
from qa.scenarios.san import test_san_paths

PATH = "[   71.2] I/O error, dev sda, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2\n"


@pytest.mark.parametrize(
    "line",
    [
        "[   71.2] I/O error, dev dm-0, sector 2048 op 0x1:(WRITE)",
        "[   71.2] EXT4-fs error (device dm-3): ext4_wait_block_bitmap:582",
        "[   71.2] SQUASHFS error: Failed to read block 0x15ed04c: -5",
        "[   71.2] I/O error, dev loop0, sector 8",
    ],
)
def test_an_error_above_the_paths_is_heard(line: str) -> None:
    with pytest.raises(ScenarioFailed, match="above the paths"):
        check_no_error_above(PATH + line + "\n")


def test_an_error_of_a_path_is_not() -> None:
    check_no_error_above(PATH)
    check_no_error_above(PATH + PATH.replace("sda", "sdaa"))


def test_other_paths_than_those_named_are_heard() -> None:
    check_no_error_above(PATH.replace("sda", "sdc"), "sdc|sdd")
    with pytest.raises(ScenarioFailed):
        check_no_error_above(PATH, "sdc|sdd")


def test_message_about_a_missing_disk() -> None:
    """The scenario waits for the words of the initramfs's script, which has the partition in an installed host."""
    script = Path(__file__).parents[4] / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts/dom0kit"
    printed = script.read_text().replace("${guid:+ in the partition $guid}", " in the partition $guid")
    assert test_san_paths.NO_IMAGE.format(device="$device") in printed
    menu = Path(__file__).parents[4] / "installer/bootloader/templates/host.cfg"
    assert "dom0kit.partition=$host_partition" in menu.read_text()
