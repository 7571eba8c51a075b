"""The programs: which commands each offers, and that every command explains itself."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator

import pytest

from dom0kit.cli import Program, build_parser
from programs import build_machine, dom0_image, dom0ctl

PROGRAMS = [pytest.param(module.PROGRAM, id=module.__name__) for module in (build_machine, dom0_image, dom0ctl)]
RUN_BY_THE_SYSTEM = {
    "dom0ctl pool names",
    "dom0ctl pool answer",
    "dom0ctl pool work",
    "dom0ctl try-result",
    "dom0ctl image carry",
}


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser and those of all its commands and verbs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from parsers(child)


def shown(parser: argparse.ArgumentParser) -> set[str]:
    """Return the commands that the lists of ``--help`` show, with all their words."""
    found = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for pseudo in action._choices_actions:
                child = action.choices[pseudo.dest]
                found |= shown(child) or {child.prog}
    return found


def all_commands(program: Program) -> set[str]:
    found = list(parsers(build_parser(program)))
    groups = {parser.prog for parser in found if any(isinstance(a, argparse._SubParsersAction) for a in parser._actions)}
    return {parser.prog for parser in found} - groups


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_help_has_an_example_that_can_be_parsed(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    whole = build_parser(program)
    for parser in parsers(whole):
        if parser.prog in RUN_BY_THE_SYSTEM:
            continue
        text = parser.format_help()
        found = re.search(r"^examples?:\n((?:  .*\n)+)", text, re.M)
        assert found, f"{parser.prog} --help has no example"
        for line in found[1].splitlines():
            command = re.split(r" >| {2,}", line.strip())[0]
            assert command.startswith(parser.prog if parser is not whole else program.name), line
            try:
                whole.parse_args(shlex.split(command)[1:])
            except SystemExit:
                # The files of the examples are not here.
                assert "cannot be used: No such file or directory" in capsys.readouterr().err, line


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_describes_the_program_and_its_exit_codes(program: Program) -> None:
    text = build_parser(program).format_help()
    assert program.summary in text
    assert "0 success, 1 user error, 2 usage, 70 internal error, 130 interrupted" in text


def test_commands_of_a_host_are_only_on_hosts() -> None:
    host = all_commands(dom0ctl.PROGRAM)
    assert {"dom0ctl status", "dom0ctl firstboot", "dom0ctl pool token create", "dom0ctl selftest"} <= host
    words = {name.partition(" ")[2] for name in host}
    for program in (build_machine.PROGRAM, dom0_image.PROGRAM):
        assert not words & {name.partition(" ")[2] for name in all_commands(program)}


def test_the_build_machine_builds_and_the_image_installs() -> None:
    builder, image = all_commands(build_machine.PROGRAM), all_commands(dom0_image.PROGRAM)
    assert {"dom0kit iso", "dom0kit image", "dom0kit repro", "dom0kit qa", "dom0kit run", "dom0kit answers render"} <= builder
    assert {"dom0kit install", "dom0kit facts", "dom0kit answers check", "dom0kit answers convert"} <= image < builder


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_systemd_and_sshd_run_is_hidden(program: Program) -> None:
    parser = build_parser(program)
    assert all_commands(program) - shown(parser) == {name for name in RUN_BY_THE_SYSTEM if name.startswith(f"{program.name} ")}
    for part in parsers(parser):
        assert "sshd runs" not in part.format_help().partition("usage:")[2] or part.prog in RUN_BY_THE_SYSTEM
        assert "--watch" not in part.format_help()
        assert "--due" not in part.format_help()
