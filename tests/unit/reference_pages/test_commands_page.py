"""The reference of the commands is complete."""

from __future__ import annotations

from pathlib import Path

from dom0kit.cli import build_parser
from programs import build_machine, dom0ctl
from reference_pages.commands import leaves, page

PROJECT = Path(__file__).resolve().parents[3]


def test_every_command_and_option_has_a_meaning() -> None:
    for program in (build_machine.PROGRAM, dom0ctl.PROGRAM):
        for command, summary in leaves(build_parser(program)):
            assert summary, command.prog
            assert f"### {command.prog}\n" in page()
            assert all(action.help for action in command._actions), command.prog


def test_commands_for_systemd_are_left_out_and_no_path_of_this_machine_is_shown() -> None:
    text = page()
    assert "dom0ctl pool answer" not in text
    assert str(PROJECT) not in text
    assert str(Path.home()) not in text
