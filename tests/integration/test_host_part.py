"""The host's part of the initramfs: what cpio reads in the file, with LVM's own list of devices."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loop_devices import GIB, LoopDisk, loop_disk, output, replace_on_medium

from dom0kit.errors import UserError
from dom0kit.linux import cpio
from dom0kit.linux import host_initramfs as overlay
from installer.apply import host_initramfs
from installer.command_log import Commands
from installer.model import actions
from installer.model.deb_package import Package
from installer.model.hardware import IscsiSession
from installer.model.image_manifest import ImageFile
from installer.storage_network.iscsi_login import RECORDS

IMAGE_ROOT = Path(__file__).resolve().parents[2] / "image/elements/dom0-san/tree"
WWID = "35000c50015ea71ad"
GROUP = f"dom0kit-test-{os.getpid()}"
WRITE = overlay.write
POLICY = "overrides {\n    no_path_retry queue\n}\n"


@pytest.fixture
def system(tmp_path: Path) -> tuple[Path, ImageFile]:
    """Make the system's file system after the image was copied: with an initramfs, itself a cpio archive."""
    initrd = tmp_path / "system/images/1.2/initrd.img"
    initrd.parent.mkdir(parents=True)
    initrd.write_bytes(cpio.archive({"init": b"#!/bin/sh\n"}, 0, {"init": 0o755}))
    (tmp_path / "system/state/1.2/upper").mkdir(parents=True)
    size = initrd.stat().st_size
    return tmp_path / "system", ImageFile("initrd.img", size, hashlib.sha256(initrd.read_bytes()).hexdigest())


def unpack(initrd: Path, skip: int, folder: Path) -> dict[str, bytes]:
    """Return the files of the archive behind the image's, unpacked by cpio(1)."""
    folder.mkdir()
    part = folder.with_suffix(".cpio")
    part.write_bytes(initrd.read_bytes()[skip + -skip % cpio.UNIT :])
    output("sh", "-c", f"cd {folder} && cpio --extract --make-directories --quiet <{part}")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_cpio_reads_what_the_root_has(system: tuple[Path, ImageFile], tmp_path: Path, commands: Commands) -> None:
    folder, initrd = system
    action = actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,), policy=POLICY)
    host_initramfs.write_host_part(action, folder, commands, IMAGE_ROOT)

    files = unpack(folder / "images/1.2/initrd.img", initrd.size, tmp_path / "unpacked")
    assert f"/{WWID}/".encode() in files[overlay.WWIDS]
    assert files[overlay.POLICY].decode() == POLICY
    assert files[overlay.MULTIPATH_CONF] == (IMAGE_ROOT / overlay.MULTIPATH_CONF).read_bytes()
    upper = folder / "state/1.2/upper"
    assert (upper / overlay.WWIDS).read_bytes() == files[overlay.WWIDS]
    assert {path.stat().st_mode & 0o777 for path in upper.rglob("*") if path.is_dir()} == {0o755}
    record = json.loads((folder / "state/1.2" / overlay.RECORD).read_text())
    whole = (folder / "images/1.2/initrd.img").read_bytes()
    assert hashlib.sha256(whole).hexdigest() in json.dumps(record)
    assert whole[: initrd.size] == cpio.archive({"init": b"#!/bin/sh\n"}, 0, {"init": 0o755})


def test_lvm_writes_the_list_of_the_groups_devices(
    system: tuple[Path, ImageFile], disk: LoopDisk, tmp_path: Path, commands: Commands
) -> None:
    folder, initrd = system
    stale = Path("/", overlay.LVM_DEVICES)
    stale.write_text("IDTYPE=devname IDNAME=/dev/nosuch DEVNAME=/dev/nosuch PVID=x\n")
    with loop_disk(tmp_path / "more", GIB) as more:
        output("vgcreate", "--yes", f"{GROUP}-other", more.path)
        output("vgcreate", "--yes", GROUP, disk.path)
        identity = output("pvs", "--noheadings", "-o", "pv_uuid", disk.path).strip().replace("-", "")
        action = actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,), group=GROUP)
        host_initramfs.write_host_part(action, folder, commands, IMAGE_ROOT)
    files = unpack(folder / "images/1.2/initrd.img", initrd.size, tmp_path / "unpacked")
    entries = re.findall(r"^IDTYPE=.* PVID=(\S+)", files[overlay.LVM_DEVICES].decode(), re.MULTILINE)
    assert entries == [identity], "the group's own physical volume and no other"
    assert b"use_devicesfile = 1" in files[overlay.LVM_LOCAL]
    assert not stale.exists(), "this system has no list of devices"
    assert not (stale.parent / "backup").exists()


def test_drivers_of_packages_are_in_the_initramfs_with_the_modules_that_they_need(
    system: tuple[Path, ImageFile], tmp_path: Path, commands: Commands
) -> None:
    folder, initrd = system
    root, modules = folder / "state/1.2/upper", "usr/lib/modules/6.1.0-9"
    texts = {
        f"{modules}/updates/card.ko": "the driver",
        f"{modules}/kernel/bus.ko": "what it needs",
        f"{modules}/kernel/other.ko": "not needed",
        f"{modules}/modules.dep": "updates/card.ko: kernel/bus.ko\nkernel/bus.ko:\nkernel/other.ko:\n",
        f"{modules}/modules.dep.bin": "the index",
        "etc/modules-load.d/card.conf": "# comes first\ncard\n",
    }
    for name, text in texts.items():
        host_initramfs.put(root, name, text)
    settings = ("etc/modules-load.d/card.conf",)
    package = Package("card.deb", "card", "1", "amd64", 1, "0" * 64, modules=(f"{modules}/updates/card.ko",), settings=settings)
    early = actions.AddPackages("1.2", "6.1.0-9", (package,), ("/nowhere/card.deb",))
    action = actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,), early=early)
    host_initramfs.write_host_part(action, folder, commands, IMAGE_ROOT)
    files = unpack(folder / "images/1.2/initrd.img", initrd.size, tmp_path / "unpacked")
    assert files[f"{modules}/updates/card.ko"] == b"the driver"
    assert files[f"{modules}/kernel/bus.ko"] == b"what it needs"
    assert f"{modules}/modules.dep.bin" in files
    assert f"{modules}/kernel/other.ko" not in files
    assert files[overlay.LOAD] == b"card\n"


@pytest.fixture
def own_files(tmp_path: Path) -> Iterator[None]:
    """Put overlays on /etc and /var/lib in the mount namespace of the tests: what is written there is gone at the end."""
    mounted: list[str] = []
    try:
        for place in ("/etc", "/var/lib"):
            layers = {name: tmp_path / "overlay" / place.replace("/", "_") / name for name in ("upper", "work")}
            for layer in layers.values():
                layer.mkdir(parents=True)
            options = f"lowerdir={place},upperdir={layers['upper']},workdir={layers['work']}"
            output("mount", "-t", "overlay", "-o", options, "none", place)
            mounted.append(place)
        yield
    finally:
        for place in mounted:
            output("umount", place)


def test_the_initramfs_logs_in_to_the_roots_target(
    system: tuple[Path, ImageFile], own_files: None, tmp_path: Path, commands: Commands
) -> None:
    folder, initrd = system
    session = IscsiSession("iqn.2026-01.example:root", "192.0.2.10", disks=("/dev/sda",), local="192.0.2.20/24")
    record = Path("/", RECORDS, session.target, "192.0.2.10,3260,1/default")
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(
        "node.name = iqn.2026-01.example:root\nnode.tpgt = 1\nnode.startup = manual\nnode.session.initial_login_retry_max = 4\n"
        "node.session.auth.authmethod = CHAP\nnode.session.auth.username = me\nnode.session.auth.password = secret-of-chap\n"
    )
    Path("/etc/iscsi").mkdir(exist_ok=True)
    Path("/etc/iscsi/initiatorname.iscsi").write_text("InitiatorName=iqn.1993-08.org.debian:01:abc\n")
    action = actions.WriteHostPart("1.2", initrd, (), (), iscsi=actions.IscsiPart(boot=(session,)))
    host_initramfs.write_host_part(action, folder, commands, IMAGE_ROOT)
    files = unpack(folder / "images/1.2/initrd.img", initrd.size, tmp_path / "unpacked")
    targets = [line.split("\t") for line in files[overlay.ISCSI].decode().splitlines()]
    assert targets == [["target", session.target, "192.0.2.10", "3260", "1", "me", "secret-of-chap", "-", "-"]]
    assert b"iqn.1993-08.org.debian:01:abc" in files[overlay.INITIATOR]
    kept = folder / "state/1.2/upper" / RECORDS / session.target / "192.0.2.10,3260,1/default"
    assert "node.startup = onboot" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_loses_the_hosts_part_fails_the_installation(
    system: tuple[Path, ImageFile], disk: LoopDisk, tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage the archive on the disk once it is written: only a read from the disk finds it."""
    folder, initrd = system
    spoiled = []

    def write_and_spoil(*arguments: Any) -> overlay.Written:
        written = WRITE(*arguments)
        spoiled.append(replace_on_medium(disk.file, POLICY.encode(), b"-" * len(POLICY)))
        return written

    monkeypatch.setattr(overlay, "write", write_and_spoil)
    output("mkfs.ext4", "-q", "-F", disk.path)
    (tmp_path / "mount").mkdir()
    output("mount", disk.path, tmp_path / "mount")
    try:
        output("cp", "-a", f"{folder}/.", tmp_path / "mount")
        action = actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,), policy=POLICY)
        with pytest.raises(UserError, match="differs from what was written"):
            host_initramfs.write_host_part(action, tmp_path / "mount", commands, IMAGE_ROOT)
        # The file in the host's root and the archive.
        assert spoiled == [2]
    finally:
        output("umount", tmp_path / "mount")


def test_an_image_without_multipath_fails_the_installation(
    system: tuple[Path, ImageFile], tmp_path: Path, commands: Commands
) -> None:
    folder, initrd = system
    (tmp_path / "image/etc/multipath").mkdir(parents=True)
    (tmp_path / "image" / overlay.WWIDS).write_text("# none\n")
    action = actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,))
    with pytest.raises(UserError, match=r"multipath.conf is missing or empty"):
        host_initramfs.write_host_part(action, folder, commands, tmp_path / "image")
    assert (folder / "images/1.2/initrd.img").stat().st_size == initrd.size


def test_a_damaged_initramfs_is_not_extended(system: tuple[Path, ImageFile], commands: Commands) -> None:
    folder, initrd = system
    path = folder / "images/1.2/initrd.img"
    path.write_bytes(path.read_bytes().replace(b"#!/bin/sh", b"#!/bin/xx"))
    before = path.read_bytes()
    with pytest.raises(UserError):
        host_initramfs.write_host_part(actions.WriteHostPart("1.2", initrd, (WWID,), (WWID,)), folder, commands, IMAGE_ROOT)
    assert path.read_bytes() == before
