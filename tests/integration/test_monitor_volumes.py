"""The script that has dmeventd monitor LVM's mirrors, with an lvm that fails as that of a busy machine does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "image/elements/dom0-host/tree/usr/lib/dom0kit/bin/monitor-volumes"


@pytest.mark.parametrize(("failures", "code", "calls"), [(0, 0, 1), (2, 0, 3), (4, 0, 5), (99, 1, 5)])
def test_lvm_is_asked_until_its_daemon_answers(failures: int, code: int, calls: int, tmp_path: Path) -> None:
    """Five times at most, with a pause in between."""
    programs = {
        "lvm": f'echo "$@" >>{tmp_path}/calls\n[ $(wc -l <{tmp_path}/calls) -gt {failures} ]\n',
        "sleep": f'echo "$1" >>{tmp_path}/pauses\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        (tmp_path / name).chmod(0o755)
    ended = subprocess.run([SCRIPT], env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    assert ended.returncode == code
    assert (tmp_path / "calls").read_text() == "vgchange --monitor y\n" * calls
    pauses = (tmp_path / "pauses").read_text() if calls > 1 else ""
    assert pauses == "3\n" * (calls - 1)
