"""Storage networks are brought up in the installer, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from installer.command_log import Commands
from installer.storage_network import bring_up, iscsi_login, multipath


@pytest.mark.parametrize(("medium", "host", "wanted"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_only_the_installer_logs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, medium: bool, host: bool, wanted: int
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(bring_up, "MEDIUM", str(tmp_path if medium else tmp_path / "none"))
    monkeypatch.setattr(bring_up, "HOST", tmp_path if host else tmp_path / "none")
    monkeypatch.setattr(iscsi_login, "log_in", lambda *arguments: asked.append(arguments[0]))
    monkeypatch.setattr(multipath, "find_paths", lambda commands, tell: ())
    assert bring_up.bring_up(None, Commands(io.StringIO())) == ()
    assert asked == [None] * wanted
