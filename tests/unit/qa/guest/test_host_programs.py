"""The programs of scenarios run with the host's packages as they are."""

from __future__ import annotations

import ast
import importlib
import json
import shlex
from functools import partial
from pathlib import Path

import pytest

from firstboot import host as host_module
from firstboot.host import HOST_JSON, Host
from qa.guest import host_programs
from qa.san.multipath_host import RESIDENT


@pytest.fixture
def host_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a host's ``host.json`` with a join token; programs see this host."""
    path = tmp_path / HOST_JSON
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host_name": "xen1", "pool": {"join": {"token": "d0k1-secret"}}}))
    monkeypatch.setattr(host_module, "Host", partial(Host, tmp_path))
    return path


def test_values_are_put_into_host_json(host_json: Path) -> None:
    """The program named an attribute that had got another name, which only a scenario of minutes would have shown."""
    exec(host_programs.change_host_json({"scripts": ["it's"]}), {})
    assert json.loads(host_json.read_text()) == {
        "host_name": "xen1",
        "pool": {"join": {"token": "d0k1-secret"}},
        "scripts": ["it's"],
    }


def test_the_token_is_erased_once(host_json: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        exec(host_programs.ERASE_TOKEN, {})
    assert capsys.readouterr().out.split() == ["True", "False"]
    assert "d0k1-secret" not in host_json.read_text()


def test_the_shell_passes_a_program_unchanged() -> None:
    words = shlex.split(host_programs.command(host_programs.ERASE_TOKEN))
    assert words == ["PYTHONPATH=/usr/lib/dom0kit", "python3", "-c", host_programs.ERASE_TOKEN]


def test_the_program_that_looks_at_locked_files_imports_what_is_there() -> None:
    imports = [node for node in ast.walk(ast.parse(RESIDENT)) if isinstance(node, ast.ImportFrom)]
    assert any((node.module or "").startswith("firstboot.") for node in imports)
    for node in imports:
        module = importlib.import_module(node.module or "")
        assert all(hasattr(module, alias.name) for alias in node.names)
