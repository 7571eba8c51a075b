"""The initramfs mounts the folders that all images of a host share, and makes them at the first boot, with its own programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from initramfs_root import unpack
from loop_devices import GIB, loop_disk, output

from upgrade.state.rules import SHARED

pytestmark = pytest.mark.kernel("image")
ENTER = """set -e
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --rbind "$2" "$1/disk"
mount --rbind "$3" "$1/root"
exec chroot "$1" /usr/bin/sh -c "$4"
"""
BEFORE = """rootmnt=/root; quiet=n; . /scripts/functions; . /scripts/dom0kit-shared
dom0kit_stop() { echo "STOP $1"; exit 9; }
dom0kit_share /disk/state/common /root && """
LOOK = "cd /root && echo new >var/log/written && find var/log var/lib/ganeti var/lib/dom0kit -exec stat -c '%n %F %a %u:%g' {} +"


@pytest.fixture(scope="module")
def initramfs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = unpack(tmp_path_factory.mktemp("initramfs"))
    for name in ("disk", "root"):
        (made / name).mkdir(exist_ok=True)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a host's root as its first boot finds it."""
    made = tmp_path / "root"
    for name, mode, group in (("var/log/xen", 0o2750, 4), ("var/log/dom0kit", 0o750, 0), ("var/lib/ganeti", 0o755, 0)):
        (made / name).mkdir(parents=True)
        os.chown(made / name, 0, group)
        (made / name).chmod(mode)
    (made / "var/log/README").symlink_to("../../usr/share/doc/systemd/README.logs")
    (made / "var/log/dom0kit/installer.log").write_text("installed\n")
    (made / "var/log/dom0kit/installer.log").chmod(0o600)
    (made / "etc/xen").mkdir(parents=True)
    return made


def boot(initramfs: Path, disk: Path, root: Path, script: str = LOOK) -> subprocess.CompletedProcess[str]:
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", initramfs, disk, root, BEFORE + script]
    return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_the_first_boot_makes_them_and_the_next_uses_them(initramfs: Path, root: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (disk / "state").mkdir(parents=True)
    first = boot(initramfs, disk, root)
    assert first.returncode == 0, first.stdout + first.stderr
    for line in (
        "var/log/xen directory 2750 0:4",
        "var/log/README symbolic link 777 0:0",
        "var/log/dom0kit/installer.log regular file 600 0:0",
        "var/lib/dom0kit/pool directory 755 0:0",
    ):
        assert line in first.stdout
    common = disk / "state/common"
    assert {name for name in SHARED if (common / name).is_dir()} == set(SHARED)
    assert (common / "var/log/written").read_text() == "new\n"
    assert not (root / "var/log/written").exists(), "what is written is not in the image's own overlay"

    (common / "var/log/written").write_text("by another image\n")
    (common / "var/log/xen").rmdir()
    (root / "var/log/written").write_text("stale\n")
    second = boot(initramfs, disk, root, "cat /root/var/log/written")
    assert (second.returncode, second.stdout) == (0, "by another image\n")
    assert not (common / "var/log/xen").exists(), "what is there is not copied again"


def test_a_copy_that_a_power_cut_left_is_made_again(initramfs: Path, root: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    half = disk / "state/common/.new-var-lib-ganeti"
    half.mkdir(parents=True)
    (half / "half").write_text("")
    (root / "var/lib/ganeti/config.data").write_text("the pool")
    done = boot(initramfs, disk, root, "cat /root/var/lib/ganeti/config.data && ls /root/var/lib/ganeti")
    assert (done.returncode, done.stdout) == (0, "the poolconfig.data\n"), done.stderr
    assert not list((disk / "state/common").glob(".new-*"))


def test_on_a_full_disk_the_root_keeps_its_own_and_the_next_boot_tries_again(initramfs: Path, root: Path, tmp_path: Path) -> None:
    (root / "var/log/large").write_bytes(bytes(8 * 1024 * 1024))
    disk = tmp_path / "disk"
    disk.mkdir()
    with loop_disk(tmp_path / "file", GIB // 64) as device:
        output("mkfs.ext4", "-q", "-F", "-m", "0", device.path)
        output("mount", device.path, disk)
        try:
            (disk / "state").mkdir()
            filler = disk / "filler"
            filler.write_bytes(os.urandom(6 * 1024 * 1024))
            done = boot(initramfs, disk, root, "ls /root/var/log")
            assert done.returncode == 0, done.stderr
            assert "large" in done.stdout
            assert not (disk / "state/common/var/log").exists()
            assert (disk / "state/common/var/lib/ganeti").is_dir()
            filler.unlink()
            boot(initramfs, disk, root, "true")
            assert (disk / "state/common/var/log/large").stat().st_size == 8 * 1024 * 1024
        finally:
            output("umount", disk)


def test_the_script_mounts_what_the_plan_takes_for_shared() -> None:
    script = Path(__file__).resolve().parents[2] / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts/dom0kit-shared"
    listed = output("sh", "-c", f'. {script}; echo "$DOM0KIT_SHARED"').split()
    assert tuple(listed) == SHARED
