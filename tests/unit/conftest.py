"""Rules for every unit test: no process is started."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
"""A loaded machine may take any time for an example."""
settings.register_profile("quick", max_examples=10, deadline=None)
"""For an author's own runs: `pytest --hypothesis-profile=quick`; `make test` tries as many examples as the default says."""


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a unit test fail that starts a process."""

    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        raise AssertionError(f"a unit test tried to start a process: {arguments!r}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("os.system", refuse)
    monkeypatch.setattr("os.posix_spawn", refuse)


@pytest.fixture(autouse=True)
def _own_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give each test a configuration folder that does not exist: the user's development key is no part of a test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path(tmp_path_factory.getbasetemp(), "no-configuration")))
