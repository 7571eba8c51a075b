"""Readying a build machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.process import Result
from dom0kit.units import GIB
from prepare import apt_packages, machine
from prepare.checks import NEEDED_DISK, NEEDED_MEMORY, Machine, problems

GOOD = Machine(
    root=True,
    distribution="debian",
    architecture="x86_64",
    python=(3, 11),
    free_disk=NEEDED_DISK,
    memory=NEEDED_MEMORY,
    loop_devices=True,
    mirror="http://deb.debian.org/debian",
    mirror_error="",
)


def test_a_good_machine_has_no_problem() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (replace(GOOD, root=False), "not root"),
        (replace(GOOD, distribution="fedora"), "fedora, not Debian or Ubuntu"),
        (replace(GOOD, architecture="aarch64"), "not x86_64"),
        (replace(GOOD, python=(3, 9)), "python3 is 3.9"),
        (replace(GOOD, free_disk=GIB), "only 1.0 GiB are free"),
        (replace(GOOD, memory=GIB), "1.0 GiB of memory"),
        (replace(GOOD, loop_devices=False), "loop device"),
        (replace(GOOD, mirror_error="timed out"), "does not answer: timed out"),
    ],
)
def test_each_obstacle_is_one_sentence_with_a_hint(machine: Machine, sentence: str) -> None:
    found = problems(machine)
    assert len(found) == 1
    assert sentence in found[0].sentence
    assert found[0].hint


def test_the_list_is_read() -> None:
    assert apt_packages.parse("# c\n\nmtools\n[tests] # e\nqemu-utils [bookworm-backports] # d\n") == [
        apt_packages.Package("mtools"),
        apt_packages.Package("qemu-utils", "bookworm-backports", "tests"),
    ]


def test_a_broken_line_is_named() -> None:
    with pytest.raises(UserError, match=r"system-packages\.txt:2"):
        apt_packages.parse("mtools\ntwo words\n")


def test_the_list_that_ships_is_valid() -> None:
    names = {p.name for p in apt_packages.parse(apt_packages.LIST.read_text())}
    assert {"mmdebstrap", "squashfs-tools", "mtools", "gdisk", "qemu-system-x86", "ovmf", "shellcheck", "python3-venv"} <= names


def test_every_listed_package_is_in_a_section_and_a_build_needs_no_tests() -> None:
    listed = apt_packages.parse(apt_packages.LIST.read_text())
    assert {p.section for p in listed} == {"environment", "image", "iso", "lab-servers", "tests"}
    build = {p.name for p in listed if p.section in machine.BUILD_SECTIONS}
    assert {"mmdebstrap", "squashfs-tools", "mtools", "gdisk"} <= build
    assert not {"qemu-system-x86", "nginx-light"} & build


def answer(monkeypatch: pytest.MonkeyPatch, query: str, found: Machine = GOOD) -> None:
    monkeypatch.setattr(machine, "run", lambda *_, **__: Result((), 0, query, "", 0.0))
    monkeypatch.setattr(machine, "look", lambda *_, **__: found)
    monkeypatch.setattr(machine.shutil, "which", lambda _: "/usr/bin/dpkg-query")


def test_a_build_names_the_missing_packages_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = apt_packages.parse(apt_packages.LIST.read_text())
    present = "".join(f"ii  {p.name} 1\n" for p in listed if p.section in machine.BUILD_SECTIONS and p.name != "mtools")
    answer(monkeypatch, present)
    with pytest.raises(UserError) as raised:
        machine.require_builder()
    assert raised.value.message == "1 Debian package that a build needs is not installed: mtools"
    assert raised.value.hint == "apt-get install --no-install-recommends mtools"
    answer(monkeypatch, present + "ii  mtools 1\n", replace(GOOD, free_disk=1, memory=1))
    machine.require_builder()


def test_a_build_needs_root(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "", replace(GOOD, root=False))
    with pytest.raises(UserError, match="not root"):
        machine.require_builder()


def test_what_is_missing() -> None:
    present = apt_packages.installed("ii  mtools 4.0\nrc  gdisk 1.0\nii  qemu-utils 1:7.2\n")
    wanted = [
        apt_packages.Package("mtools"),
        apt_packages.Package("gdisk"),
        apt_packages.Package("qemu-utils", "bookworm-backports"),
    ]
    assert [p.name for p in apt_packages.missing(wanted, present, bookworm=False)] == ["gdisk"]
    assert [p.name for p in apt_packages.missing(wanted, present, bookworm=True)] == ["gdisk", "qemu-utils"]
    newer = {**present, "qemu-utils": "1:10.0.2~bpo12+1"}
    assert [p.name for p in apt_packages.missing(wanted, newer, bookworm=True)] == ["gdisk"]


def test_the_hosts_own_mirror_is_used_for_backports() -> None:
    deb822 = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"
    assert apt_packages.host_mirror(deb822, "x") == "http://mirror.example/debian"
    assert apt_packages.host_mirror("deb http://m/debian/ bookworm main\n", "x") == "http://m/debian"
    assert apt_packages.host_mirror("# deb http://m/debian bookworm main\n", "x") == "x"
    assert "Suites: bookworm-backports" in apt_packages.backports_source("http://m/debian")


def test_services_stay_off_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with apt_packages.services_stay_off(policy):
        assert policy.stat().st_mode & 0o111
        assert policy.read_text().endswith("exit 101\n")
    assert not policy.exists()
    policy.write_text("mine")
    with apt_packages.services_stay_off(policy):
        pass
    assert policy.read_text() == "mine"


def test_services_that_packages_bring_are_known() -> None:
    assert apt_packages.unwanted_services(["mtools", "tgt", "nginx-light"]) == ["tgt.service", "nginx.service"]
    # A minimal container of Debian 12 has no systemctl(1), and nothing would start there.
    assert apt_packages.unwanted_services(["mtools", "tgt", "nginx-light"], systemd=False) == []
    assert set(apt_packages.SERVICES) <= {package.name for package in apt_packages.parse(apt_packages.LIST.read_text())}
