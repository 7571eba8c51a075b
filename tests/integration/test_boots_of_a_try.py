"""Boots of a try: the image's own systemd in a container, with its units, and a ``dom0ctl`` that notes down its calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_root import SQUASHFS

from dom0kit.polling import poll
from image.cache_keys import PROJECT

pytestmark = [pytest.mark.kernel("image"), pytest.mark.kernel("container")]
TREE = PROJECT / "image/elements/dom0-upgrade/tree"
NAME = "0.2.0-bbbbbbbb"
TRY = f"dom0kit.try={NAME}"
BOOT_SECONDS = 600
INIT = f"""#!/bin/sh
mkdir -p /run/dom0kit
ln -sfn medium/images/{NAME} /run/dom0kit/image
ln -sfn medium/state/{NAME} /run/dom0kit/overlay
mount --bind /cmdline /proc/cmdline
exec /usr/lib/systemd/systemd "$@"
"""
DOM0CTL = """#!/bin/sh
echo "$*" >>/run/dom0kit/medium/calls
case "$1" in
health)
    if grep -q ' hangs' /proc/cmdline; then sleep 3600; fi
    if grep -q ' unhealthy' /proc/cmdline; then touch /run/dom0kit/health.json; exit 1; fi
    touch /run/dom0kit/healthy /run/dom0kit/health.json
    ;;
firstboot) systemd-notify --ready ;;
esac
"""
LOOK = """#!/bin/sh
while [ ! -e /run/dom0kit/health.json ]; do sleep 1; done
sleep 3
{
    systemctl is-active boot-complete.target
    systemctl list-jobs --no-legend
    systemctl --failed --plain --no-legend 'dom0kit-*'
} >/run/dom0kit/medium/look.new
mv /run/dom0kit/medium/look.new /run/dom0kit/medium/look
"""


class Container:
    """A root over the image, and the system partition next to it."""

    def __init__(self, root: Path, medium: Path) -> None:
        self.root, self.medium = root, medium
        self.state = medium / "state" / NAME
        for path in (medium / "images" / NAME, self.state):
            path.mkdir(parents=True)
        shutil.copytree(TREE, root, dirs_exist_ok=True)
        for name, text in {"init-test": INIT, "usr/bin/dom0ctl": DOM0CTL, "usr/bin/look": LOOK}.items():
            (root / name).write_text(text)
            (root / name).chmod(0o755)
        (root / "etc/systemd/system/look.service").write_text(
            "[Unit]\nAfter=multi-user.target dom0kit-health.service\n[Service]\nExecStart=/usr/bin/look\n"
            "[Install]\nWantedBy=multi-user.target\n"
        )
        enabled = (TREE.parent / "install.d/30-upgrade-units").read_text().partition("systemctl enable ")[2].split()
        subprocess.run(["systemctl", f"--root={root}", "--quiet", "enable", *enabled, "look.service"], check=True)

    def start(self, arguments: str) -> subprocess.Popen[bytes]:
        """Boot; the process ends when the container restarts."""
        uptime = int(float(Path("/proc/uptime").read_text().split()[0]))
        command_line = f"dom0kit.mode=host {arguments}".replace("LATER", str(uptime + 3600)).replace("SOON", str(uptime + 8))
        (self.root / "cmdline").write_text(f"{command_line}\n")
        words = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        words += [f"--machine=dom0kit-try-{os.getpid()}", f"--directory={self.root}", f"--bind={self.medium}:/run/dom0kit/medium"]
        words += ["--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1", "/init-test", *command_line.split()]
        environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        quiet = subprocess.DEVNULL
        return subprocess.Popen(words, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)

    def boot(self, arguments: str) -> str:
        """Boot until the container restarts, and return the reason that it recorded."""
        process = self.start(arguments)
        try:
            process.wait(BOOT_SECONDS)
        finally:
            process.kill()
            process.wait()
        return (self.state / "try-ended").read_text().splitlines()[1]

    def run(self, arguments: str, condition: Callable[[], bool]) -> None:
        """Boot, and wait for a condition."""
        process = self.start(arguments)
        try:
            poll(lambda: condition() or process.poll() is not None, BOOT_SECONDS, 0.2, "the boot")
            assert process.poll() is None, "the container has restarted"
        finally:
            process.terminate()
            process.wait()

    def calls(self) -> list[str]:
        """Return the calls of dom0ctl, without those of first boot."""
        path = self.medium / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if not line.startswith("firstboot")]

    def look(self) -> list[str]:
        """Return what was found after the boot: the state of boot-complete.target, then jobs and failed units, if any."""
        path = self.medium / "look"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    lower, layers, root = tmp_path / "lower", tmp_path / "layers", tmp_path / "root"
    for path in (lower, layers, root):
        path.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", SQUASHFS, lower], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "layers", layers], check=True)
    for name in ("upper", "work"):
        (layers / name).mkdir()
    options = f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work"
    subprocess.run(["mount", "-t", "overlay", "-o", options, "overlay", root], check=True)
    try:
        yield Container(root, tmp_path / "medium")
    finally:
        time.sleep(0.2)  # the container's mounts end with its last process
        for path in (root, layers, lower):
            subprocess.run(["umount", "--recursive", path], check=False)


def test_a_healthy_image_is_confirmed_once(container: Container) -> None:
    container.run(
        f"{TRY} dom0kit.try-limit=LATER", lambda: "image confirm --automatic" in container.calls() and container.look() != []
    )
    assert container.calls() == ["try-result", "health --wait --record", "image confirm --automatic"]
    assert container.look() == ["active"]
    assert not (container.state / "try-ended").exists()
    assert (container.state / "try-started").read_text().count("-") == 4


def test_an_unhealthy_image_is_given_up(container: Container) -> None:
    assert container.boot(f"{TRY} dom0kit.try-limit=LATER unhealthy") == "dom0kit-health.service failed"
    assert "image confirm --automatic" not in container.calls()


def test_a_failed_unit_of_an_administrator_gives_the_image_up(container: Container) -> None:
    target = "boot-complete.target"
    unit = f"[Unit]\nBefore={target}\n[Service]\nType=oneshot\nExecStart=false\n[Install]\nRequiredBy={target}\n"
    (container.root / "etc/systemd/system/mine.service").write_text(unit)
    subprocess.run(["systemctl", f"--root={container.root}", "--quiet", "enable", "mine.service"], check=True)
    # The target, and what needs it, fail at once.
    reason = container.boot(f"{TRY} dom0kit.try-limit=LATER")
    assert reason in [f"{unit} failed; failed units: mine.service" for unit in (target, "dom0kit-confirm.service")]
    assert "image confirm --automatic" not in container.calls()


@pytest.mark.parametrize("mode", ["emergency", "rescue"])
def test_the_shell_of_a_mode_is_no_end(container: Container, mode: str) -> None:
    assert container.boot(f"{TRY} dom0kit.try-limit=LATER systemd.unit={mode}.target") == f"the boot ended in {mode} mode"


def test_an_image_that_is_not_confirmed_in_time_is_given_up(container: Container) -> None:
    assert container.boot(f"{TRY} dom0kit.try-limit=SOON hangs").startswith("it was not confirmed within ")


def test_an_unhealthy_host_that_tries_nothing_stays_up(container: Container) -> None:
    container.run("unhealthy", lambda: container.look() != [])
    assert container.look() == ["inactive"]
    assert container.calls() == ["try-result", "health --wait --record"]
    assert list(container.state.iterdir()) == []
