"""Storage networks are brought up in the installer, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from installer import iscsi, multipath, storage
from installer.commands import Commands


@pytest.mark.parametrize(("medium", "host", "wanted"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_only_the_installer_logs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medium: bool, host: bool, wanted: int
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(storage, "MEDIUM", str(tmp_path if medium else tmp_path / "none"))
    monkeypatch.setattr(storage, "HOST", tmp_path if host else tmp_path / "none")
    monkeypatch.setattr(iscsi, "log_in", lambda *arguments: asked.append(arguments[0]))
    monkeypatch.setattr(multipath, "find_paths", lambda commands, tell: ())
    assert storage.bring_up(None, Commands(io.StringIO())) == ()
    assert asked == [None] * wanted
