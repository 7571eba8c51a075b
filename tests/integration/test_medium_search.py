"""The live root looks for its medium on CDs and sticks before inner disks."""

from __future__ import annotations

from pathlib import Path

from dom0kit.process import run

SCRIPT = Path(__file__).resolve().parents[2] / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts/dom0kit-find"


def add(sys: Path, device: str, *, removable: str = "0", size: int = 1_000_000, partition: str = "") -> None:
    """Make a block device, and a partition of it, as sysfs shows them below /sys/class/block."""
    folder = sys / "devices" / device
    for path in [folder, *([folder / partition] if partition else [])]:
        path.mkdir(parents=True)
        (path / "size").write_text(f"{size}\n")
        (sys / "class/block").mkdir(parents=True, exist_ok=True)
        (sys / "class/block" / path.name).symlink_to(path)
    (folder / "removable").write_text(f"{removable}\n")
    if partition:
        (folder / partition / "partition").write_text("1\n")


def test_s2_the_same_iso_on_an_inner_disk_and_on_the_stick(tmp_path: Path) -> None:
    add(tmp_path, "pci0000:00/ata1/host0/block/sda", partition="sda1")
    add(tmp_path, "pci0000:00/usb2/2-1/host6/block/sdb", partition="sdb1")
    add(tmp_path, "pci0000:00/ata3/host2/block/sr0", removable="1")
    add(tmp_path, "pci0000:00/nvme/nvme0/nvme0n1")
    add(tmp_path, "pci0000:00/mmc0/block/mmcblk0", removable="1", partition="mmcblk0p1")
    add(tmp_path, "virtual/block/loop0")
    add(tmp_path, "pci0000:00/usb1/1-1/host7/block/sdc", size=0)
    found = run(["sh", "-c", f". {SCRIPT}; dom0kit_blocks {tmp_path}/class/block"]).output.split()
    assert found == ["mmcblk0", "mmcblk0p1", "sdb", "sdb1", "sr0", "nvme0n1", "sda", "sda1"]


def test_a_machine_without_block_devices(tmp_path: Path) -> None:
    (tmp_path / "block").mkdir()
    assert run(["sh", "-c", f". {SCRIPT}; dom0kit_blocks {tmp_path}/block 2>&1"]).output.split() == []
