"""A host on a disk whose writes are recorded: it stages, tries, keeps and removes images, with each verb's own code."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from image_store_samples import make_image
from loop_devices import MIB, LoopDisk, loop_disk, output
from write_log import Entry, position, read_log, recorded

from dom0kit.events import Reporter
from dom0kit.linux import boot_choice, host_initramfs
from dom0kit.linux.boot_choice import Choice
from firstboot.multipath_monitor import cli as initramfs_command
from installer.apply.partitioning import EXT4_FEATURES
from installer.bootloader.menus import host_menu, image_entry
from installer.command_log import Commands
from installer.model.image_manifest import read_manifest
from upgrade.choice import esps
from upgrade.store import removal
from upgrade.store.images import Store
from upgrade.store.sources.any_source import open_source
from upgrade.store.staging import Stager
from upgrade.trial import changes

SYSTEM = uuid.UUID("0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001")
FIRST, SECOND, THIRD = "0.1.0-aaaaaaaa", "0.2.0-bbbbbbbb", "0.3.0-cccccccc"
SMALL = {"xen.gz": 70_001, "vmlinuz": 65_536, "initrd.img": 100_002}
MARKER = "installed.json"
BOOT = ("xen.gz", "vmlinuz", "initrd.img", "manifest.json", "boot.cfg")
"""What GRUB reads of an image; the squashfs is Linux's."""
MULTIPATH = {
    "etc/multipath.conf": "defaults {\n}\n",
    "etc/multipath/bindings": "# Multipath bindings, Version : 1.0\n" + "#\n" * 6,
    "etc/multipath/wwids": "/3600/\n",
    "etc/hostname": "xen1\n",
}
"""A host whose disks are multipath disks: each image's initramfs has a part of this host."""


@dataclass(frozen=True)
class Phase:
    """One act of the host, and what GRUB may find while it lasts.

    :param end: length of the log at its end, in bytes.
    :param before: choice and folder with the files that GRUB reads, at its beginning; ``after``: at its end.
    """

    name: str
    end: int
    before: tuple[Choice, Path]
    after: tuple[Choice, Path]


class Host:
    """An installed host that runs from a recorded disk, and what it did."""

    def __init__(self, folder: Path, disk: LoopDisk, log: Path) -> None:
        self.folder, self.disk, self.log = folder, disk, log
        self.root, self.system = folder / "root", folder / "system"
        self.store = Store(self.root, lambda: esps.read_choice(self.system))
        self.commands = Commands((folder / "commands.log").open("a"))
        self.phases: list[Phase] = []
        self._now = (Choice(SYSTEM, 0, ""), folder)

    @contextmanager
    def running(self, image: str) -> Iterator[None]:
        """Mount the system partition, as the initramfs of an image does, and have programs write meanwhile."""
        output("mount", "-o", "noatime", self.disk.part(3), self.system)
        link = self.root / "run/dom0kit/image"
        link.unlink(missing_ok=True)
        link.symlink_to(self.system / "images" / image)
        ended = threading.Event()
        others = threading.Thread(target=self._write_a_log, args=(ended,))
        others.start()
        try:
            self.look()
            yield
        finally:
            ended.set()
            others.join()
            output("umount", self.system)

    def _write_a_log(self, ended: threading.Event) -> None:
        """Write as services do: each fsync(2) commits the journal, also in the middle of what the host does with images."""
        number = 0
        while not ended.wait(0.02):
            number += 1
            path = self.system / f"state/common/var/log/{number % 7}.log"
            with path.open("ab") as file:
                file.write(b"a line of a log\n" * 30)
                if number % 3 == 0:
                    os.fsync(file.fileno())
            if number % 11 == 0:
                path.unlink()

    def look(self) -> None:
        """Remember the choice and the files that GRUB reads."""
        folder = self.folder / f"seen-{len(self.phases)}-{position(self.log)}"
        for image in (path for path in self.system.glob("images/*") if not path.name.startswith(".")):
            names = [f"images/{image.name}/{name}" for name in BOOT] + [f"state/{image.name}/{MARKER}", "boot/grub/grub.cfg"]
            for name in names:
                if (self.system / name).exists():
                    (folder / image.name / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(self.system / name, folder / image.name / name)
        choice = esps.read_choice(self.system)
        for name in named(choice):
            check_whole(folder / name, name)
        self._now = (choice, folder)

    def act(self, name: str, action: Callable[[], object]) -> None:
        """Do something and note what it was."""
        before = self._now
        action()
        self.look()
        self.phases.append(Phase(name, position(self.log), before, self._now))

    def stage(self, source: Path) -> None:
        """Run ``dom0ctl image stage``."""
        stager = Stager(self.store, Reporter("test"), image_entry, reserve=0, settle=changes.settle)
        self.act("stage", lambda: stager.stage(open_source(str(source))))

    def arm(self, image: str) -> None:
        """Carry a requested try out, as the stop of the host does."""
        self.act("arm", lambda: changes.carry_out(self.store, image, self.commands))

    def boot_loader_counts(self) -> None:
        """Count a try down in place, as GRUB does before it starts the image."""
        choice, folder = self._now
        counted = replace(choice, left=choice.left - 1)
        esps.write_copy(self.disk.part(2), counted)
        self.phases.append(Phase("count", position(self.log), self._now, (counted, folder)))
        self._now = (counted, folder)

    def confirm(self) -> None:
        """Run ``dom0ctl image confirm``."""
        self.act("confirm", lambda: changes.confirm(self.store))

    def remove(self, image: str) -> None:
        """Run ``dom0ctl image remove``."""
        self.act("remove", lambda: removal.remove(self.store, image, changes.settle))


def named(choice: Choice) -> list[str]:
    """Return the images that GRUB may start."""
    return [choice.image, *([choice.trial] if choice.left else [])]


def check_whole(folder: Path, name: str) -> None:
    """Check that what GRUB must read of an image is all of it, as the manifest says."""
    image = folder / "images" / name
    manifest = read_manifest(image)
    for file in manifest.files:
        if file.name in BOOT:
            # Behind the image's initramfs is the part of this host.
            assert hashlib.sha256((image / file.name).read_bytes()[: file.size]).hexdigest() == file.sha256
    assert (image / "boot.cfg").read_text() == image_entry(manifest)
    assert (folder / "state" / name / MARKER).is_file()
    assert (folder / "boot/grub/grub.cfg").is_file()


def make_small_image(folder: Path, version: str, letter: str) -> Path:
    """Create an image folder whose squashfs is a real, tiny one."""
    made = make_image(folder / letter, version, letter)
    root = folder / f"root-{letter}"
    for name, text in MULTIPATH.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (made / "dom0.squashfs").unlink()
    output("mksquashfs", root, made / "dom0.squashfs", "-quiet", "-no-progress")
    for name, size in SMALL.items():
        (made / name).write_bytes(random.Random(f"{letter} {name}").randbytes(size))
    manifest = json.loads((made / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (made / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (made / "manifest.json").write_text(json.dumps(manifest))
    return made


def install(disk: LoopDisk, image: Path, folder: Path) -> None:
    """Lay a disk out as the installer does, with one confirmed image that has run."""
    output("sgdisk", "-n1:0:+1M", "-t1:EF02", "-n2:0:+256M", "-t2:EF00", "-n3:0:+400M", disk.path)
    output("partx", "--update", disk.path)
    output("mkfs.vfat", "-F", "32", disk.part(2))
    lazy = "lazy_itable_init=1,lazy_journal_init=1"
    output("mkfs.ext4", "-q", "-F", "-m", "1", "-b", "4096", "-U", SYSTEM, "-O", EXT4_FEATURES, "-E", lazy, disk.part(3))
    output("mmd", "-i", disk.part(2), "::/EFI", "::/EFI/dom0kit")
    (folder / "env").write_bytes(boot_choice.to_bytes(Choice(SYSTEM, 1, FIRST)))
    output("mcopy", "-i", disk.part(2), folder / "env", f"::/{boot_choice.PATH}")
    system = folder / "system"
    output("mount", disk.part(3), system)
    manifest = read_manifest(image)
    target, state = system / "images" / FIRST, system / "state" / FIRST
    shutil.copytree(image, target)
    (target / "boot.cfg").write_text(image_entry(manifest))
    (system / "boot/grub").mkdir(parents=True)
    (system / "boot/grub/grub.cfg").write_text(host_menu())
    for name in ("etc", "var/log"):
        (state / "upper" / name).mkdir(parents=True)
    (state / "upper/etc/hostname").write_text("xen2\n")
    (system / "state/common/var/log").mkdir(parents=True)
    files = {name: text.encode() for name, text in MULTIPATH.items() if "multipath" in name}
    initrd = next(file for file in manifest.files if file.name == "initrd.img")
    written = host_initramfs.write(target / "initrd.img", initrd.size, initrd.sha256, host_initramfs.make(files, 0))
    (state / host_initramfs.RECORD).write_text(json.dumps(written.record(files)))
    (state / MARKER).write_text("{}")
    output("umount", system)


def life(host: Host, second: Path, third: Path, set_wwids: Callable[[str], object]) -> None:
    """Do what a host does with images in its life, with each verb's own code, in the order of the verbs."""
    with host.running(FIRST):
        host.stage(second)
        host.arm(SECOND)
    host.boot_loader_counts()
    # The try failed: the host is back, and tries it again.
    with host.running(FIRST):
        host.act("initramfs", lambda: set_wwids(FIRST))
        host.arm(SECOND)
    host.boot_loader_counts()
    with host.running(SECOND):
        host.confirm()
        host.remove(FIRST)
        host.act("initramfs", lambda: set_wwids(SECOND))
        host.stage(third)
        host.arm(THIRD)
    host.boot_loader_counts()
    with host.running(THIRD):
        host.confirm()
        host.act("leave", lambda: changes.leave(host.store, host.store.find(SECOND)))
    with host.running(SECOND):
        host.remove(THIRD)
        host.stage(third)
    host.phases.append(Phase("stop", position(host.log) + 2**40, host._now, host._now))


@dataclass(frozen=True)
class Recording:
    """A host's life: the disk before it and after it, the log, and what the host did."""

    disk: Path
    end: Path
    entries: list[Entry]
    phases: list[Phase]


def record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Record a host's life."""
    first, second, third = (make_small_image(folder, f"0.{n}.0", letter) for n, letter in enumerate("abc", 1))
    raw, base, log = folder / "disk", folder / "base", folder / "log"
    (folder / "system").mkdir()
    root = folder / "root"
    for name in ("run/dom0kit", "proc", "etc/multipath"):
        (root / name).mkdir(parents=True)
    (root / "run/dom0kit/medium").symlink_to(folder / "system")
    # The image's own root, without its overlay.
    shutil.copytree(folder / "root-a", root / changes.SQUASHFS)
    shutil.copytree(folder / "root-a/etc", root / "etc", dirs_exist_ok=True)
    (root / "proc/cmdline").write_text("dom0kit.mode=host\n")
    with loop_disk(raw, 700 * MIB) as disk:
        install(disk, first, folder)
        output("blockdev", "--flushbufs", disk.path)
        output("cp", "--sparse=always", raw, base)
    shutil.copy(base, raw)

    def set_wwids(image: str) -> None:
        """Run ``dom0ctl initramfs`` after a change of the host's disks."""
        wwids = root / host_initramfs.WWIDS
        wwids.write_text(wwids.read_text() + f"/3601{image[-1]}/\n")
        upper = folder / f"system/state/{image}/upper" / host_initramfs.WWIDS
        upper.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wwids, upper)
        for name, value in (("ROOT", root), ("IMAGE", root / "run/dom0kit/image"), ("STATE", folder / f"system/state/{image}")):
            monkeypatch.setattr(initramfs_command, name, value)
        assert initramfs_command.initramfs(argparse.Namespace(check=False)) == 0

    with recorded(raw, log) as disk:
        host = Host(folder, disk, log)
        life(host, second, third, set_wwids)
    return Recording(base, raw, read_log(log), host.phases)
