"""The Python packages that the image takes: its programs run with them alone, and those of build machines stay away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from image.cache_keys import PROJECT

HOOK = PROJECT / "image/elements/dom0-host/extra-data.d/60-packages"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    env = {**os.environ, "DOM0KIT_SOURCE": str(PROJECT), "TMP_MOUNT_PATH": str(root)}
    subprocess.run([HOOK], check=True, env=env, timeout=600)
    return root / "usr/lib/dom0kit"


@pytest.mark.parametrize("program", ["dom0ctl", "dom0_image"])
def test_a_program_of_the_image_needs_no_other_package(packages: Path, program: str, tmp_path: Path) -> None:
    code = f"import sys; from programs.{program} import main; sys.exit(main(['--help']))"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    # -P and another folder: the checkout is not searched; an installed checkout would come behind PYTHONPATH.
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout


def test_the_program_of_build_machines_and_its_packages_stay_there(packages: Path) -> None:
    assert {path.name for path in packages.iterdir()} == {
        "answerfiles", "dom0kit", "firstboot", "installer", "network", "pool", "programs", "upgrade",
    }  # fmt: skip
    assert {path.name for path in (packages / "programs").iterdir()} == {
        "__init__.py", "dom0_image.py", "dom0ctl.py", "screens.py", "unattended.py",
    }  # fmt: skip
