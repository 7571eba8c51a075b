"""The wheel, installed into an environment of its own and used outside the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import dom0kit
from image.cache_keys import PROJECT
from iso.layout import BOOT_HYBRID, PATHS

PACKAGES = (
    "answerfiles",
    "dom0kit",
    "firstboot",
    "image",
    "installer",
    "iso",
    "network",
    "pipeline",
    "pool",
    "prepare",
    "programs",
    "qa",
    "upgrade",
)
NO_DEBIAN_PACKAGES = "mount -t tmpfs none /var/lib/dpkg && touch /var/lib/dpkg/status && exec dom0kit iso"


@dataclass
class Installed:
    """An environment with the wheel.

    :ivar folder: of the environment.
    :ivar work: an empty folder outside the checkout, where commands run.
    """

    folder: Path
    work: Path

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.work)}
        return subprocess.run(argv, cwd=self.work, env=env, text=True, capture_output=True, timeout=600, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", str(folder), str(PROJECT)], check=True, timeout=600)
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder, work = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("elsewhere")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=600)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(folder / "bin/python"),
        "install",
        "--quiet",
    ]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True, timeout=600)
    # The dependencies, which the checkout's environment has; its own link to the checkout is not followed from here.
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(folder, work)


def tracked(folder: str) -> set[str]:
    """Return the files of a package that git tracks or would track."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", folder]
    output = subprocess.run(argv, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    return {name for name in output.splitlines() if (PROJECT / name).exists()}


def test_the_wheel_has_every_file_of_every_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"dom0kit-{dom0kit.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist() if ".dist-info/" not in info.filename}
    assert set(modes) == set().union(*map(tracked, PACKAGES))
    for name, mode in modes.items():
        assert not (PROJECT / name).is_symlink(), f"{name}: a wheel cannot hold links"
        assert bool(mode & 0o111) == os.access(PROJECT / name, os.X_OK), name


def test_help_works_and_the_code_is_the_installed_one(installed: Installed) -> None:
    shown = installed.run("dom0kit", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "exit codes:" in shown.stdout
    code = "import image.cache_keys, image.recipe; print(image.cache_keys.PROJECT, image.recipe.DEFAULT_RECIPE.exists())"
    (site,) = installed.folder.glob("lib/python3*/site-packages")
    assert installed.run("python", "-c", code).stdout.split() == [str(site), "True"]


def test_an_image_from_the_wheel_would_be_the_same_as_from_the_checkout(installed: Installed) -> None:
    code = (
        "from image import cache_keys, recipe; r = recipe.load();"
        "print(cache_keys.initramfs_key('b', r, release=True), cache_keys.image_key('b', r, release=True, version='1'))"
    )
    checkout = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert installed.run("python", "-c", code).stdout == checkout.stdout


def test_answers_are_checked(installed: Installed) -> None:
    shown = installed.run("dom0kit", "answers", "check", str(PROJECT / "docs/example-answers.yaml"))
    assert shown.returncode == 0, shown.stderr
    (installed.work / "bad.yaml").write_text("version: 1\n")
    shown = installed.run("dom0kit", "answers", "check", "bad.yaml")
    assert shown.returncode == 1
    assert "host_name" in shown.stderr


def test_a_rack_is_rendered_with_the_templates_of_the_package(installed: Installed) -> None:
    files = {}
    for name in (*PATHS, BOOT_HYBRID):
        path = installed.work / "image" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 100)
        files[name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
    manifest = {
        "format": 1,
        "product": "dom0kit",
        "version": "0.1.0",
        "id": "0123456789abcdef",
        "epoch": 1760000000,
        "files": files,
    }
    (installed.work / "image/manifest.json").write_text(json.dumps(manifest))
    (installed.work / "inventory.yaml").write_text(
        'defaults: {target: {disk: {serial: D1}}, root: {password_hash: "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"}}\n'
        'hosts: {xen1: {mac: "52:54:00:00:00:01"}}\n'
    )
    words = ["inventory.yaml", "-o", "tree", "--url", "http://192.0.2.1", "--image", "image", "--group", "root"]
    shown = installed.run("dom0kit", "answers", "render", *words)
    assert shown.returncode == 0, shown.stderr
    assert "http://192.0.2.1" in (installed.work / "tree/boot/hosts/mac-52-54-00-00-00-01.ipxe").read_text()


def test_missing_debian_packages_are_named_in_one_sentence(installed: Installed) -> None:
    shown = installed.run("unshare", "--mount", "sh", "-c", NO_DEBIAN_PACKAGES)
    assert shown.returncode == 1
    sentence, hint = shown.stderr.splitlines()
    assert "Debian packages that a build needs are not installed: ca-certificates, " in sentence
    assert "mmdebstrap" in sentence
    assert "qemu-system" not in sentence
    assert hint.startswith("  hint: apt-get install ")
    assert not (installed.work / "build").exists()
