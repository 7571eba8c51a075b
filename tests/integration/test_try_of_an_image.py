"""The units and scripts that limit the try of an image, with the real shell and systemd-analyze(1)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image.cache_keys import PROJECT

TREE = PROJECT / "image/elements/dom0-upgrade/tree"
SCRIPT = TREE / "usr/lib/dom0kit/bin/try"
HEALTHY = TREE / "usr/lib/dom0kit/bin/healthy"
GENERATOR = TREE / "usr/lib/systemd/system-generators/dom0kit-try-generator"
UNITS = TREE / "etc/systemd/system"
IMAGE = PROJECT / "build/image/dom0.squashfs"
BOOT = "5d0b7d5e-0000-4000-8000-000000000001"


class Host:
    """A root folder, and programs that note down their calls."""

    def __init__(self, folder: Path, arguments: str = "dom0kit.mode=host dom0kit.try=0.2.0-bbbbbbbb") -> None:
        self.root, self.bin, self.calls_file = folder / "root", folder / "bin", folder / "calls"
        self.state = self.root / "run/dom0kit/overlay"
        for path in (self.state, self.root / "proc/sys/kernel/random", self.root / "dev", self.bin):
            path.mkdir(parents=True)
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"{BOOT}\n")
        (self.root / "proc/cmdline").write_text(f"{arguments}\n")
        self.at(10)
        for name in ("systemctl", "sleep", "modprobe", "journalctl", "sync"):
            self.program(name, "")

    def at(self, seconds: int) -> None:
        """Set the time since the kernel's start."""
        (self.root / "proc/uptime").write_text(f"{seconds}.42 1.00\n")

    def program(self, name: str, text: str) -> None:
        """Put a program first in the path."""
        (self.bin / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls_file}\n{text}\n')
        (self.bin / name).chmod(0o755)

    def run(self, *words: str) -> int:
        """Run the script and return its exit code."""
        env = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "DOM0KIT_ROOT": str(self.root)}
        return subprocess.run([SCRIPT, *words], env=env, check=False, timeout=60, stdout=subprocess.DEVNULL).returncode

    @property
    def calls(self) -> list[str]:
        """Return what was called, without what has no effect."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [line for line in lines if not line.startswith(("sync", "modprobe", "systemctl --failed"))]

    @property
    def ended(self) -> list[str]:
        """Return the lines of the recorded end."""
        path = self.state / "try-ended"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def confirmed(self) -> Path:
        """Return the mark of a confirmed image."""
        return self.root / "run/dom0kit/confirmed"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_limit_ends_when_the_image_is_confirmed(host: Host) -> None:
    host.program("sleep", f"touch {host.confirmed}")
    assert host.run("limit") == 0
    assert (host.state / "try-started").read_text() == f"{BOOT}\n"
    assert host.ended == []
    assert host.calls == ["sleep 5"]


def test_past_the_limit_the_host_restarts_and_by_force_when_that_hangs(host: Host) -> None:
    uptime = host.root / "proc/uptime"
    # Each pause takes a quarter of an hour; the forced restart ends the script here.
    host.program("sleep", f"echo $(($(cut -d. -f1 {uptime}) + 900)).00 >{uptime}")
    host.program("systemctl", f'[ "$*" != "reboot --force --force" ] || touch {host.confirmed}')
    assert host.run("limit") == 0
    assert host.ended == [BOOT, "it was not confirmed within 60 minutes"]
    ends = [call for call in host.calls if not call.startswith("sleep")]
    assert ends == ["systemctl reboot --no-block", "journalctl --sync", "systemctl reboot --force --force"]
    assert (host.root / "proc/sysrq-trigger").read_text() == "b\n"


def test_the_limit_of_the_command_line(tmp_path: Path) -> None:
    host = Host(tmp_path, "dom0kit.try=x dom0kit.try-limit=120 quiet")
    host.at(121)
    host.program("systemctl", f"touch {host.confirmed}")
    assert host.run("limit") == 0
    assert host.ended == [BOOT, "it was not confirmed within 2 minutes"]


def test_a_restart_that_was_begun_elsewhere_is_forced_when_it_hangs(host: Host) -> None:
    (host.state / "try-ended").write_text(f"{BOOT}\nthe boot ended in emergency mode\n")
    uptime = host.root / "proc/uptime"
    host.program("sleep", f"echo $(($(cut -d. -f1 {uptime}) + 300)).00 >{uptime}")
    host.program("systemctl", f"touch {host.confirmed}")
    assert host.run("limit") == 0
    assert "systemctl reboot --force --force" in host.calls
    assert host.ended == [BOOT, "the boot ended in emergency mode"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("failed", "dom0kit-health.service"), "dom0kit-health.service failed"),
        (("mode", "emergency"), "the boot ended in emergency mode"),
    ],
)
def test_giving_up(host: Host, words: tuple[str, ...], why: str) -> None:
    assert host.run(*words) == 0
    assert host.ended == [BOOT, why]
    assert host.calls[0] == "systemctl reboot --no-block"
    assert host.calls[-1] == "systemctl reboot --force --force"


def test_the_units_that_have_failed_are_named(host: Host) -> None:
    host.program("systemctl", '[ "$1" != --failed ] || printf "a.service loaded failed\\nb.service loaded failed\\n"')
    host.run("failed", "boot-complete.target")
    assert host.ended == [BOOT, "boot-complete.target failed; failed units: a.service b.service"]


def test_a_confirmed_image_is_never_given_up(host: Host) -> None:
    assert host.run("confirmed") == 0
    assert host.calls == ["systemctl daemon-reload"]
    for words in (("failed", "x.service"), ("mode", "rescue"), ("stopped",), ("limit",)):
        assert host.run(*words) == 0
    assert host.ended == []
    assert host.calls == ["systemctl daemon-reload"]


def test_the_first_reason_of_a_boot_counts_and_one_of_another_boot_does_not(host: Host) -> None:
    (host.state / "try-ended").write_text("another-boot\nold\n")
    host.run("mode", "emergency")
    host.run("stopped")
    assert host.ended == [BOOT, "the boot ended in emergency mode"]


@pytest.mark.parametrize(
    ("drivers", "device", "command"),
    [
        (["xen_wdt"], "/dev/watchdog0", "systemctl daemon-reload"),
        (["iTCO_wdt", "xen_wdt"], "/dev/watchdog1", "systemctl daemon-reexec"),
        (["iTCO_wdt", "hpwdt"], "/dev/watchdog0", "systemctl daemon-reload"),
    ],
)
def test_xens_watchdog_is_named_to_systemd(host: Host, drivers: list[str], device: str, command: str) -> None:
    for number, driver in enumerate(drivers):
        folder = host.root / f"sys/class/watchdog/watchdog{number}/device"
        (host.root / f"sys/drivers/{driver}").mkdir(parents=True)
        folder.mkdir(parents=True)
        (folder / "driver").symlink_to(host.root / f"sys/drivers/{driver}")
    assert host.run("watchdog") == 0
    settings = host.root / "run/systemd/system.conf.d/50-dom0kit-try.conf"
    assert settings.read_text() == f"[Manager]\nWatchdogDevice={device}\nRuntimeWatchdogSec=300\n"
    assert host.calls == [command]
    assert host.run("watchdog") == 0
    assert host.calls == [command]
    assert host.run("confirmed") == 0
    assert not settings.exists()


def test_a_host_without_a_watchdog_goes_on(host: Host) -> None:
    assert host.run("watchdog") == 0
    assert host.calls == []


def generate(folder: Path, arguments: str) -> list[str]:
    folders = [folder / name for name in ("normal", "early", "late")]
    subprocess.run(["sh", GENERATOR, *folders, arguments, folder / "root"], check=True, timeout=60)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_the_generator_makes_nothing_outside_of_a_try(tmp_path: Path) -> None:
    assert generate(tmp_path, "dom0kit.mode=host dom0kit.try-limit=5") == []
    (tmp_path / "root/run/dom0kit").mkdir(parents=True)
    (tmp_path / "root/run/dom0kit/confirmed").touch()
    assert generate(tmp_path, "dom0kit.mode=host dom0kit.try=x") == ["root/run/dom0kit/confirmed"]


def test_the_generator_brings_the_limit_into_every_target(tmp_path: Path) -> None:
    made = generate(tmp_path, "dom0kit.mode=host dom0kit.try=x quiet")
    for target in ("default", "sysinit", "emergency", "rescue"):
        for unit in ("limit", "watchdog"):
            name = f"early/{target}.target.wants/dom0kit-try-{unit}.service"
            assert name in made
            assert os.readlink(tmp_path / name) == f"/etc/systemd/system/dom0kit-try-{unit}.service"
    for mode in ("emergency", "rescue"):
        text = (tmp_path / f"early/{mode}.service.d/50-dom0kit-try.conf").read_text()
        assert f"ExecStart=\nExecStart=-/usr/lib/dom0kit/bin/try mode {mode}\n" in text
    assert "SyncIntervalSec=5s" in (tmp_path / "root/run/systemd/journald.conf.d/50-dom0kit-try.conf").read_text()


@pytest.mark.parametrize(("files", "code"), [(["healthy", "health.json"], 0), (["healthy"], 0), (["health.json"], 1)])
def test_the_wait_for_the_result(tmp_path: Path, files: list[str], code: int) -> None:
    for name in files:
        (tmp_path / name).touch()
    assert subprocess.run([HEALTHY, tmp_path], check=False, timeout=60, capture_output=True).returncode == code


def complaints(words: list[str], **settings: object) -> list[str]:
    """Return what systemd-analyze says about this element's units, but that programs of the image are not on this machine."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600, **settings)  # type: ignore[call-overload]
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "dom0kit-" in line or "boot-complete" in line]
    return [line for line in ours if "is not executable" not in line]


def names() -> list[str]:
    return [path.name.replace("@.", "@dom0kit-health.service.") for path in sorted(UNITS.glob("*.service"))]


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    words = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no"]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    assert complaints([*words, *(str(folder / name) for name in names() if "@" not in name)], env=environment) == []
    (folder / "dom0kit-try-limit.service").write_text("[Service]\nExecStart=nothing\nWrong=1\n")
    assert complaints([*words, str(folder / "dom0kit-try-limit.service")], env=environment)


@pytest.mark.kernel("image")
def test_the_images_own_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    """With its targets, services and programs."""
    lower, root = tmp_path / "lower", tmp_path / "root"
    for path in (lower, tmp_path / "layers", root):
        path.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", IMAGE, lower], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "layers", tmp_path / "layers"], check=True)
    (tmp_path / "layers/upper").mkdir()
    (tmp_path / "layers/work").mkdir()
    options = f"lowerdir={lower},upperdir={tmp_path}/layers/upper,workdir={tmp_path}/layers/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", root], check=True)
    try:
        shutil.copytree(TREE, root, dirs_exist_ok=True, symlinks=True)
        subprocess.run(["mount", "-t", "tmpfs", "run", root / "run"], check=True)
        subprocess.run(["mount", "--bind", "/proc", root / "proc"], check=True)
        words = ["chroot", str(root), "systemd-analyze", "verify", "--man=no", "boot-complete.target", *names()]
        assert complaints(words) == []
        (root / "etc/systemd/system/dom0kit-confirm.service").write_text("[Service]\nExecStart=nothing\nWrong=1\n")
        assert complaints(words)
    finally:
        for path in (root / "proc", root / "run", root, tmp_path / "layers", lower):
            subprocess.run(["umount", path], check=False, stderr=subprocess.DEVNULL)
