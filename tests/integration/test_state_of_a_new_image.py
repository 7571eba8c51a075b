"""A host's state on another image: real overlays on ext4 over the real image, changed by the image's own programs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from installer_samples import answers
from live_root import SQUASHFS
from loop_devices import GIB, loop_disk, output

from dom0kit.errors import UserError
from dom0kit.linux import cpio
from dom0kit.linux import host_initramfs as overlay_file
from dom0kit.process import Result
from firstboot.step_records import StepRecords
from installer.apply import host_initramfs
from installer.command_log import Commands
from installer.model.actions import WriteHostPart
from installer.model.image_manifest import read_manifest
from network import netplan
from network.model import host_layout
from upgrade.state import facts
from upgrade.state.describe import Row, describe
from upgrade.state.losses import losses
from upgrade.state.nodes import Facts
from upgrade.state.plan import ASIDE
from upgrade.state.prepare import MARKER, ImageRoots, Report, prepare
from upgrade.state.rules import SHARED

pytestmark = pytest.mark.kernel("image")
DROP_IN = "etc/ssh/sshd_config.d/60-dom0kit.conf"
PACKAGE = "dom0kit-test-tool"


@contextmanager
def overlay(lower: Path, layers: Path, target: Path) -> Iterator[Path]:
    """Mount an overlay as the initramfs does."""
    for folder in (layers / "upper", layers / "work", target):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={layers / 'upper'},workdir={layers / 'work'}"
    output("mount", "-t", "overlay", "-o", options, "test", target)
    try:
        yield target
    finally:
        output("umount", target)


@dataclass(frozen=True)
class Machine:
    """A system partition with two images; ``new`` is the old one with an overlay of changes."""

    folder: Path
    system: Path
    old: ImageRoots
    new: ImageRoots
    commands: Commands

    @contextmanager
    def running(self, image: ImageRoots) -> Iterator[Path]:
        """Mount a host's root."""
        with overlay(image.root, self.system / "state" / image.name, self.folder / "root") as root:
            yield root

    @contextmanager
    def building(self) -> Iterator[Path]:
        """Mount the new image's root to change it."""
        output("umount", self.new.root)
        try:
            with overlay(self.old.root, self.folder / "changes", self.folder / "root") as root:
                yield root
        finally:
            self._mount_new()

    def _mount_new(self) -> None:
        layers = self.folder / "changes"
        options = f"lowerdir={self.old.root},upperdir={layers / 'upper'},workdir={layers / 'work'}"
        output("mount", "-t", "overlay", "-o", options, "test", self.new.root)

    def prepare(self, *, dry: bool = False) -> Report:
        """Take the old image's state to the new one."""
        return prepare(self.system, self.old, self.new, self.commands, dry=dry)

    def rows(self) -> dict[str, Row]:
        """Return what ``dom0ctl image diff`` shows."""
        report = self.prepare(dry=True)
        return {row.what: row for row in describe(report.plan, report.packages.plan)}

    @property
    def upper(self) -> Path:
        """The new overlay's upper folder."""
        return self.system / "state" / self.new.name / "upper"


@pytest.fixture
def machine(tmp_path: Path, commands: Commands) -> Iterator[Machine]:
    """Make a system partition on a loop device with a host that was installed and started once."""
    with ExitStack() as stack:
        device = stack.enter_context(loop_disk(tmp_path / "file", GIB))
        system = tmp_path / "system"
        system.mkdir()
        output("mkfs.ext4", "-q", "-F", device.path)
        output("mount", device.path, system)
        stack.callback(output, "umount", system)
        manifest = json.loads((SQUASHFS.parent / "manifest.json").read_text())
        names = []
        for version, identity in (("0.1.0", manifest["id"]), ("0.2.0", "1234567890abcdef")):
            name = f"{version}-{identity[:8]}"
            (system / "images" / name).mkdir(parents=True)
            (system / "images" / name / "dom0.squashfs").symlink_to(SQUASHFS)
            text = json.dumps({**manifest, "version": version, "id": identity})
            (system / "images" / name / "manifest.json").write_text(text)
            names.append(name)
        roots = [tmp_path / "old", tmp_path / "new"]
        for root in roots:
            root.mkdir()
        output("mount", "-o", "ro,loop", SQUASHFS, roots[0])
        stack.callback(output, "umount", roots[0])
        for layer in ("upper", "work"):
            (tmp_path / "changes" / layer).mkdir(parents=True)
        old, new = (ImageRoots(name, root) for name, root in zip(names, roots, strict=True))
        made = Machine(tmp_path, system, old, new, commands)
        made._mount_new()
        stack.callback(output, "umount", roots[1])
        with made.running(old) as root:
            install(root)
        marker = {"format": 1, "version": "0.1.0", "id": manifest["id"], "host_name": "xen1.example", "install_id": "7"}
        (system / "state" / old.name / MARKER).write_text(json.dumps(marker))
        for name in SHARED:
            (system / "state/common" / name).mkdir(parents=True)
        yield made


def inside(root: Path, *words: str) -> str:
    """Run a program of the image in its root."""
    return output("chroot", root, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin", "LC_ALL=C.UTF-8", *words)


def install(root: Path) -> None:
    """Write what the installer and the first boot write."""
    write(root, "etc/dom0kit/host.json", '{"host_name": "xen1.example"}\n', 0o600)
    write(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    write(root, "etc/hostname", "xen1.example\n")
    write(root, "etc/ssh/ssh_host_ed25519_key", "the key\n", 0o600)
    write(root, "etc/netplan/50-dom0kit.yaml", "network: {}\n", 0o600)
    write(root, "root/.ssh/authorized_keys", "ssh-ed25519 AAAA admin\n", 0o600)
    write(root, "var/log/dom0kit/installer.log", "installed\n")
    for step in ("identity", "root", "network", "pool", "scripts"):
        StepRecords(root).write_done(step, "mark", 1.0)
    shadow = (root / "etc/shadow").read_text().replace("root:!", "root:$y$password", 1)
    assert "$y$password" in shadow
    (root / "etc/shadow").write_text(shadow)


def write(root: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def change(root: Path) -> None:
    """Change a host by hand, in the ways of the list in the scenario ``upgrade-keeps-state``."""
    (root / DROP_IN).write_text((root / DROP_IN).read_text() + "MaxSessions 3\n")
    inside(root, "useradd", "--create-home", "--uid", "1234", "--groups", "adm", "alice")
    inside(root, "systemctl", "disable", "smartmontools.service")
    inside(root, "systemctl", "mask", "uuidd.service")
    write(root, "usr/local/bin/mine", "#!/bin/sh\n", 0o755)
    inside(root, "setcap", "cap_net_raw+ep", "/usr/local/bin/mine") if (root / "usr/sbin/setcap").exists() else os.setxattr(
        root / "usr/local/bin/mine", "user.note", b"mine"
    )
    (root / "etc/nanorc").write_text("set tabsize 2\n")
    (root / "etc/smartd.conf").unlink()
    (root / "etc/chrony/chrony.conf").chmod(0o600)
    write(
        root,
        "etc/systemd/system/mine.service",
        "[Service]\nExecStart=/usr/local/bin/mine\n[Install]\nWantedBy=multi-user.target\n",
    )
    inside(root, "systemctl", "enable", "mine.service")
    shutil.rmtree(root / "etc/xdg")
    write(root, "etc/xdg/mine", "replaced\n")
    write(root, "srv/www/index.html", "hello\n")
    os.chown(root / "srv/www", 1234, 1234)
    os.mkfifo(root / "srv/www/pipe")
    os.link(root / "srv/www/index.html", root / "srv/www/again.html")
    with (root / "root/disk.img").open("wb") as disk:
        disk.truncate(3 * GIB)
        disk.seek(GIB)
        disk.write(b"data")
    write(root, "usr/bin/of-no-package", "#!/bin/sh\n", 0o755)


def new_release(root: Path) -> None:
    """Change the image as a new release may."""
    (root / "etc/nanorc").write_text("set tabsize 8\n")
    inside(root, "useradd", "--system", "--uid", "777", "--no-create-home", "fresh")
    text = (root / "etc/chrony/chrony.conf").read_text()
    (root / "etc/chrony/chrony.conf").write_text(text + "# new\n")
    write(root, "usr/bin/fresh", "#!/bin/sh\n", 0o755)
    write(root, "etc/xdg/fresh", "new\n")
    write(root, "etc/motd", "a new release\n")
    (root / "var/log/fresh").mkdir(mode=0o750)
    os.chown(root / "var/log/fresh", 777, 4)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_a_user_changed_is_on_the_new_image_and_what_is_new_in_the_image_as_well(machine: Machine) -> None:
    with machine.running(machine.old) as root:
        change(root)
    with machine.building() as root:
        new_release(root)
    before = tree(machine.system / "state" / machine.old.name / "upper")
    machine.prepare()
    assert tree(machine.system / "state" / machine.old.name / "upper") == before, "the old state is untouched"
    attributes = [name for path in machine.upper.rglob("*") for name in os.listxattr(path, follow_symlinks=False)]
    assert not [name for name in attributes if name.startswith("trusted.overlay.") and name != "trusted.overlay.opaque"]

    with machine.running(machine.new) as root:
        assert (root / DROP_IN).read_text().endswith("MaxSessions 3\n")
        assert (root / "etc/nanorc").read_text() == "set tabsize 2\n"
        assert (root / f"etc/nanorc{ASIDE}").read_text() == "set tabsize 8\n"
        assert not (root / "etc/smartd.conf").exists()
        assert inside(root, "id", "alice").split()[0] == "uid=1234(alice)"
        assert "4(adm)" in inside(root, "id", "alice")
        assert inside(root, "id", "-u", "fresh").strip() == "777"
        assert (root / "home/alice").lstat().st_uid == 1234
        assert "root:$y$password" in (root / "etc/shadow").read_text()
        assert "alice:" in (root / "etc/subuid").read_text()
        assert (mode(root / "etc/shadow"), (root / "etc/shadow").stat().st_gid) == (0o640, 42)
        states = {unit: is_enabled(root, unit) for unit in ("smartmontools", "uuidd", "mine", "chrony")}
        assert states == {"smartmontools": "disabled", "uuidd": "masked", "mine": "enabled", "chrony": "enabled"}
        assert mode(root / "usr/local/bin/mine") == 0o755
        assert os.listxattr(root / "usr/local/bin/mine") == ["user.note"] or inside(root, "getcap", "/usr/local/bin/mine")
        assert (mode(root / "etc/chrony/chrony.conf"), "# new" in (root / "etc/chrony/chrony.conf").read_text()) == (0o600, True)
        assert os.listdir(root / "etc/xdg") == ["mine"], "the folder that took the place of the image's hides the new one's"
        assert (root / "srv/www").stat().st_uid == 1234
        assert stat.S_ISFIFO((root / "srv/www/pipe").lstat().st_mode)
        assert (root / "srv/www/again.html").stat().st_nlink == 2
        assert (root / "root/disk.img").stat().st_size == 3 * GIB
        assert (root / "root/disk.img").stat().st_blocks < 100, "its holes are holes"
        assert (root / "usr/bin/fresh").exists()
        assert not (root / "usr/bin/of-no-package").exists()
        assert (root / "etc/motd").read_text() == "a new release\n"

        assert (root / "etc/hostname").read_text() == "xen1.example\n"
        assert (root / "etc/machine-id").read_text().startswith("0123456789")
        assert (root / "etc/ssh/ssh_host_ed25519_key").read_text() == "the key\n"
        assert mode(root / "etc/ssh/ssh_host_ed25519_key") == 0o600
        assert (root / "root/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA admin\n"
        assert (root / "etc/dom0kit/host.json").read_text() == '{"host_name": "xen1.example"}\n'
        assert not (root / "etc/netplan/50-dom0kit.yaml").exists()
        records = StepRecords(root)
        assert {step for step in ("identity", "root", "network", "pool", "scripts") if records.read(step)} == {
            "root",
            "pool",
            "scripts",
        }
    assert mode(machine.upper) == 0o755
    fresh = machine.system / "state/common/var/log/fresh"
    assert (mode(fresh), fresh.stat().st_uid, fresh.stat().st_gid) == (0o750, 777, 4)
    marker = json.loads((machine.upper.parent / MARKER).read_text())
    assert (marker["version"], marker["id"], marker["install_id"]) == ("0.2.0", "1234567890abcdef", "7")


def is_enabled(root: Path, unit: str) -> str:
    done = subprocess.run(
        ["chroot", str(root), "systemctl", "is-enabled", f"{unit}.service"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def tree(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {str(path): (value.st_ino, value.st_mode, value.st_size, value.st_mtime_ns) for path, value in found.items()}


def test_the_user_sees_each_change_before(machine: Machine) -> None:
    with machine.running(machine.old) as root:
        change(root)
    with machine.building() as root:
        new_release(root)
    decided = [decision.path for decision in machine.prepare(dry=True).plan.decisions]
    upper = machine.system / "state" / machine.old.name / "upper"
    assert sorted(decided) == sorted(str(path.relative_to(upper)) for path in upper.rglob("*")), "each path has one verdict"
    rows = machine.rows()
    expected = {
        f"/{DROP_IN}": ("changed", "administrator's own"),
        "/etc/nanorc": ("changed", "conflict"),
        "/etc/smartd.conf": ("removed", "administrator's own"),
        "/etc/passwd": ("changed", "merged"),
        "/etc/systemd/system/multi-user.target.wants/smartmontools.service": ("removed", "administrator's own"),
        "/etc/systemd/system/uuidd.service": ("added", "administrator's own"),
        "/etc/systemd/system/multi-user.target.wants/mine.service": ("added", "administrator's own"),
        "/usr/local/bin/mine": ("added", "administrator's own"),
        "/usr/bin/of-no-package": ("added", "dropped"),
        "/etc/chrony/chrony.conf": ("owner or mode", "merged"),
        "/root/disk.img": ("added", "administrator's own"),
    }
    assert {what: (rows[what].change, rows[what].verdict) for what in expected} == expected
    assert next(iter(rows)) == "/etc/nanorc"
    for quiet in ("/etc/dom0kit/host.json", "/etc/machine-id", "/var/log/dom0kit/installer.log", "/etc/netplan/50-dom0kit.yaml"):
        assert quiet not in rows
    assert not (machine.system / "state" / machine.new.name).exists(), "nothing is written"


def test_a_file_of_first_boot_that_was_edited_is_shown(machine: Machine) -> None:
    path = "etc/netplan/50-dom0kit.yaml"
    host = answers(more='network: {management: {mac: "52:54:00:00:07:01"}}')
    with machine.running(machine.old) as root:
        write(root, "etc/dom0kit/host.json", host.to_json(reveal=True), 0o600)
        write(root, path, netplan.text(host_layout(host.network)), 0o600)
    assert f"/{path}" not in machine.rows()
    with machine.running(machine.old) as root:
        write(root, path, (root / path).read_text() + "# mine\n", 0o600)
    assert machine.rows()[f"/{path}"].verdict == "conflict"


def test_a_second_change_after_a_return_starts_from_the_old_state_again(machine: Machine) -> None:
    machine.prepare()
    (machine.upper.parent / "failed-journal").write_text("kept")
    with machine.running(machine.new) as root:
        write(root, "etc/of-the-try", "x")
    with machine.running(machine.old) as root:
        write(root, "etc/after-the-return", "x")
    machine.prepare()
    with machine.running(machine.new) as root:
        assert not (root / "etc/of-the-try").exists()
        assert (root / "etc/after-the-return").exists()
    assert sorted(os.listdir(machine.upper.parent)) == ["failed-journal", MARKER, "upper", "work"]


def test_the_linker_finds_libraries_of_the_host(machine: Machine) -> None:
    with machine.running(machine.old) as root:
        (root / "usr/local/lib").mkdir(exist_ok=True)
        shutil.copy(root / "usr/lib/x86_64-linux-gnu/libm.so.6", root / "usr/local/lib/libmine.so.1")
        inside(root, "ldconfig")
    machine.prepare()
    with machine.running(machine.new) as root:
        assert "=> /usr/local/lib/" in inside(root, "ldconfig", "-p")
    assert (machine.upper / "etc/ld.so.cache").exists()


def test_the_user_sees_what_a_return_loses(machine: Machine) -> None:
    with machine.running(machine.old) as root:
        write(root, "etc/before", "x")
    machine.prepare()
    assert losses(machine.system, machine.new, machine.old) == []
    with machine.running(machine.new) as root:
        write(root, "etc/since", "x")
        write(root, "etc/dom0kit/host.json", "{}\n", 0o600)
        write(root, "var/lib/service/state", "x")
        write(root, "var/log/messages", "x")
        write(root, "etc/hostname", "xen1.example\n")
        (root / "etc/before").unlink()
        (root / "etc/nanorc").unlink()
    found = {row.what: row.change for row in losses(machine.system, machine.new, machine.old)}
    assert found == {
        "/etc/since": "added",
        "/etc/dom0kit/host.json": "added",
        "/etc/nanorc": "removed",
    }


def test_the_state_of_the_running_image_is_never_replaced(machine: Machine) -> None:
    machine.prepare()
    with machine.running(machine.new), pytest.raises(UserError, match="runs on this host"):
        machine.prepare()
    with pytest.raises(UserError, match="runs on this host"):
        prepare(machine.system, machine.old, machine.old, machine.commands)


@pytest.mark.parametrize("moment", range(4))
def test_a_state_that_was_not_finished_does_not_boot_and_is_made_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """End at one of the moments between which a power cut may come; the marker is there only when all else is."""
    machine.prepare()
    calls = {"apply.build": 0, "shared.add_folders": 1, "package_files.install": 2, "host_part.append": 3}
    name = next(name for name, number in calls.items() if number == moment)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"upgrade.state.{name}", cut)
        with pytest.raises(KeyboardInterrupt):
            machine.prepare()
    assert not (machine.upper.parent / MARKER).exists()
    machine.prepare()
    assert sorted(os.listdir(machine.upper.parent)) == [MARKER, "upper", "work"]


def test_after_a_power_cut_the_new_state_is_whole_or_does_not_boot(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Cut at each change of a name and at each sync.

    The next boot finds what has reached the device by then: what was synced, or everything up to that moment.
    """
    with machine.running(machine.old) as root:
        change(root)
    machine.prepare()
    with machine.running(machine.old) as root:
        write(root, "etc/second", "x")
    old = contents(machine.system / "state" / machine.old.name / "upper")
    cuts: list[Path] = []

    def cut() -> None:
        for everything in (False, True):
            if everything:
                output("sync", "--file-system", machine.system)
            cuts.append(tmp_path / f"cut{len(cuts)}")
            output("cp", "--sparse=always", tmp_path / "file", cuts[-1])

    rename, unlink, fsync = os.rename, Path.unlink, os.fsync

    def renamed(*arguments: Any, **words: Any) -> None:
        cut()
        rename(*arguments, **words)

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        cut()

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        cut()

    def logged(argv: Sequence[str | os.PathLike[str]], /, **words: Any) -> Result:
        done = machine.commands(argv, **words)
        cut()
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", renamed)
        patch.setattr(Path, "unlink", unlinked)
        patch.setattr(os, "fsync", synced)
        prepare(machine.system, machine.old, machine.new, cast("Commands", Logged(logged, machine.commands)))
    cut()
    new = contents(machine.upper)
    assert "etc/second" in new
    whole = 0
    for image in cuts:
        with mounted_copy(image, tmp_path / "look") as system:
            assert contents(system / "state" / machine.old.name / "upper") == old, "the old state is untouched"
            state = system / "state" / machine.new.name
            if (state / MARKER).exists():
                found = contents(state / "upper")
                # Before the first change of a name the state of the first call is there, which is whole as well.
                assert found == new or found.keys() == new.keys() - {"etc/second"}
                whole += found == new
                assert os.listdir(state / "work") == []
    assert len(cuts) >= 16
    assert whole >= 1


@dataclass(frozen=True)
class Logged:
    """The installer's commands with something to do after each."""

    call: Any
    commands: Commands

    def __call__(self, *arguments: Any, **words: Any) -> Result:
        made: Result = self.call(*arguments, **words)
        return made

    def note(self, text: str) -> None:
        self.commands.note(text)


@contextmanager
def mounted_copy(image: Path, folder: Path) -> Iterator[Path]:
    """Mount what a power cut left, with the journal replayed."""
    folder.mkdir(exist_ok=True)
    output("mount", "-o", "loop", image, folder)
    try:
        yield folder
    finally:
        output("umount", folder)
        image.unlink()


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return modes, owners and contents of a tree; of a large file its size."""
    found = {}
    for path in folder.rglob("*"):
        value = path.lstat()
        regular = stat.S_ISREG(value.st_mode)
        data = path.read_bytes() if regular and value.st_size < GIB else str(value.st_size).encode() if regular else b""
        found[str(path.relative_to(folder))] = (value.st_mode, value.st_uid, data)
    return found


def test_a_full_partition_is_refused_before_anything_is_written(machine: Machine) -> None:
    with machine.running(machine.old) as root:
        (root / "srv/large").write_bytes(os.urandom(600 * 1024 * 1024))
    assert "are free on the system partition; the largest: /srv/large" in machine.prepare(dry=True).problems[0]
    with pytest.raises(UserError, match="are free on the system partition"):
        machine.prepare()
    assert not (machine.system / "state" / machine.new.name).exists()


def test_a_host_that_goes_on_writing_is_copied_as_it_is_then(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    upper = machine.system / "state" / machine.old.name / "upper"
    with machine.running(machine.old) as root:
        write(root, "etc/passing/temporary", "x")
        write(root, "etc/stays", "x")
    collect, seen = facts.collect, []

    def then_remove(*places: Path) -> Facts:
        found = collect(*places)
        seen.append(found)
        shutil.rmtree(upper / "etc/passing", ignore_errors=True)
        return found

    monkeypatch.setattr(facts, "collect", then_remove)
    machine.prepare()
    assert len(seen) == 2
    assert (machine.upper / "etc/stays").exists()
    assert not (machine.upper / "etc/passing").exists()

    def always(*places: Path) -> Facts:
        with machine.running(machine.old) as root:
            write(root, "etc/passing/temporary", "x")
        return then_remove(*places)

    monkeypatch.setattr(facts, "collect", always)
    with pytest.raises(UserError, match="etc/passing"):
        machine.prepare()
    assert not (machine.upper.parent / MARKER).exists()


def make_package(folder: Path) -> Path:
    """Build a package with a program, a setting, a unit and a user of its own."""
    source = folder / "package"
    write(source, "usr/bin/test-tool", "#!/bin/sh\n", 0o755)
    write(source, "etc/test-tool.conf", "level=1\n")
    write(
        source,
        "DEBIAN/control",
        f"Package: {PACKAGE}\nVersion: 1:1.0-1\nArchitecture: all\nMaintainer: T <t@example>\nDescription: test\n",
    )
    write(source, "DEBIAN/conffiles", "/etc/test-tool.conf\n")
    write(source, "DEBIAN/postinst", "#!/bin/sh\nset -e\nuseradd --system --uid 778 test-tool || id test-tool\n", 0o755)
    output("dpkg-deb", "--build", "--root-owner-group", source, folder)
    return next(folder.glob("*.deb"))


def test_a_package_that_was_installed_by_hand_is_installed_again_from_its_kept_file(machine: Machine) -> None:
    package = make_package(machine.folder)
    with machine.running(machine.old) as root:
        shutil.copy(package, root / "root/tool.deb")
        inside(root, "dpkg", "--install", "/root/tool.deb")
        (root / "root/tool.deb").unlink()
        (root / "etc/test-tool.conf").write_text("level=9\n")
    report = machine.prepare(dry=True)
    assert report.problems == (f"the package {PACKAGE} 1:1.0-1 was installed by hand, and no file of it was kept",)
    with pytest.raises(UserError, match=f"the package {PACKAGE} 1:1.0-1 was installed by hand"):
        machine.prepare()

    kept = machine.system / "state" / machine.old.name / "packages"
    kept.mkdir()
    shutil.copy(package, kept / "tool.deb")
    rows = machine.rows()
    assert rows[PACKAGE].verdict == "reinstalled"
    assert "/usr/bin/test-tool" not in rows
    machine.prepare()
    with machine.running(machine.new) as root:
        assert inside(root, "dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", PACKAGE) == "1:1.0-1 installed"
        assert (root / "usr/bin/test-tool").exists()
        assert (root / "etc/test-tool.conf").read_text() == "level=9\n"
        assert inside(root, "id", "-u", "test-tool").strip() == "778"
    assert [path.name for path in (machine.upper.parent / "packages").iterdir()] == [f"{PACKAGE}_1%3a1.0-1_all.deb"]

    # And once more, from the new image's own files.
    back = prepare(machine.system, machine.new, machine.old, machine.commands)
    assert not back.problems
    with machine.running(machine.old) as root:
        assert (root / "usr/bin/test-tool").exists()


def test_manifests_name_the_images(machine: Machine) -> None:
    for image in (machine.old, machine.new):
        assert read_manifest(machine.system / "images" / image.name).name == image.name


WWID = "35000c50015ea71ad"


def with_host_part(machine: Machine) -> Path:
    """Give the host of the machine a multipath disk, and both images an initramfs; return the new image's."""
    for image in (machine.old, machine.new):
        folder = machine.system / "images" / image.name
        initrd = cpio.archive({"init": f"#!/bin/sh\n# {image.name}\n".encode()}, 0, {"init": 0o755})
        (folder / "initrd.img").write_bytes(initrd)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"]["initrd.img"] = {"size": len(initrd), "sha256": hashlib.sha256(initrd).hexdigest()}
        (folder / "manifest.json").write_text(json.dumps(manifest))
    file = next(file for file in read_manifest(machine.system / "images" / machine.old.name).files if file.name == "initrd.img")
    action = WriteHostPart(machine.old.name, file, (WWID,), (WWID,), policy="overrides {\n}\n")
    host_initramfs.write_host_part(action, machine.system, machine.commands, machine.old.root)
    return machine.system / "images" / machine.new.name / "initrd.img"


def test_the_new_initramfs_knows_the_hosts_disks(machine: Machine) -> None:
    initrd = with_host_part(machine)
    size = initrd.stat().st_size
    machine.prepare()
    files = overlay_file.read(initrd, size)
    assert f"/{WWID}/".encode() in files[overlay_file.WWIDS]
    assert files[overlay_file.POLICY] == b"overrides {\n}\n"
    record = json.loads((machine.upper.parent / overlay_file.RECORD).read_text())
    assert (record["image_size"], record["sha256"]) == (size, hashlib.sha256(initrd.read_bytes()).hexdigest())
    once = initrd.read_bytes()
    machine.prepare()
    assert initrd.read_bytes() == once


def test_a_host_whose_new_initramfs_would_not_find_its_disk_is_not_restarted(machine: Machine) -> None:
    initrd = with_host_part(machine)
    before = initrd.read_bytes()
    with machine.running(machine.old) as root:
        (root / overlay_file.WWIDS).write_text("# by mistake\n")
    with pytest.raises(UserError, match=f"wwids does not name {WWID}"):
        machine.prepare()
    assert initrd.read_bytes() == before
    assert not (machine.upper.parent / MARKER).exists()
