"""Additional packages: what they are, what is wrong with them, where they come from, what of them goes into the initramfs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Ended, FakeRunner, Output
from installer_samples import OPTIONS, answers, facts, manifest

from answerfiles.model import PackageSource
from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, WebError
from dom0kit.linux import host_initramfs
from dom0kit.units import MIB
from installer.command_log import Commands
from installer.model import deb_package
from installer.model.actions import AddPackages
from installer.model.deb_package import Package
from installer.packages import install_live, install_target, package_store
from installer.plan.plan import Plan, make_plan

KERNEL = "6.12.1-amd64"
CONTENTS = """\
drwxr-xr-x root/root         0 2026-01-01 00:00 ./
drwxr-xr-x root/root         0 2026-01-01 00:00 ./lib/modules/6.12.1-amd64/updates/
-rw-r--r-- root/root     20000 2026-01-01 00:00 ./lib/modules/6.12.1-amd64/updates/fast-disk.ko.xz
-rw-r--r-- root/root       500 2026-01-01 00:00 ./usr/lib/modules/6.1.0-9-amd64/updates/fast-disk.ko
-rw-r--r-- root/root      3000 2026-01-01 00:00 ./usr/lib/firmware/fast/a b.bin
lrwxrwxrwx root/root         0 2026-01-01 00:00 ./usr/lib/firmware/fast/c.bin -> a b.bin
-rw-r--r-- root/root        20 2026-01-01 00:00 ./etc/modprobe.d/fast.conf
-rw-r--r-- root/root        20 2026-01-01 00:00 ./usr/lib/modules-load.d/fast.conf
-rwxr-xr-x root/root        20 2026-01-01 00:00 ./usr/bin/fast
"""
DRIVER = deb_package.make_package("/stage/x.deb", "fast\t1:2.0\tamd64\t30\n", CONTENTS, 9000, "a" * 64)
TOOL = Package("/stage/y.deb", "tool", "1", "all", 10, "b" * 64)
OURS = f"usr/lib/modules/{KERNEL}/updates/fast-disk.ko.xz"


def test_a_package_is_what_dpkg_deb_says() -> None:
    assert (DRIVER.name, DRIVER.version, DRIVER.installed, DRIVER.early) == ("fast", "1:2.0", 30720, 23500)
    assert DRIVER.for_kernel(KERNEL) == (OURS,)
    assert DRIVER.firmware == ("usr/lib/firmware/fast/a b.bin", "usr/lib/firmware/fast/c.bin")
    assert DRIVER.settings == ("etc/modprobe.d/fast.conf", "usr/lib/modules-load.d/fast.conf")
    assert DRIVER.file_name == "fast_1%3a2.0_amd64.deb"
    assert DRIVER.describe(KERNEL) == "fast 1:2.0 (1 driver, firmware)"
    assert TOOL.describe() == "tool 1"
    assert deb_package.module_name(OURS) == "fast_disk"


def test_invalid_packages_are_an_error() -> None:
    with pytest.raises(ValueError, match="unpack"):
        deb_package.make_package("/x", "", "", 0, "")


@pytest.mark.parametrize(
    ("given", "kernel", "said"),
    [
        ((DRIVER, TOOL), KERNEL, []),
        ((DRIVER,), "6.12.2-amd64", ["drivers for the kernel 6.1.0-9-amd64, 6.12.1-amd64, this one is 6.12.2-amd64"]),
        ((replace(TOOL, architecture="arm64"),), KERNEL, ["tool 1 is for arm64, this machine is amd64"]),
        ((TOOL, replace(TOOL, version="2")), KERNEL, ["tool is included 2 times: 1, 2"]),
        ((replace(DRIVER, early=65 * MIB),), KERNEL, ["at most 64.0 MiB can be loaded at boot"]),
    ],
)
def test_unsuitable_packages_are_reported(given: tuple[Package, ...], kernel: str, said: list[str]) -> None:
    found = deb_package.problems(given, kernel)
    assert len(found) == len(said)
    for text, words in zip(found, said, strict=True):
        assert words in text


def test_unmet_dependencies_are_reported_as_by_apt() -> None:
    text = """Solving dependencies...
The following packages have unmet dependencies:
 tester-a : Depends: tester-b but it is not installable
            Depends: libc6 (>= 99) but 2.41-12 is to be installed
E: Unable to correct problems, you have held broken packages.
"""
    assert deb_package.unmet(text) == [
        "tester-a: Depends: tester-b but it is not installable",
        "Depends: libc6 (>= 99) but 2.41-12 is to be installed",
    ]
    assert deb_package.unmet("E: Packages need to be removed but remove is disabled.\n") == [
        "Packages need to be removed but remove is disabled."
    ]
    assert deb_package.unmet("") == []


def test_dpkgs_reason_is_found() -> None:
    text = "dpkg: error processing archive /x.deb (--install):\n trying to overwrite '/a', which is also in package b\nErrors"
    assert (
        install_live.dpkg_error(text)
        == "processing archive /x.deb (--install): trying to overwrite '/a', which is also in package b"
    )
    assert install_live.dpkg_error("nothing") == ""


TOOL_DEB: dict[str, Output] = {"dpkg-deb --show": "tool\t1\tall\t1\n"}


def commands(outputs: dict[str, Output] | None = None) -> tuple[Commands, FakeRunner]:
    runner = FakeRunner(outputs or {})
    return Commands(io.StringIO(), runner=runner), runner


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_store, "is_live", lambda: True)
    monkeypatch.setattr(package_store, "kernel", lambda: KERNEL)
    monkeypatch.setattr(install_live, "kernel", lambda: KERNEL)


def store(tmp_path: Path, runner: Commands, get: Any = None) -> package_store.Store:
    return package_store.Store(
        runner, lambda url: SYSTEM, get=get or (lambda *_, **__: b"deb"), sleep=lambda s: None, stage=tmp_path
    )


@pytest.mark.usefixtures("live")
def test_a_url_is_fetched_once_and_checked(tmp_path: Path) -> None:
    asked = []

    def get(url: str, **_: Any) -> bytes:
        asked.append(url)
        if len(asked) == 1:
            raise WebError("connect", "no connection")
        return b"deb"

    run, runner = commands(TOOL_DEB)
    source = PackageSource.model_validate({"url": "https://192.0.2.1/tool.deb?token=x"})
    for _ in range(2):
        found = store(tmp_path, run, get).prepare([source])
        assert [package.name for package in found] == ["tool"]
    assert len(asked) == 2
    assert [words[0] for words in runner.words].count("apt-get") == 2


@pytest.mark.usefixtures("live")
def test_another_checksum_is_refused(tmp_path: Path) -> None:
    source = PackageSource.model_validate({"url": "http://192.0.2.1/tool.deb", "sha256": "0" * 64})
    with pytest.raises(UserError, match="wrong checksum"):
        store(tmp_path, commands()[0]).prepare([source])
    assert not store(tmp_path, commands()[0]).fetched(str(source))


@pytest.mark.usefixtures("live")
def test_a_corrected_stick_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "debs").mkdir()
    (tmp_path / "debs/a.deb").write_bytes(b"a")
    monkeypatch.setattr(package_store, "MEDIUM", str(tmp_path))
    source = PackageSource.model_validate({"folder": "/debs"})
    stage = tmp_path / "stage"
    refusing, _ = commands({**TOOL_DEB, "apt-get": Ended(1, "E: held broken packages")})
    with pytest.raises(UserError):
        store(stage, refusing).prepare([source])
    assert store(stage, refusing).fetched("/debs") == []
    assert list(stage.glob("set-*")) == []
    run, _ = commands(TOOL_DEB)
    assert len(store(stage, run).prepare([source])) == 1
    (tmp_path / "debs/b.deb").write_bytes(b"b")
    assert len(store(stage, run).prepare([source])) == 1
    with pytest.raises(UserError, match="tool is included 2 times"):
        store(stage, run).prepare([source], "/debs")
    assert len(store(stage, run).fetched("/debs")) == 1


@pytest.mark.usefixtures("live")
def test_what_apt_rejects_is_reported(tmp_path: Path) -> None:
    run, _ = commands({**TOOL_DEB, "apt-get": Ended(1, "E: held broken packages")})
    with pytest.raises(UserError, match="cannot be installed: held broken packages"):
        store(tmp_path, run).prepare([PackageSource.model_validate({"url": "https://192.0.2.1/tool.deb"})])


def test_packages_are_rejected_outside_a_live_system(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="in the installer only"):
        store(tmp_path, commands()[0]).prepare([])
    overlay = tmp_path / "overlay"
    overlay.symlink_to(tmp_path)
    assert not package_store.is_live(tmp_path, overlay)
    assert package_store.is_live(tmp_path, tmp_path)


def test_a_folder_without_packages_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    with pytest.raises(UserError, match=r"no \.deb file found in label:D/debs"):
        package_store.copy(tmp_path / "debs", "label:D/debs", tmp_path, package_store.quiet)
    with pytest.raises(UserError, match="cannot read the folder"):
        package_store.copy(tmp_path / "other", "label:D/other", tmp_path, package_store.quiet)


def test_folders_with_packages_are_found(tmp_path: Path) -> None:
    for name in ("a.deb", "x/b.deb", "x/c.deb", "x/y/d.deb", "x/y/z/too-deep.deb", "x/readme"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert package_store.folders(tmp_path) == {"": 1, "x": 2, "x/y": 1}


@pytest.mark.usefixtures("live")
def test_devices_without_a_driver_are_probed_again(tmp_path: Path) -> None:
    for name, files in (("idle", ["modalias"]), ("busy", ["modalias", "driver"]), ("odd", [])):
        (tmp_path / "bus/pci/devices" / name).mkdir(parents=True)
        for file in files:
            (tmp_path / "bus/pci/devices" / name / file).touch()
    run, runner = commands()
    install_live.bring_up((DRIVER,), run, package_store.quiet, sysfs=tmp_path)
    assert ["depmod", KERNEL] in runner.words
    assert ["udevadm", "trigger", "--action=add", str(tmp_path / "bus/pci/devices/idle")] in runner.words
    assert [install_live.MODULES_LOAD, "/usr/lib/modules-load.d/fast.conf"] in runner.words
    install_live.bring_up((TOOL,), run, package_store.quiet, sysfs=tmp_path / "none")
    assert sum(words[0] == "depmod" for words in runner.words) == 1


@pytest.mark.usefixtures("live")
def test_installed_packages_are_skipped(tmp_path: Path) -> None:
    run, runner = commands()
    for _ in range(2):
        install_live.install_here((TOOL,), run, stage=tmp_path)
    assert sum(words[0] == "unshare" for words in runner.words) == 1


def test_the_initramfs_gets_drivers_what_they_need_and_the_indexes(tmp_path: Path) -> None:
    upper, base = tmp_path / "upper", tmp_path / "base"
    folder = f"usr/lib/modules/{KERNEL}"
    for root, name, text in (
        (upper, f"{folder}/modules.dep", "updates/fast-disk.ko.xz: kernel/lib/helper.ko.xz\nkernel/other.ko.xz:\n"),
        (upper, OURS, "driver"),
        (base, f"{folder}/kernel/lib/helper.ko.xz", "helper"),
        (upper, f"{folder}/modules.dep.bin", "new"),
        (base, f"{folder}/modules.dep.bin", "old"),
        (upper, "usr/lib/firmware/fast/a b.bin", "firmware"),
        (upper, "usr/lib/modules-load.d/fast.conf", "# by name\nfast_disk\n;no\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    action = AddPackages("1", KERNEL, (DRIVER, TOOL), ("/x", "/y"))
    install_target.note_early(action, upper, base)
    found = host_initramfs.collect(upper, base)
    assert found[f"{folder}/kernel/lib/helper.ko.xz"] == b"helper"
    assert found[f"{folder}/modules.dep.bin"] == b"new"
    assert found[OURS] == b"driver"
    assert found["usr/lib/firmware/fast/a b.bin"] == b"firmware"
    assert found[host_initramfs.LOAD] == b"fast_disk\n"
    assert f"{folder}/kernel/other.ko.xz" not in found


def test_packages_without_drivers_do_not_change_the_initramfs(tmp_path: Path) -> None:
    assert install_target.note_early(AddPackages("1", KERNEL, (TOOL,), ("/y",)), tmp_path, tmp_path) == ()
    assert not (tmp_path / host_initramfs.FILES).exists()


def planned(*given: Package) -> Plan:
    return make_plan(facts(), answers(), manifest(), replace(OPTIONS, packages=given, kernel=KERNEL))


def test_the_plan_adds_packages_before_the_initramfs_is_made() -> None:
    plan = planned(DRIVER, TOOL)
    titles = [action.title for action in plan.actions]
    assert titles.index("write the host's state") < titles.index("add the packages") < titles.index("make the host's initramfs")
    added = next(action for action in plan.actions if isinstance(action, AddPackages))
    assert [package.file for package in added.packages] == ["fast_1%3a2.0_amd64.deb", "tool_1_all.deb"]
    assert added.files == ("/stage/x.deb", "/stage/y.deb")
    assert "package fast 1:2.0" in plan.render()
    assert [package["name"] for package in plan.to_json()["packages"]] == ["fast", "tool"]


def test_packages_without_drivers_need_no_initramfs_overlay() -> None:
    titles = [action.title for action in planned(TOOL).actions]
    assert "add the packages" in titles
    assert "make the host's initramfs" not in titles
    assert "add the packages" not in [action.title for action in planned().actions]


def test_too_large_packages_are_rejected() -> None:
    with pytest.raises(UserError, match="the system partition has"):
        planned(replace(TOOL, installed=10**11))
