"""Command lines: help, examples, exit codes."""

from __future__ import annotations

import argparse
import errno

import pytest

from dom0kit import cli
from dom0kit.cli import Add, Group, Program
from dom0kit.errors import UserError


def program_of(function: cli.Function) -> Program:
    def register(add: Add) -> None:
        add("token create", "create a token", lambda parser: None, function, example="tool token create")
        add("token serve", "run by sshd", lambda parser: None, function, hidden=True)

    return Program(
        "tool",
        "Do things.",
        "It does them well.",
        "tool token create",
        (register,),
        {"token": Group("tokens", "tool token create")},
    )


def test_help_has_description_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(program_of(lambda _: 0), ["--help"]) == 0
    shown = capsys.readouterr().out
    for text in ("Do things.", "It does them well.", "example:\n  tool token create", "70 internal error, 130 interrupted"):
        assert text in shown


def test_a_hidden_command_works_and_is_in_no_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(program_of(lambda _: 0), ["token", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "create" in shown
    assert "serve" not in shown
    assert "SUPPRESS" not in shown
    assert cli.main(program_of(lambda _: 0), ["token", "serve"]) == 0


def test_wrong_arguments_exit_with_2() -> None:
    assert exit_of(program_of(lambda _: 0), ["token", "destroy"]) == 2
    assert exit_of(program_of(lambda _: 0), []) == 2


def test_a_user_error_is_a_sentence_and_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise UserError("the disk is full", "free some")

    assert cli.main(program_of(fail), ["token", "create"]) == 1
    assert capsys.readouterr().err == "tool: the disk is full\n  hint: free some\n"


def test_an_internal_error_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise ZeroDivisionError

    assert cli.main(program_of(fail), ["token", "create"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_full_or_failing_disk_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "/var/log/x")

    assert cli.main(program_of(fail), ["token", "create"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("tool: No space left on device (/var/log/x)\n  hint: a disk fails or is full")
    assert "bug" not in shown


def test_an_interrupted_command_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    assert cli.main(program_of(fail), ["token", "create"]) == 130
    assert capsys.readouterr().err == "\ntool: interrupted\n"


def exit_of(program: Program, words: list[str]) -> object:
    with pytest.raises(SystemExit) as ended:
        cli.main(program, words)
    return ended.value.code
