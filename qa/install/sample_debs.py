"""Debian packages made at test time: drivers that the image omits, from Debian's kernel package, and a program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dom0kit.process import run
from image.cli import default_cache
from qa.errors import ScenarioFailed
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive

LABEL = "DRIVERS"
FOLDER = "debs"
DEVICES = ("-object", "can-bus,id=can", "-device", "kvaser_pci,canbus=can")
"""A card whose driver the image omits: CAN over PCI. The driver is found by the card's identity."""
BY_CARD = ("kvaser_pci", "sja1000", "can-dev")
"""The card's driver and its dependencies."""
BY_NAME = "vcan"
"""A driver without a card; the package loads it by name."""
DRIVERS, PROGRAM = "dom0kit-test-can", "dom0kit-test-hello"
HELLO = "hello from an additional package"


@dataclass(frozen=True)
class Kernel:
    """The image's kernel: its release, and Debian's package of it in the build's cache."""

    release: str
    package: Path


def find_kernel(scenario: Scenario) -> Kernel:
    """Return the kernel of the ISO under test.

    :raises ScenarioFailed: when the build's cache does not have its package.
    """
    path = media.extract(scenario.settings.iso, "/dom0kit/manifest.json", scenario.work / "manifest.json")
    manifest = json.loads(path.read_text())
    name = f"linux-image-{manifest['kernel']}"
    folder = default_cache() / "archives"
    found = folder / f"{name}_{manifest['packages'][name]}_amd64.deb"
    if not found.is_file():
        raise ScenarioFailed(f"the build's cache has no {found}; build the ISO on this machine")
    return Kernel(str(manifest["kernel"]), found)


def control(name: str, architecture: str, **fields: str) -> str:
    """Return a package's control file (deb-control(5))."""
    base = {"Package": name, "Version": "1:1.0", "Architecture": architecture, "Maintainer": "dom0kit <qa@example.org>"}
    lines = [f"{key.replace('_', '-')}: {value}" for key, value in {**base, **fields, "Description": "made by a test"}.items()]
    return "\n".join(lines) + "\n"


def build(folder: Path, target: Path, text: str) -> Path:
    """Build a package from the content of a folder."""
    (folder / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (folder / "DEBIAN/control").write_text(text)
    run(["dpkg-deb", "--root-owner-group", "--build", folder, target])
    return target


def make(scenario: Scenario, *, release: str = "") -> list[Path]:
    """Make a package with drivers, which depends on one with a program.

    :param release: the kernel release that the drivers declare; "": that of the image.
    """
    kernel, work = find_kernel(scenario), scenario.work / "packages"
    tree, drivers = work / "kernel", work / "drivers"
    updates = drivers / f"usr/lib/modules/{release or kernel.release}/updates"
    updates.mkdir(parents=True)
    tree.mkdir()
    archive = work / "kernel.tar"
    run(["sh", "-c", f"dpkg-deb --fsys-tarfile {kernel.package} >{archive}"])
    names = [f"*/{name}.ko.xz" for name in (*BY_CARD, BY_NAME)]
    run(["tar", "-x", "-f", archive, "-C", tree, "--wildcards", *names])
    for path in sorted(tree.rglob("*.ko.xz")):
        path.rename(updates / path.name)
    archive.unlink()
    (drivers / "usr/lib/modules-load.d").mkdir()
    (drivers / "usr/lib/modules-load.d/dom0kit-test.conf").write_text(f"# by name\n{BY_NAME}\n")
    return [
        build(drivers, work / "drivers.deb", control(DRIVERS, "amd64", Depends=PROGRAM, Installed_Size="64")),
        make_program(work),
    ]


def make_program(work: Path) -> Path:
    """Make the package with a program."""
    folder = work / "program"
    (folder / "usr/bin").mkdir(parents=True)
    (folder / f"usr/bin/{PROGRAM}").write_text(f"#!/bin/sh\necho {HELLO}\n")
    (folder / f"usr/bin/{PROGRAM}").chmod(0o755)
    return build(folder, work / "program.deb", control(PROGRAM, "all"))


def stick(scenario: Scenario, packages: list[Path]) -> Drive:
    """Make a stick with packages in a folder."""
    path = media.answers_stick(scenario.work / "drivers.img", {"readme.txt": "drivers\n"}, LABEL)
    run(["mmd", "-i", path, f"::{FOLDER}"])
    for package in packages:
        run(["mcopy", "-i", path, package, f"::{FOLDER}/{package.name}"])
    return Drive(path, "usb", serial=LABEL)
