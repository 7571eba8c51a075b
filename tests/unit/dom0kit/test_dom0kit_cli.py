"""The command line: every command has help, errors are one sentence."""

from __future__ import annotations

import argparse

import pytest

from dom0kit import cli
from dom0kit.errors import UserError


def commands(program: str, rooms: tuple[str, ...]) -> dict[str, argparse.ArgumentParser]:
    parser = cli.build_parser(program, rooms)
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices)


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    names = commands("dom0kit", cli.ROOMS)
    assert {"iso", "image", "recipe", "repro", "install", "facts", "answers", "qa", "run"} <= names.keys()
    for name, parser in names.items():
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(["--help"])
        assert ended.value.code == 0, name
        assert "usage:" in capsys.readouterr().out


def test_the_host_offers_what_travelled() -> None:
    assert "status" in commands("dom0ctl", ("firstboot",))
    assert cli.build_parser("dom0kit", ("no_such_room", "answerfiles"))


def test_a_users_error_is_a_sentence_and_a_hint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise UserError("the disk is full", "free some")

    parser = argparse.ArgumentParser(prog="dom0kit")
    parser.set_defaults(function=fail)
    monkeypatch.setattr(cli, "build_parser", lambda *_: parser)
    assert cli.main([]) == 1
    assert capsys.readouterr().err == "dom0kit: the disk is full\n  hint: free some\n"


def test_a_bug_of_ours_shows_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    parser = argparse.ArgumentParser(prog="dom0kit")
    parser.set_defaults(function=fail)
    monkeypatch.setattr(cli, "build_parser", lambda *_: parser)
    assert cli.main([]) == 70
    assert "Traceback" in capsys.readouterr().err
