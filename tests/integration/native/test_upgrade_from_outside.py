"""Tasks for a host on the disk, by answers and the image's own tools: upgrade, repair, return, reset, and the refusals."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from live_root import SQUASHFS, Finished, LiveRoot, answers_for
from loop_devices import LoopDisk, mounted, output

from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from installer.bootloader import grub
from qa.install.other_image import sign_again
from upgrade.choice.esps import write_copy

pytestmark = pytest.mark.kernel("image")
OTHER_ID = "0e0e0e0e0e0e0e0e"
NEW = "99.1-0e0e0e0e"


def write_manifest(folder: Path, value: dict[str, Any]) -> None:
    """Write an image's manifest, signed by this machine's key when the built image is: its hosts accept no other."""
    (folder / "manifest.json").write_text(json.dumps(value))
    if (SQUASHFS.parent / "manifest.json.sig").exists():
        sign_again(folder, str(SQUASHFS.parent))


@contextmanager
def images(live: LiveRoot) -> Iterator[dict[str, Any]]:
    """Give the root two images, ``/work/first`` and ``/work/second``: the built one, and the same under another name."""
    manifest: dict[str, Any] = json.loads((SQUASHFS.parent / "manifest.json").read_text())
    bound = []
    try:
        for name, changes in (("first", {}), ("second", {"version": "99.1", "id": OTHER_ID})):
            folder = live.path / "work" / name
            folder.mkdir(exist_ok=True)
            for file in manifest["files"]:
                if file in ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs"):
                    (folder / file).touch()
                    output("mount", "--bind", SQUASHFS.parent / file, folder / file)
                    bound.append(folder / file)
            write_manifest(folder, manifest | changes)
        yield manifest
    finally:
        for path in reversed(bound):
            output("umount", path)
        for name in ("first", "second"):
            shutil.rmtree(live.path / "work" / name)


@pytest.fixture
def first(live: LiveRoot, disk: LoopDisk, tmp_path: Path) -> Iterator[str]:
    """Install a host with the first image, and change its state as a first boot and an administrator do; return its image."""
    with images(live) as manifest:
        done = live.install(answers_for(f"disk: {{path: {disk.path}}}"), image="/work/first")
        assert done.code == 0, done.console
        name = f"{manifest['version']}-{manifest['id'][:8]}"
        with writable(disk, tmp_path) as system:
            upper = system / "state" / name / "upper"
            for path, text in (("usr/local/etc/mark", "kept\n"), ("etc/machine-id", "0123456789abcdef0123456789abcdef\n")):
                (upper / path).parent.mkdir(parents=True, exist_ok=True)
                (upper / path).write_text(text)
        yield name
        output("vgchange", "--activate", "n", "guests")


@contextmanager
def writable(disk: LoopDisk, folder: Path) -> Iterator[Path]:
    """Mount a host's system partition."""
    target = folder / "system"
    target.mkdir(exist_ok=True)
    output("mount", disk.part(3), target)
    try:
        yield target
    finally:
        output("umount", target)


def task(live: LiveRoot, mode: str, more: str = "", *, image: str = "/work/second") -> Finished:
    """Carry out a task."""
    return live.install(f"version: 1\nmode: {mode}\n{more}", image=image)


def choice_of(disk: LoopDisk) -> Choice:
    """Return the choice on the ESP."""
    return boot_choice.parse(output("mtype", "-i", disk.part(2), f"::/{boot_choice.PATH}").encode())


def content(folder: Path) -> dict[str, bytes]:
    """Return the files below a folder, without the large ones."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.stat().st_size < 1 << 20}


def guests(disk: LoopDisk) -> bytes:
    """Return the beginning of the guests' partition."""
    start, _ = disk.parts()[4]
    return disk.read(start, 4 << 20)


def test_an_upgrade_keeps_everything(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    volumes = guests(disk)
    with mounted(disk.part(3), tmp_path / "look") as look:
        image, state = content(look / "images" / first), content(look / "state" / first)
        grub_files = content(look / "boot")
    done = task(live, "upgrade", f"host_name: xen1\ntarget: {{disk: {{path: {disk.path}}}}}\n")
    assert done.code == 0, done.console
    assert f"xen1 tries {NEW} at its next start" in done.console
    states = [event["event"] for event in done.events]
    assert states.index("writing") < states.index("finished")
    assert choice_of(disk).image == first
    assert (choice_of(disk).trial, choice_of(disk).left) == (NEW, 1)
    assert guests(disk) == volumes
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert content(look / "images" / first) == image
        assert content(look / "state" / first) == state
        assert content(look / "boot") == grub_files
        assert sorted(path.name for path in (look / "images").iterdir()) == sorted([first, NEW])
        assert "linux" in (look / "images" / NEW / "boot.cfg").read_text() or (look / "images" / NEW / "boot.cfg").stat().st_size
        new = look / "state" / NEW
        assert json.loads((new / "installed.json").read_text())["version"] == "99.1"
        assert (new / "upper/usr/local/etc/mark").read_text() == "kept\n"
        assert (new / "upper/etc/machine-id").read_text().startswith("0123456789")
        before = json.loads((look / "state/common/health-before.json").read_text())
        assert before["image"] == NEW
    output("e2fsck", "-f", "-n", disk.part(3))
    output("fsck.vfat", "-n", disk.part(2))


def test_a_task_that_fails_before_it_writes_changes_nothing(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    choice = choice_of(disk)
    second = live.path / "work/second"
    value = json.loads((second / "manifest.json").read_text())
    for changes, code in (
        ({"state_format": 77}, "the state format 77"),
        ({"version": "0.0.1"}, "is older than"),
        ({"toolstack": "other"}, "has the toolstack other"),
    ):
        write_manifest(second, value | changes)
        assert code in task(live, "upgrade").failure
    write_manifest(second, value)
    if (signature := second / "manifest.json.sig").exists():
        kept = signature.read_bytes()
        signature.unlink()
        assert "is not signed" in task(live, "upgrade").failure
        signature.write_bytes(kept)
    assert "[host-not-found]" in task(live, "upgrade", "host_name: xen2\n").failure
    assert "[host-not-found]" in task(live, "upgrade", "system: 00000000-0000-4000-8000-000000000000\n").failure
    with writable(disk, live.path / "mnt"):
        assert "[host-in-use]" in task(live, "upgrade").failure
    with writable(disk, tmp_path) as system:
        (system / "state" / first / "installed.json").rename(system / "kept")
    assert "[host-not-found]" in task(live, "upgrade").failure
    with writable(disk, tmp_path) as system:
        (system / "kept").rename(system / "state" / first / "installed.json")
        marker = system / "state" / first / "installed.json"
        other = "uefi" if json.loads(marker.read_text())["firmware"] == "bios" else "bios"
        before = marker.read_text()
        marker.write_text(json.dumps(json.loads(before) | {"firmware": other}))
    assert "[host-other-firmware]" in task(live, "upgrade").failure
    with writable(disk, tmp_path) as system:
        marker.write_text(before)
        upper = system / "state" / first / "upper"
        with (upper / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 9 << 30)
    assert "the system partition has" in task(live, "upgrade").failure
    assert choice_of(disk) == choice
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert [path.name for path in (look / "images").iterdir()] == [first]


def test_a_host_of_the_first_release_is_recognized(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    """Folders are named by the version alone there, and the ESP has no choice."""
    version = first.rpartition("-")[0]
    with writable(disk, tmp_path) as system:
        for folder in ("images", "state"):
            (system / folder / first).rename(system / folder / version)
    output("mdel", "-i", disk.part(2), f"::/{boot_choice.PATH}")
    failure = task(live, "upgrade").failure
    assert "[host-old-layout]" in failure
    assert "install it again" in failure


def test_the_same_image_repairs_the_host(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    done = task(live, "upgrade", image="/work/first")
    assert done.code == 0, done.console
    assert "needs no repair" in done.console
    output("mdel", "-i", disk.part(2), f"::/{boot_choice.PATH}", f"::/{grub.EFI_FILES[0]}")
    with writable(disk, tmp_path) as system:
        (system / "boot/grub/grub.cfg").unlink()
        env = (system / "boot/grub/host.env").read_bytes()
        (system / "boot/grub/host.env").write_bytes(b"")
        (system / "images" / first / "vmlinuz").write_bytes(b"damaged")
    sector = disk.read(0, 512)
    disk.write(0, bytes(440))
    done = task(live, "upgrade", image="/work/first")
    assert done.code == 0, done.console
    for text in ("vmlinuz", "boot menu", "boot sector", "grubx64.efi", "the choice of the image"):
        assert text in done.console, text
    assert disk.read(0, 512) == sector
    assert (choice_of(disk).image, choice_of(disk).trial) == (first, "")
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert (look / "boot/grub/grub.cfg").stat().st_size
        assert (look / "boot/grub/host.env").read_bytes() == env
        assert (look / "images" / first / "vmlinuz").stat().st_size == (SQUASHFS.parent / "vmlinuz").stat().st_size
    output("fsck.vfat", "-n", disk.part(2))


def test_several_hosts_and_none_chosen(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    """A copy of the disk carries the same host: nothing is done until one is named."""
    copy = tmp_path / "copy"
    output("cp", "--sparse=always", disk.file, copy)
    path = output("losetup", "--find", "--show", "--partscan", copy).strip()
    try:
        failure = task(live, "upgrade", "host_name: xen1\n").failure
        assert "[host-ambiguous]" in failure
        assert disk.path in failure
        assert path in failure
    finally:
        output("partx", "--delete", path, status=(0, 1))
        output("losetup", "--detach", path)


def confirm(disk: LoopDisk, image: str) -> None:
    """Confirm an image, as its host does once it is healthy."""
    choice = choice_of(disk)
    write_copy(disk.part(2), replace(choice, sequence=choice.sequence + 1, image=image, trial="", left=0))


def test_a_return_changes_the_choice_and_nothing_else(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    assert "[host-no-image]" in task(live, "rollback").failure
    assert task(live, "upgrade").code == 0
    confirm(disk, NEW)
    with mounted(disk.part(3), tmp_path / "look") as look:
        before = {name: content(look / name) for name in ("images", f"state/{first}", f"state/{NEW}", "boot")}
    volumes = guests(disk)
    assert "[host-no-image]" in task(live, "rollback", "image: 7.7\n").failure
    done = task(live, "rollback", "host_name: xen1\n")
    assert done.code == 0, done.console
    assert f"xen1 starts {first} from now on" in done.console
    assert (choice_of(disk).image, choice_of(disk).trial) == (first, "")
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert {name: content(look / name) for name in before} == before
    assert guests(disk) == volumes
    # A medium that stays in the machine returns once, and not to and fro.
    assert "[task-done]" in task(live, "rollback", "host_name: xen1\n").failure
    assert task(live, "rollback", "host_name: xen1\ntask_id: again\n").code == 0
    assert choice_of(disk).image == NEW


def test_a_reset_returns_a_host_to_its_answers(live: LiveRoot, disk: LoopDisk, first: str, tmp_path: Path) -> None:
    volumes = guests(disk)
    with writable(disk, tmp_path) as system:
        log = system / "state/common/var/log/syslog"
        log.parent.mkdir(parents=True)
        log.write_text("a line\n")
        upper = system / "state" / first / "upper"
        for name in (
            "etc/ssh/ssh_host_ed25519_key",
            "etc/hostname",
            "var/lib/dom0kit/firstboot/network.json",
            "etc/multipath/wwids",
        ):
            (upper / name).parent.mkdir(parents=True, exist_ok=True)
            (upper / name).write_text(f"{name}\n")
            os.chown(upper / name, 7, 8)
        answers = (upper / "etc/dom0kit/host.json").read_bytes()
        images = content(system / "images")
    done = task(live, "reset")
    assert done.code == 0, done.console
    with mounted(disk.part(3), tmp_path / "look") as look:
        state = look / "state" / first
        files = sorted(str(path.relative_to(state / "upper")) for path in (state / "upper").rglob("*") if not path.is_dir())
        assert files == ["etc/dom0kit/host.json", "etc/machine-id", "etc/multipath/wwids", "etc/ssh/ssh_host_ed25519_key"]
        assert (state / "upper/etc/dom0kit/host.json").read_bytes() == answers
        assert (state / "upper/etc/dom0kit/host.json").stat().st_mode & 0o777 == 0o600
        assert (state / "upper/etc/multipath/wwids").stat().st_uid == 7
        assert json.loads((state / "installed.json").read_text())["host_name"] == "xen1"
        assert (state / "work").is_dir()
        assert content(look / "images") == images
        assert (look / "state/common/var/log/syslog").read_text() == "a line\n"
        assert sorted(path.name for path in (look / "state").iterdir()) == sorted([first, "common"])
    assert guests(disk) == volumes
    assert choice_of(disk).image == first
    assert "[task-done]" in task(live, "reset").failure
    with writable(disk, tmp_path) as system:
        config = system / "state/common/var/lib/ganeti/config.data"
        config.parent.mkdir(parents=True)
        config.write_text("{}")
    assert "[host-in-pool]" in task(live, "reset", "task_id: again\n").failure
    output("e2fsck", "-f", "-n", disk.part(3))
