"""The Debian package of the builder: what it contains, and that its files work without the checkout."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import dom0kit
from image.cache_keys import PROJECT
from prepare import apt_packages
from prepare.machine import BUILD_SECTIONS

BUILD = PROJECT / "packaging/debian/build"
DEBIAN_HAS = (
    "pydantic", "pydantic_core", "annotated_types", "typing_extensions.py", "yaml", "_yaml", "jinja2", "markupsafe", "networkx",
    "stevedore", "pbr", "jsonschema", "jsonschema_specifications", "referencing", "rpds", "attr", "attrs",
)  # fmt: skip
NO_MODULES_OF_THE_CHECKOUT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def output(*argv: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    words = [str(word) for word in argv]
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=600, env=env, cwd=cwd).stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(output(BUILD, tmp_path_factory.mktemp("deb"), env={**os.environ, "SOURCE_DATE_EPOCH": "1760000000"}).strip())


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    output("dpkg-deb", "--extract", package, folder)
    return folder


def test_it_depends_on_what_a_build_needs(package: Path) -> None:
    assert package.name == f"dom0kit_{dom0kit.__version__}_all.deb"
    depends = re.split(r"(?: \([^)]*\))?, ", output("dpkg-deb", "--field", package, "Depends"))
    needed = {p.name for p in apt_packages.parse(apt_packages.LIST.read_text()) if p.section in BUILD_SECTIONS}
    assert needed <= {word.strip() for word in depends}


def test_files_belong_to_root_and_have_the_date_of_the_epoch(package: Path) -> None:
    lines = output("dpkg-deb", "--contents", package, env={**NO_MODULES_OF_THE_CHECKOUT, "TZ": "UTC"}).splitlines()
    assert len(lines) > 500
    for line in lines:
        mode, owner, _, date, time, *_ = line.split()
        assert owner == "root/root", line
        assert mode in ("drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"), line
        assert (date, time) == ("2025-10-09", "08:53"), line


def test_programs_pages_and_completion_are_there(tree: Path) -> None:
    assert (tree / "usr/bin/dom0kit").stat().st_mode & 0o111
    for page in ("man1/dom0kit.1.gz", "man8/dom0ctl.8.gz"):
        assert gzip.decompress((tree / "usr/share/man" / page).read_bytes()).startswith(b".TH DOM0")
    bash = tree / "usr/share/bash-completion/completions/dom0kit"
    output("bash", "-n", bash)
    reply = f'. {bash}; COMP_WORDS=(dom0kit answers ""); COMP_CWORD=2; _shtab_dom0kit_build() {{ :; }}; '
    reply += '$(complete -p dom0kit | sed "s/.*-F \\([^ ]*\\).*/\\1/") dom0kit "" answers; echo "${COMPREPLY[*]}"'
    assert {"check", "convert", "render", "serve"} <= set(output("bash", "-c", reply).split())
    assert (tree / "usr/share/zsh/vendor-completions/_dom0kit").read_text().startswith("#compdef dom0kit")


def test_the_program_runs_from_the_package(tree: Path, tmp_path: Path) -> None:
    # Python packages that Debian 13 has come from the environment of the tests: the rest must be in the package.
    debian = tmp_path / "debian"
    debian.mkdir()
    site = Path(sysconfig.get_path("purelib"))
    for name in DEBIAN_HAS:
        (debian / name).symlink_to(site / name)
    share = tree / "usr/share/dom0kit"
    env = {**NO_MODULES_OF_THE_CHECKOUT, "PYTHONPATH": f"{share}:{debian}", "PYTHONDONTWRITEBYTECODE": "1"}
    python = [sys.executable, "-S", "-P"]
    assert "examples:" in output(*python, "-m", "programs.build_machine", "--help", env=env, cwd=tmp_path)
    words = ["-m", "programs.build_machine", "answers", "check", tree / "usr/share/doc/dom0kit/examples/example-answers.yaml"]
    assert ": valid, installs " in output(*python, *words, env=env, cwd=tmp_path)
    code = (
        "from image import cache_keys, recipe; r = recipe.load(); print(cache_keys.image_key('b', r, release=True, version='1'));"
        "import argparse_manpage, diskimage_builder.paths, pycdlib, shtab;"
        "print(argparse_manpage.__file__, pycdlib.__file__, shtab.__file__, diskimage_builder.paths.get_path('lib'));"
        "from stevedore import extension; print(extension.ExtensionManager('diskimage_builder.block_device.plugin').names())"
    )
    key, files, plugins = output(*python, "-c", code, env=env, cwd=tmp_path).splitlines()
    assert key == output(sys.executable, "-c", code, cwd=PROJECT).splitlines()[0]
    assert all(Path(file).is_relative_to(share) for file in files.split())
    assert "partitioning" in plugins


def test_two_builds_are_equal(package: Path, tmp_path: Path) -> None:
    again = Path(output(BUILD, tmp_path, env={**os.environ, "SOURCE_DATE_EPOCH": "1760000000"}).strip())
    assert again.read_bytes() == package.read_bytes()
