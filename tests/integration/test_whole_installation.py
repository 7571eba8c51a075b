"""A plan for a real disk, carried out: facts from the kernel, a host on the disk at the end; a failure leaves none."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from installer_samples import NIC, answers
from loop_devices import LoopDisk, blkid, loop_disk, mounted, output

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.linux import boot_choice
from installer.apply.executor import Work, apply
from installer.bootloader.menus import host_menu, image_entry
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.model.actions import Finish
from installer.model.hardware import Facts
from installer.model.image_manifest import NAMES, Manifest, read_manifest
from installer.plan.plan import Options, OwnInstallation, Plan, PlanError, make_plan
from installer.start_disk import request_start

GROUP = f"dom0kit-test-{os.getpid()}"
IDENTITY = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Make a folder with an image's files and their manifest; they are not booted."""
    folder = tmp_path / "image"
    folder.mkdir()
    write_image(folder, 100_000)
    return folder


def write_image(folder: Path, size: int) -> None:
    """Write files of about this size and their manifest."""
    files = {}
    for number, name in enumerate(NAMES):
        data = os.urandom(size + number)
        (folder / name).write_bytes(data)
        files[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps({"format": 1, "product": "dom0kit", "version": "1.2", "id": "ab" * 8, "files": files})
    (folder / "manifest.json").write_text(text)


def machine() -> Facts:
    """Collect this machine's facts with loop devices as disks, BIOS firmware and a network card."""
    return replace(collect(loops=True), firmware="bios", nics=(NIC,))


def plan_for(disk: LoopDisk, image: Path, *, wipe: bool = False, more: str = "") -> tuple[Plan, Manifest]:
    """Decide how to install on this disk."""
    manifest = read_manifest(image)
    wanted = answers(f"path: {disk.path}", wipe, f"guests: {{volume_group: {GROUP}}}\n{more}")
    return make_plan(machine(), wanted, manifest, Options(str(image), uuid.UUID(IDENTITY), "2026-01-01T00:00:00Z")), manifest


def work_at(tmp_path: Path, commands: Commands) -> Work:
    """Return what the actions share; the log is carried to the host."""
    (tmp_path / "installer.log").write_text("the log\n")
    return Work(commands, tmp_path / "system", [tmp_path / "installer.log"])


def test_a_host_is_on_the_disk(disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands) -> None:
    plan, manifest = plan_for(disk, image)
    events: list[Event] = []
    stages: list[str] = []
    work = work_at(tmp_path, commands)
    work.after = stages.append
    assert apply(plan, Reporter("installer", [events.append]), work) == []

    assert not os.path.ismount(work.system)
    assert stages == ["written"]
    assert [event["name"] for event in events if event.get("state") == "finished"] == list(plan.steps)
    assert disk.parts() == {p.number: (p.start, p.size) for p in plan.partitions}
    assert [blkid(disk.part(number)).get("TYPE") for number in (2, 3, 4)] == ["vfat", "ext4", "LVM2_member"]
    assert GROUP in output("vgs", "--noheadings", "-o", "vg_name")
    assert disk.read(0, 512)[-2:] == b"\x55\xaa"
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert (look / "boot/grub/grub.cfg").read_text() == host_menu()
        assert (look / "boot/grub/host.env").read_bytes() == plan.boot_settings
        assert (look / "images/1.2-abababab/boot.cfg").read_text() == image_entry(manifest)
        for file in manifest.files:
            assert hashlib.sha256((look / "images/1.2-abababab" / file.name).read_bytes()).hexdigest() == file.sha256
        state = look / "state/1.2-abababab"
        assert json.loads((state / "installed.json").read_text())["host_name"] == "xen1"
        host = state / "upper/etc/dom0kit/host.json"
        assert json.loads(host.read_text())["host_name"] == "xen1"
        assert host.stat().st_mode & 0o777 == 0o600
        assert (state / "upper/var/log/dom0kit/installer.log").read_text() == "the log\n"
    output("e2fsck", "-f", "-n", disk.part(3))
    choice = tmp_path / "choice"
    output("mcopy", "-n", "-i", disk.part(2), f"::/{boot_choice.PATH}", str(choice))
    assert boot_choice.parse(choice.read_bytes()) == boot_choice.Choice(uuid.UUID(IDENTITY), 1, manifest.name)


def test_guests_have_a_disk_of_their_own_and_nothing_of_the_systems(
    disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands
) -> None:
    with loop_disk(tmp_path / "other") as other:
        guests = f"guests: {{volume_group: {GROUP}, on_target: false, disks: [{{path: {other.path}}}]}}\n"
        wanted = answers(f"path: {disk.path}", False, guests)
        options = Options(str(image), uuid.UUID(IDENTITY), "2026-01-01T00:00:00Z")
        plan = make_plan(machine(), wanted, read_manifest(image), options)
        apply(plan, Reporter("installer"), work_at(tmp_path, commands))
        assert sorted(disk.parts()) == [1, 2, 3]
        assert blkid(other.path).get("TYPE") == "LVM2_member"
        volumes = output("pvs", "--noheadings", "-o", "pv_name", "--select", f"vg_name={GROUP}").split()
        assert volumes == [other.path]
        with mounted(disk.part(3), tmp_path / "look") as look:
            host = json.loads((look / "state/1.2-abababab/upper/etc/dom0kit/host.json").read_text())
        assert host["guests"]["on_target"] is False
        output("vgremove", "--force", "--yes", GROUP)


def test_a_second_installation_needs_leave_and_replaces_the_first(
    disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands
) -> None:
    plan, _ = plan_for(disk, image)
    apply(plan, Reporter("installer"), work_at(tmp_path, commands))
    with pytest.raises(PlanError, match=disk.path):
        plan_for(disk, image)
    first = output("vgs", "--noheadings", "-o", "vg_uuid", GROUP)
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert (look / "images/1.2-abababab").is_dir()

    again, _ = plan_for(disk, image, wipe=True, more="reinstall: true")
    assert first.strip() in str(again.actions), "the group that is on the disk is let go of first"
    apply(again, Reporter("installer"), work_at(tmp_path, commands))
    assert output("vgs", "--noheadings", "-o", "vg_uuid", GROUP) != first
    output("e2fsck", "-f", "-n", disk.part(3))


def test_the_installation_of_this_host_is_kept(disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands) -> None:
    """Recognize it also while its journal is unfinished, and without a mount; write nothing."""
    plan, _ = plan_for(disk, image, more="install_id: first")
    apply(plan, Reporter("installer"), work_at(tmp_path, commands))
    [found] = machine().installations
    assert (found.disk, found.names, found.install_id, found.installed) == (
        disk.path,
        ("xen1",),
        "first",
        "2026-01-01T00:00:00Z",
    )
    # As after a power cut: ext4's superblock says that the journal must be replayed (s_feature_incompat, RECOVER).
    output("debugfs", "-w", "-R", "feature needs_recovery", disk.part(3))
    assert "needs_recovery" in output("dumpe2fs", "-h", disk.part(3))
    before = disk.read(0, 64 << 20)
    with pytest.raises(OwnInstallation, match=rf"xen1 on {disk.path} \(version 1\.2, 2026-01-01T00:00:00Z\)"):
        plan_for(disk, image, wipe=True, more="install_id: first")
    assert disk.read(0, 64 << 20) == before
    assert plan_for(disk, image, wipe=True, more="install_id: second")[0].paths == (disk.path,)


def test_the_installation_of_this_host_is_recognized_on_sectors_of_4096_bytes(
    image: Path, tmp_path: Path, commands: Commands
) -> None:
    """Without devices for the partitions, as after a failed look at the table."""
    with loop_disk(tmp_path / "large-sectors", sector=4096) as disk:
        wanted = answers(f"path: {disk.path}", more=f"guests: {{volume_group: {GROUP}}}")
        facts = replace(machine(), firmware="uefi")
        plan = make_plan(facts, wanted, read_manifest(image), Options(str(image), uuid.UUID(IDENTITY)))
        done = tuple(replace(a, entries=()) if isinstance(a, Finish) else a for a in plan.actions)
        apply(replace(plan, actions=done), Reporter("installer"), work_at(tmp_path, commands))
        output("vgchange", "--activate", "n", GROUP)
        output("partx", "--delete", disk.path)
        assert [found.disk for found in machine().installations] == [disk.path]


def test_an_installation_that_did_not_finish_is_not_kept(disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands) -> None:
    plan, _ = plan_for(disk, image)
    apply(plan, Reporter("installer"), work_at(tmp_path, commands))
    output("debugfs", "-w", "-R", "rm /state/1.2-abababab/installed.json", disk.part(3))
    assert machine().installations == ()
    assert plan_for(disk, image, wipe=True)[0].paths == (disk.path,)


def test_the_start_of_the_disk_is_requested_on_its_esp(disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands) -> None:
    plan, _ = plan_for(disk, image)
    apply(plan, Reporter("installer"), work_at(tmp_path, commands))
    for _ in range(2):
        assert request_start(disk.path, "bios", commands) == ""
        assert "dom0kit_start_disk=yes" in output("mtype", "-i", disk.part(2), "::/EFI/dom0kit/start.env")
    output("fsck.vfat", "-n", disk.part(2))


def test_a_damaged_medium_leaves_the_disk_alone(disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands) -> None:
    output("mkfs.ext4", "-q", "-F", "-L", "precious", disk.path)
    plan, manifest = plan_for(disk, image, wipe=True)
    damaged = image / manifest.files[1].name
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with pytest.raises(UserError, match=f"{damaged.name} has the checksum"):
        apply(plan, Reporter("installer"), work_at(tmp_path, commands))
    assert blkid(disk.path)["LABEL"] == "precious"
    output("e2fsck", "-f", "-n", disk.path)


def test_a_failure_in_the_middle_leaves_a_menu_that_says_so_and_no_host(
    disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands
) -> None:
    """Remove a file of the image after it was checked."""
    plan, manifest = plan_for(disk, image)

    def spoil(event: Event) -> None:
        if (event.get("name"), event.get("state")) == ("install boot loaders", "finished"):
            (image / manifest.files[-1].name).unlink()

    work = work_at(tmp_path, commands)
    with pytest.raises((UserError, OSError), match=manifest.files[-1].name):
        apply(plan, Reporter("installer", [spoil]), work)
    assert not work.mounted
    assert not os.path.ismount(work.system)
    with mounted(disk.part(3), tmp_path / "look") as look:
        assert (look / "boot/grub/grub.cfg").read_text() != host_menu()
        assert "did not finish" in (look / "boot/grub/grub.cfg").read_text()
        assert not list(look.glob("state/*/installed.json"))


def test_a_target_that_is_in_use_is_let_go_of_after_a_failure(
    disk: LoopDisk, image: Path, tmp_path: Path, commands: Commands
) -> None:
    """Keep the mount busy by an open folder: it is unmounted lazily."""
    plan, manifest = plan_for(disk, image)
    work = work_at(tmp_path, commands)
    held: list[int] = []

    def hold(event: Event) -> None:
        if work.mounted and not held:
            held.append(os.open(work.system, os.O_RDONLY | os.O_DIRECTORY))
            (image / manifest.files[-1].name).unlink()

    with pytest.raises((UserError, OSError), match=manifest.files[-1].name):
        apply(plan, Reporter("installer", [hold]), work)
    try:
        assert held
        assert not os.path.ismount(work.system)
    finally:
        os.close(held[0])


def test_a_disk_that_fails_while_it_is_written_is_the_machines_error(tmp_path: Path, image: Path, commands: Commands) -> None:
    """Install on a disk that has a fraction of the space that it reports, as counterfeit ones do."""
    small = tmp_path / "small"
    small.mkdir()
    output("mount", "-t", "tmpfs", "-o", "size=96m", "none", small)
    try:
        write_image(image, 50_000_000)
        with loop_disk(small / "disk") as disk:
            plan, _ = plan_for(disk, image)
            work = work_at(tmp_path, commands)
            reasons = "Input/output error|No space left on device|Read-only file system"
            with pytest.raises(
                UserError, match=rf"^copy the image failed: the disk {disk.path} failed .*: ({reasons}) \[dev"
            ) as caught:
                apply(plan, Reporter("installer"), work)
            assert "dmesg" in caught.value.hint
            assert not os.path.ismount(work.system)
    finally:
        output("umount", small)
