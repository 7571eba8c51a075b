"""Applying: what is written where, and that a failure leaves nothing that looks like a host."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import uuid
from pathlib import Path

import installer_samples
import pytest
from fake_firmware import FakeFirmware
from fake_runner import Call, FakeRunner
from installer_samples import DISK, IDENTITY, OPTIONS, answers, facts, manifest

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter, Step
from dom0kit.units import GIB, MIB
from installer.apply import image_copy, partitioning
from installer.apply.executor import Work, apply, finish
from installer.command_log import Commands
from installer.model import actions
from installer.model.image_manifest import ImageFile
from installer.model.partition_layout import lay_out
from installer.plan.plan import make_plan
from installer.session import Session, guarded


def commands(fake: FakeRunner) -> Commands:
    return Commands(io.StringIO(), fake)


def image(folder: Path) -> tuple[ImageFile, ...]:
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    files = []
    for name in ("xen.gz", "vmlinuz"):
        (folder / name).write_bytes(name.encode() * 1000)
        files.append(ImageFile(name, len(name) * 1000, hashlib.sha256(name.encode() * 1000).hexdigest()))
    return tuple(files)


def a_step() -> Step:
    return Step(Reporter("test"), "x")


def test_sgdisk_counts_in_the_disks_own_sectors() -> None:
    size = 20 * GIB
    for sector, first, last in ((512, 2048, 4095), (4096, 256, 511)):
        parts = lay_out(size, sector, guests=True, seed=uuid.UUID(int=1))
        words = partitioning.sgdisk_arguments(actions.Table("/dev/sda", sector, IDENTITY, parts))
        assert f"--new=1:{first}:{last}" in words
        assert "--typecode=1:EF02" in words
        assert "--typecode=4:8E00" in words
        assert words[0] == "--clear"


def test_copy_and_read_back(tmp_path: Path) -> None:
    files = image(tmp_path / "image")
    action = actions.CopyImage(str(tmp_path / "image"), "1", files)
    image_copy.copy_image(action, tmp_path / "system", a_step(), commands(FakeRunner()))
    assert sorted(p.name for p in (tmp_path / "system/images/1").iterdir()) == ["manifest.json", "vmlinuz", "xen.gz"]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    files = image(tmp_path / "image")
    (tmp_path / "image/vmlinuz").write_bytes(b"vmlinux" * 1000)
    with pytest.raises(UserError, match=r"vmlinuz has the checksum"):
        image_copy.verify(tmp_path / "image", files, a_step(), "hint")
    (tmp_path / "image/vmlinuz").write_bytes(b"")
    with pytest.raises(UserError, match="has 0 bytes, the manifest says 7000"):
        image_copy.verify(tmp_path / "image", files, a_step(), "hint")
    (tmp_path / "image/vmlinuz").unlink()
    with pytest.raises(UserError, match="cannot read"):
        image_copy.verify(tmp_path / "image", files, a_step(), "hint")


def test_state(tmp_path: Path) -> None:
    image_copy.write_state(actions.WriteState("1", '{"a": 1}'), tmp_path)
    host = tmp_path / "state/1/upper/etc/dom0kit/host.json"
    assert host.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state/1/upper").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "state/1/work").is_dir()
    (tmp_path / "installer.log").write_text("x")
    image_copy.keep_logs([tmp_path / "installer.log", tmp_path / "absent"], tmp_path, "1")
    assert (tmp_path / "state/1/upper/var/log/dom0kit/installer.log").read_text() == "x"


def the_finish(*labels: str) -> actions.Finish:
    entries = tuple(actions.BootEntry(f"/dev/sd{letter}", 2, label) for letter, label in zip("ab", labels, strict=False))
    return installer_samples.finish(*entries)


def test_finish_writes_menu_then_entry_then_marker(tmp_path: Path) -> None:
    (tmp_path / "boot/grub").mkdir(parents=True)
    image_copy.write_state(actions.WriteState("1", "{}"), tmp_path)
    seen: list[bool] = []
    firmware = FakeFirmware()

    def efibootmgr(call: Call) -> str:
        seen.append((tmp_path / "state/1/installed.json").exists())
        assert (tmp_path / "boot/grub/grub.cfg").read_text() == "menu"
        return firmware.output(call)

    (tmp_path / "images/1").mkdir(parents=True)
    fake = FakeRunner({"": efibootmgr})
    finish(the_finish("dom0kit"), Work(commands(fake), tmp_path))
    assert seen == [False] * 3
    assert (tmp_path / "images/1/boot.cfg").read_text() == "entry"
    assert (tmp_path / "boot/grub/host.env").read_bytes() == b"settings"
    assert (tmp_path / "state/1/installed.json").exists()
    assert r"\EFI\dom0kit\grubx64.efi" in fake.words[1]


def test_arrays_have_the_same_name_on_every_machine() -> None:
    array = actions.Array("a", uuid.UUID(int=1), "1.2", ("/dev/sda4", "/dev/sdb4"), 16 * MIB)
    words = partitioning.mdadm_arguments(array)
    assert words[:2] == ["--create", "/dev/md/a"]
    assert {"--homehost=any", "--run", "--bitmap=internal", "--data-offset=16384K"} <= set(words)
    assert "--uuid=00000000:00000000:00000000:00000001" in words
    assert words[-2:] == ["/dev/sda4", "/dev/sdb4"]
    assert "--data-offset=0K" not in partitioning.mdadm_arguments(actions.Array("a", IDENTITY, "1.0", ("x", "y")))


def test_thin_pool_takes_all_the_space() -> None:
    fake = FakeRunner()
    partitioning.make_volume_group(actions.MakeVolumeGroup(("/dev/sda4", "/dev/sdb"), "guests", 64 * MIB), commands(fake))
    assert [argv[0] for argv in fake.words] == ["pvcreate", "pvcreate", "vgcreate", "lvcreate"]
    assert fake.words[2][-3:] == ["guests", "/dev/sda4", "/dev/sdb"]
    assert "100%FREE" in fake.words[3]
    assert "64m" in fake.words[3]


def test_mdadm_conf_is_written_for_a_mirror_alone(tmp_path: Path) -> None:
    image_copy.write_state(actions.WriteState("1", "{}"), tmp_path)
    assert not (tmp_path / "state/1/upper/etc/mdadm").exists()
    image_copy.write_state(actions.WriteState("1", "{}", "MAILADDR root\n"), tmp_path)
    assert (tmp_path / "state/1/upper/etc/mdadm/mdadm.conf").read_text() == "MAILADDR root\n"


def test_failure_unmounts_and_is_an_event(tmp_path: Path) -> None:
    events: list[Event] = []
    fake = FakeRunner(failing={"mkfs.ext4"}, errors="no space left")
    made = make_plan(facts(DISK), answers(), manifest(), OPTIONS)
    steps = tuple(a for a in made.actions if isinstance(a, actions.MakeFileSystems | actions.Finish))
    object.__setattr__(made, "actions", steps)
    session = Session(Reporter("installer", [events.append]), commands(fake), io.StringIO(), tmp_path)
    work = Work(session.commands, tmp_path / "system", mounted=True)

    def job() -> int:
        apply(made, session.reporter, work)
        return 0

    assert guarded(session, job) == 1
    assert ["umount", str(tmp_path / "system")] in fake.words
    assert events[-1]["event"] == "failed"
    assert events[-1]["text"].startswith("mkfs.ext4 exited with 1")
    assert events[-1]["log_file"].endswith("installer.log")
    assert not (tmp_path / "system").exists()
    assert isinstance(session.out, io.StringIO)
    assert "log: " in session.out.getvalue()


def test_a_medium_that_cannot_be_read_is_no_bug(tmp_path: Path) -> None:
    """M1: also before the first step, when the manifest is read."""
    events: list[Event] = []
    out = io.StringIO()
    session = Session(Reporter("installer", [events.append]), commands(FakeRunner()), out, tmp_path, tmp_path / "image")

    def read() -> int:
        raise OSError(errno.EIO, "Input/output error", str(tmp_path / "image/manifest.json"))

    assert guarded(session, read) == 1
    assert events[-1]["text"].startswith("the preparation failed: the medium ")
    assert "Input/output error" in events[-1]["text"]
    assert "internal error" not in out.getvalue()


def test_a_bug_is_an_event_too(tmp_path: Path) -> None:
    events: list[Event] = []
    session = Session(Reporter("installer", [events.append]), commands(FakeRunner()), io.StringIO(), tmp_path)
    assert guarded(session, lambda: json.loads("{")) == 1
    assert "internal error in the installer" in events[-1]["text"]
