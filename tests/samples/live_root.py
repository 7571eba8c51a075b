"""The image's root as a chroot: whole installations by its own tools, in seconds and without a virtual machine.

The squashfs is mounted below an overlay in memory; /dev, /proc and /sys are this machine's. The packages of the working tree lie
over those of the image, so that what runs is the code under test with the programs and the Python of a host.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loop_devices import output

PROJECT = Path(__file__).resolve().parents[2]
SQUASHFS = PROJECT / "build/image/dom0.squashfs"
PACKAGES = ("answerfiles", "dom0kit", "firstboot", "installer", "network", "pool", "programs", "upgrade")
LVM_CONF = """devices {
    # Nothing but the disks of these tests, whatever else this machine has.
    filter = [ "a|^/dev/loop|", "r|.*|" ]
    global_filter = [ "a|^/dev/loop|", "r|.*|" ]
    use_devicesfile = 0
}
"""
PASSWORD = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Finished:
    """A run of the installer: exit code, console, log and events."""

    code: int
    console: str
    log: str
    events: list[dict[str, object]]

    @property
    def failure(self) -> str:
        """Return the error of a run that failed, with its hint."""
        assert self.code == 1, self.console
        _, _, text = self.console.partition("The installation failed: ")
        assert text, f"it failed without an error:\n{self.console}"
        assert "Traceback" not in self.console
        assert "internal error" not in self.console
        return text


@dataclass(frozen=True)
class LiveRoot:
    """A mounted root; ``work`` is a folder of this machine that is ``/work`` in it."""

    path: Path
    work: Path

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in the root."""
        argv = ["chroot", str(self.path), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{words} exited with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def install(
        self, answers: str, *, image: str = "/work/image", more: tuple[str, ...] = (), source: str = "/work/answers.yaml"
    ) -> Finished:
        """Run ``dom0kit install`` to its end; ``answers`` is the text of an answer file, ``source`` where it is read from."""
        (self.work / "answers.yaml").write_text(answers)
        logs = self.work / "logs"
        for old in logs.glob("*"):
            old.unlink()
        words = ["dom0kit", "install", "--answers", source, "--image", image, "--logs", "/work/logs"]
        done = self.run(*words, "--allow-loop", "--yes", "--stay", *more, check=False)
        events = (logs / "installer-events.jsonl").read_text().splitlines() if logs.is_dir() else []
        log = (logs / "installer.log").read_text() if logs.is_dir() else ""
        return Finished(done.returncode, done.stdout + done.stderr, log, [json.loads(line) for line in events])


def answers_for(target: str, *, wipe: bool = False, more: str = "") -> str:
    """Return an answer file for this machine's first network card; ``target`` is YAML below ``target``."""
    mac = network_card()
    return (
        f"version: 1\nhost_name: xen1\ntarget: {{{target}, wipe: {str(wipe).lower()}}}\n"
        f'network: {{management: {{mac: "{mac}"}}}}\nroot: {{password_hash: "{PASSWORD}"}}\n{more}'
    )


def network_card() -> str:
    """Return the MAC address of a physical network card; "" on a machine without one."""
    for node in sorted(Path("/sys/class/net").iterdir()):
        if (node / "device").exists():
            return (node / "address").read_text().strip()
    return ""


@contextmanager
def live_root(folder: Path) -> Iterator[LiveRoot]:
    """Mount the root below a folder, in the mount namespace of the test run."""
    squashfs, memory, root, work = (folder / name for name in ("squashfs", "memory", "root", "work"))
    for made in (squashfs, memory, root, work):
        made.mkdir()
    mounted: list[Path] = []

    def mount(where: Path, *words: str | Path) -> None:
        output("mount", *words, where)
        mounted.append(where)

    try:
        mount(squashfs, "-t", "squashfs", "-o", "ro,loop", SQUASHFS)
        mount(memory, "-t", "tmpfs", "dom0kit-test")
        for name in ("upper", "scratch"):
            (memory / name).mkdir()
        options = f"lowerdir={squashfs},upperdir={memory}/upper,workdir={memory}/scratch"
        mount(root, "-t", "overlay", "-o", options, "dom0kit-test")
        for name in ("dev", "proc", "sys"):
            mount(root / name, "--rbind", f"/{name}")
        mount(root / "run", "-t", "tmpfs", "dom0kit-test")
        (root / "work").mkdir()
        mount(root / "work", "--bind", work)
        for package in PACKAGES:
            mount(root / "usr/lib/dom0kit" / package, "--bind", PROJECT / package)
        (root / "etc/lvm/lvm.conf").write_text(LVM_CONF)
        yield LiveRoot(root, work)
    finally:
        for where in reversed(mounted):
            subprocess.run(["umount", "--lazy", str(where)], check=False)
        os.sync()
