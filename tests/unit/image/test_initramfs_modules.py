"""What the initramfs leaves out serves no boot, and what a boot needs is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOOK = Path(__file__).parents[3] / "image/elements/dom0-live/tree/etc/initramfs-tools/hooks/dom0kit"


def removed() -> list[str]:
    """Return the folders of modules that the hook removes."""
    match = re.search(r"for folder in (fs/[^;]*); do\n    rm -rf", HOOK.read_text())
    assert match
    return match[1].split()


@pytest.mark.parametrize("name", ["btrfs", "ceph", "f2fs", "jfs", "nfs", "reiserfs", "xfs"])
def test_file_systems_that_nothing_mounts_are_removed(name: str) -> None:
    assert f"fs/{name}" in removed()


@pytest.mark.parametrize("name", ["ext4", "jbd2", "isofs", "udf", "fat", "nls", "squashfs", "overlayfs", "netfs"])
def test_file_systems_of_media_and_hosts_stay(name: str) -> None:
    assert f"fs/{name}" not in removed()


def test_raid_levels_come_when_an_array_asks_for_them() -> None:
    text = HOOK.read_text()
    forced = ["linear", "multipath", "raid0", "raid456", "raid5", "raid6", "raid10"]
    match = re.search(r"sed -i -E '/(\^.*\$)/d' \"\$DESTDIR/conf/modules\"", text)
    assert match
    assert all(re.fullmatch(match[1], name) for name in forced)
    # Hosts with a mirror boot from raid1, and md_mod comes with it.
    assert not any(re.fullmatch(match[1], name) for name in ("raid1", "dm-multipath"))
    assert "for module in raid0 raid1 raid10 raid456 sha256-ssse3; do" in text


@pytest.mark.parametrize(
    "subsystem", ["pci", "usb", "virtio", "acpi", "scsi", "block", "net", "nvme", "serio", "hid", "platform", "xen", "misc"]
)
def test_udev_in_the_initramfs_is_told_of_what_brings_drivers(subsystem: str) -> None:
    match = re.search(r"for subsystem in ([^;]*); do", HOOK.read_text())
    assert match
    assert "tty" in match[1].split()
    assert subsystem not in match[1].split()


def test_of_the_hardware_database_the_names_of_cards_are_in_the_initramfs() -> None:
    text = HOOK.read_text()
    assert "grep -lE '^ ID_NET_' /usr/lib/udev/hwdb.d/*.hwdb" in text
    assert 'install -m 444 "$database/usr/lib/udev/hwdb.bin" "$DESTDIR/usr/lib/udev/hwdb.bin"' in text


def test_the_fast_sha256_is_loaded_before_every_other_module() -> None:
    text = HOOK.read_text()
    # The initramfs's init reads conf/conf.d before it runs a script or starts udev.
    assert """echo 'modprobe -q sha256-ssse3 || true' >"$DESTDIR/conf/conf.d/dom0kit\"""" in text
