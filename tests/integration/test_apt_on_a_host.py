"""apt-get on the image's root, with the image's own apt and a repository in a folder: held packages, and why they are."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_root import LiveRoot, live_root
from loop_devices import output

PROJECT = Path(__file__).resolve().parents[2]
ELEMENT = PROJECT / "image/elements/dom0-upgrade"
NEWER = {"linux-image-amd64": "linux-image-99.1-amd64", "linux-image-99.1-amd64": "", "xen-hypervisor-common": "", "htop": ""}
WHY = "from the image, where apt cannot change them; stage a newer image: dom0ctl image stage SOURCE"

pytestmark = pytest.mark.kernel("image")


def make_repository(folder: Path) -> None:
    """Create a repository with newer versions of packages, one of them with a dependency."""
    index = ""
    for name, needs in NEWER.items():
        tree = folder / "trees" / name / "DEBIAN"
        tree.mkdir(parents=True)
        control = f"Package: {name}\nVersion: 99.1-1\nArchitecture: amd64\nMaintainer: T <t@example.org>\nDescription: test\n"
        control += f"Depends: {needs}\n" if needs else ""
        (tree / "control").write_text(control)
        file = folder / f"{name}.deb"
        output("dpkg-deb", "--build", tree.parent, file)
        data = file.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        index += f"{control}Filename: ./{file.name}\nSize: {len(data)}\nSHA256: {sha256}\n\n"
    (folder / "Packages").write_text(index)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[LiveRoot]:
    """Mount the image's root with the element's files of this checkout, and hold its packages as the build does."""
    with live_root(tmp_path) as found:
        shutil.copytree(ELEMENT / "tree", found.path, dirs_exist_ok=True)
        make_repository(found.work)
        shutil.rmtree(found.path / "etc/apt/sources.list.d")
        (found.path / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/work ./\n")
        shutil.copy(ELEMENT / "install.d/50-held-packages", found.work / "hold")
        found.run("bash", "/work/hold")
        found.run("apt-get", "update")
        yield found


def version(root: LiveRoot, name: str) -> str:
    """Return the installed version of a package."""
    return root.run("dpkg-query", "-W", "-f", "${Version}", name).stdout


def test_an_upgrade_keeps_what_boots_from_the_image_and_says_why(root: LiveRoot) -> None:
    before = version(root, "linux-image-amd64")
    for words in (("--simulate", "upgrade"), ("--yes", "upgrade")):
        done = root.run("apt-get", *words, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(WHY) == 1
        assert f"linux-image-amd64, xen-hypervisor-common: this host boots their files {WHY}" in done.stdout
    assert version(root, "linux-image-amd64") == before
    assert version(root, "htop") == "99.1-1", "all others are upgraded"
    assert WHY not in root.run("apt-get", "--yes", "install", "--reinstall", "htop").stdout


@pytest.mark.parametrize(
    "words",
    [
        ("install", "linux-image-amd64"),
        ("--allow-change-held-packages", "install", "linux-image-amd64"),
        ("install", "linux-image-99.1-amd64"),
        ("--allow-change-held-packages", "dist-upgrade", "--ignore-hold"),
        ("--allow-change-held-packages", "remove", "memtest86+"),
    ],
)
def test_a_change_is_refused_and_says_why(root: LiveRoot, words: tuple[str, ...]) -> None:
    before = root.run("dpkg-query", "-W").stdout
    done = root.run("apt-get", "--yes", *words, check=False)
    assert done.returncode != 0
    assert WHY.partition("from the image")[2] in done.stdout + done.stderr
    assert root.run("dpkg-query", "-W").stdout == before
    root.run("apt-get", "check")


def test_a_simulated_installation_says_why(root: LiveRoot) -> None:
    done = root.run("apt-get", "--simulate", "install", "linux-image-99.1-amd64")
    assert WHY in done.stdout
    assert "no explanation" not in done.stderr
