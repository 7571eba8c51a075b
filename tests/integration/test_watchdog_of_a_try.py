"""The watchdog that the live root starts in a try: Xen's, whichever driver came first."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from initramfs_root import unpack

pytestmark = pytest.mark.kernel("image")
ARM = """. /scripts/functions; . /scripts/dom0kit
dom0kit_xen_watchdog; echo "exit code $?"
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = unpack(tmp_path_factory.mktemp("initramfs"))
    subprocess.run(["mknod", str(root / "dev/null"), "c", "1", "3"], check=True)
    return root


def found(root: Path, *drivers: str) -> list[str]:
    """Return what the live root prints on a host with watchdogs of these drivers, in the order in which they came."""
    subprocess.run(["rm", "-r", "-f", str(root / "sys/class"), str(root / "sys/bus")], check=True)
    for number, driver in enumerate(drivers):
        folder = root / f"sys/class/watchdog/watchdog{number}/device"
        folder.mkdir(parents=True)
        (root / "sys/bus/platform/drivers" / driver).mkdir(parents=True)
        (folder / "driver").symlink_to(f"/sys/bus/platform/drivers/{driver}")
    shell = subprocess.run(["chroot", str(root), "/usr/bin/sh", "-c", ARM], capture_output=True, text=True, check=False)
    return shell.stdout.splitlines()


def test_xens_watchdog_is_started_and_not_one_of_the_hardware(root: Path) -> None:
    """An Intel TCO timer, which has 30 seconds until it is set, came first and reset hosts that were slow to start."""
    assert found(root, "iTCO_wdt", "xen_wdt") == ["/dev/watchdog1", "exit code 0"]
    assert found(root, "xen_wdt", "i6300esb") == ["/dev/watchdog0", "exit code 0"]


def test_none_is_started_without_xens(root: Path) -> None:
    assert found(root, "iTCO_wdt") == ["exit code 1"]
    assert found(root) == ["exit code 1"]
