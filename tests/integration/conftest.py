"""What every integration test needs: root, the installer's programs, a mount namespace of its own, named skips.

A missing program or missing rights ends the run at once. What only some kernels have (md, device-mapper), and what needs the
built image, is a named skip: the tests are counted by what they lack at the end of the run.
"""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_features import has
from live_root import LVM_CONF
from loop_devices import LoopDisk, loop_disk

from answerfiles.checks.device_paths import LOOPS_ALLOWED
from dom0kit.events import Reporter, Step
from installer.apply.image_copy import PROGRAMS
from installer.command_log import Commands

MORE_PROGRAMS = ["losetup", "blkid", "dumpe2fs", "fsck.vfat", "mksquashfs", "sshd", "ssh", "ssh-keygen", "openssl", "udevadm"]
MORE_PROGRAMS += ["grub-fstest", "qemu-storage-daemon"]
CLONE_NEWNS = 0x00020000
FEATURES = {
    "md": "software RAID (md_mod, raid1)",
    "dm": "device-mapper (dm_mod)",
    "vlan": "VLANs (8021q)",
    "bond": "bonds of network cards (bonding)",
    "container": "containers that boot (systemd-nspawn, of the package systemd-container)",
    "fuse": "file systems of programs (fuse)",
    "image": "the image's squashfs (build/image/dom0.squashfs, made by 'make iso')",
}
SKIPPED: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker of tests that some kernels cannot run."""
    config.addinivalue_line("markers", "kernel(feature): run only where it is there; skipped tests are counted by feature")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to begin without root or without a program: tests that cannot run must not look like tests that passed."""
    # A script's `&` and nohup have SIGINT ignored, and the programs that tests interrupt would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.geteuid() != 0:
        raise pytest.UsageError("the integration tests need root: they attach loop devices and mount file systems")
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    names = [*(name for group, _ in PROGRAMS for name in group.split()), *MORE_PROGRAMS]
    missing = sorted(name for name in names if shutil.which(name, path=search) is None)
    if missing:
        raise pytest.UsageError(f"programs are missing: {', '.join(missing)}; 'make prepare' installs them")
    if not Path("/dev/loop-control").exists():
        raise pytest.UsageError("there is no /dev/loop-control: in a container, run it privileged")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this kernel cannot do, and count it."""
    for marker in item.iter_markers("kernel"):
        feature = marker.args[0]
        if not has(feature):
            SKIPPED[FEATURES[feature]] += 1
            pytest.skip(f"without {FEATURES[feature]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was not tested, by name and number."""
    for what, count in sorted(SKIPPED.items()):
        terminalreporter.write_line(f"NOT TESTED, without {what}: {count} tests", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def _namespace(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the run its own mounts, which end with it, and an LVM that sees loop devices alone.

    The product writes ``/etc/lvm/devices``: that of this machine must stay as it is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    folder = tmp_path_factory.mktemp("lvm")
    (folder / "devices").mkdir()
    (folder / "lvm.conf").write_text(LVM_CONF)
    subprocess.run(["mount", "--bind", folder, "/etc/lvm"], check=True)


@pytest.fixture(scope="session", autouse=True)
def _loops_are_disks() -> None:
    """Allow answers to name loop devices, as ``dom0kit install --allow-loop`` does."""
    LOOPS_ALLOWED.set(True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    """Attach a blank, sparse disk of 12 GiB."""
    with loop_disk(tmp_path / "disk") as made:
        yield made


@pytest.fixture
def log() -> io.StringIO:
    """Return the log that ``commands`` writes."""
    return io.StringIO()


@pytest.fixture
def commands(log: io.StringIO) -> Commands:
    """Return the installer's commands, which run the real programs."""
    return Commands(log)


@pytest.fixture
def step() -> Step:
    """Return a step to report progress to."""
    return Step(Reporter("test"), "a step")
