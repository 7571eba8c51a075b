"""Nonsense for the arguments of every command: a sentence, a hint and exit code 1 or 2, never a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dom0kit import cli, fs
from dom0kit.cli import Program, build_parser
from programs import build_machine, dom0_image, dom0ctl

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = (
    "",
    "nonsense",
    "-1",
    "0",
    "70000",
    "9" * 5000,
    "1.5",
    "a b",
    "x\udcff",
    "\x1b[31m",
    "http://",
    "http://[",
    "http://x:99999/",
)
WORDS += ("ftp://x", "//", "é", "\n", "%s", "{x}", "{{", "10.0.0.0/33", "::", "a" * 5000, "٣", "1_0", "\0")
PATHS = ("", "missing", "folder", "binary", "huge", "empty", "pipe", "/dev/zero", "/proc/x/y", "binary/x", "a" * 5000, "n" * 300)
PATHS += ("x\udcffy", "/proc/self/mem", "loop", "..")
GOOD = {"inventory": "inventory.yaml", "file": "host.yaml", "files": "host.yaml", "tree": "folder", "hosts": "x", "iso": "binary"}
GOOD |= {"image_dir": "folder", "output": "out", "url": "http://192.0.2.1", "image": "folder"}
RUN = (
    "answers render",
    "answers arm",
    "answers disarm",
    "answers embed",
    "answers convert",
    "answers check",
    "master",
    "verify",
    "recipe",
)
"""Commands that can run here: they start no process before they have checked everything."""


def commands() -> Iterator[tuple[Program, argparse.ArgumentParser]]:
    """Yield every command of every program with its parser."""
    for program in (build_machine.PROGRAM, dom0_image.PROGRAM, dom0ctl.PROGRAM):
        waiting: list[argparse.ArgumentParser] = [build_parser(program)]
        while waiting:
            parser = waiting.pop()
            groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
            waiting += [choice for group in groups for choice in group.choices.values()]
            if not groups:
                yield program, parser


COMMANDS = list(commands())
ARGUMENTS = [(program, parser, action) for program, parser in COMMANDS for action in parser._actions if action.nargs != 0]
IDS = [f"{parser.prog} {action.dest}" for _, parser, action in ARGUMENTS]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fs, "PIPE_SECONDS", 0.05)
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 10)
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 33)
    answers = f'target: {{disk: {{serial: X}}}}\nroot: {{password_hash: "{HASH}"}}\n'
    (tmp_path / "host.yaml").write_text(f"version: 1\nhost_name: x\n{answers}")
    defaults = f"defaults: {{target: {{disk: {{serial: X}}}}, root: {{password_hash: '{HASH}'}}}}"
    (tmp_path / "inventory.yaml").write_text(f"{defaults}\nhosts: {{x: {{mac: '52:54:00:00:00:01'}}}}\n")


def check(said: str, code: object) -> None:
    """Check one error: what it is, and what to do."""
    assert "Traceback" not in said
    assert code in (0, 1, 2), said
    if code == 2:
        sentence, _, hint = said.rstrip("\n").partition("\n  hint: ")
        assert sentence, said
        assert hint, said
        assert "\n" not in sentence + hint, said
        assert sentence.isprintable(), said


def outcome(program: Program, words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Run a command; return its exit code and what it printed as errors."""
    try:
        code: object = cli.main(program, words)
    except SystemExit as ended:
        code = ended.code
    return code, capsys.readouterr().err


@pytest.mark.parametrize(("program", "parser", "action"), ARGUMENTS, ids=IDS)
def test_types_are_those_that_refuse_nonsense(program: Program, parser: argparse.ArgumentParser, action: argparse.Action) -> None:
    """A bare ``int`` takes any number, and a bare ``Path`` a folder for a file."""
    assert action.type not in (int, float, Path)


@pytest.mark.parametrize(("program", "parser", "action"), ARGUMENTS, ids=IDS)
def test_each_type_refuses_in_one_sentence(
    program: Program, parser: argparse.ArgumentParser, action: argparse.Action, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is given, parsing ends with a value or with a sentence, a hint and exit code 2."""
    for word in (*WORDS, *PATHS):
        if callable(action.type):
            try:
                action.type(word)
            except argparse.ArgumentTypeError as error:
                with pytest.raises(SystemExit) as ended:
                    parser.error(f"argument {action.dest}: {error}")
                check(capsys.readouterr().err, ended.value.code)


@pytest.mark.parametrize(
    ("program", "parser", "action"),
    [entry for entry in ARGUMENTS if entry[1].prog.partition(" ")[2] in RUN],
    ids=[name for name, entry in zip(IDS, ARGUMENTS, strict=True) if entry[1].prog.partition(" ")[2] in RUN],
)
def test_commands_refuse_nonsense(
    program: Program, parser: argparse.ArgumentParser, action: argparse.Action, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command runs with one argument that makes no sense among others that do."""
    for value in (*(WORDS if action.type is None else ()), *PATHS):
        words = parser.prog.split()[1:]
        for other in parser._actions:
            given = value if other is action else GOOD.get(other.dest)
            needed = other is action or other.required or (not other.option_strings and other.nargs != "?")
            if other.nargs != 0 and needed and given is not None:
                words.append(f"{other.option_strings[-1]}={given}" if other.option_strings else given)
        code, said = outcome(program, words, capsys)
        check(said, code)


@pytest.mark.parametrize(
    ("program", "words", "sentence"),
    [
        (
            build_machine.PROGRAM,
            ["answers", "serve", "folder", "--port", "70000"],
            "'70000' is not a port, a number from 1 to",
        ),
        (
            build_machine.PROGRAM,
            ["answers", "serve", "folder", "--port", "http"],
            "'http' is not a port, a number from 1 to",
        ),
        (build_machine.PROGRAM, ["answers", "render", "inventory.yaml", "-o", "tree", "--url", "nonsense"], "is not an address"),
        (build_machine.PROGRAM, ["iso", "--recipe", "folder"], "folder is a folder, not a file"),
        (build_machine.PROGRAM, ["image", "--build", "binary/x"], "binary is not a folder"),
        (build_machine.PROGRAM, ["verify", "pipe"], "pipe is neither a file nor a disk"),
        (build_machine.PROGRAM, ["answers", "check", "pipe"], "nothing has written to this pipe"),
        (build_machine.PROGRAM, ["answers", "check", "huge"], "it has more than 64.0 MiB"),
        (build_machine.PROGRAM, ["run", "--memory", "much"], "'much' is not a number of MiB"),
        (build_machine.PROGRAM, ["answers", "serfe"], "'serfe' is none of"),
        (build_machine.PROGRAM, ["answers", "check", "--answers", "host.yaml"], "unrecognized arguments: --answers"),
        (dom0ctl.PROGRAM, ["pool", "create", "pool.example.org", "--address", "x"], "'x' is not an IP address"),
        (dom0ctl.PROGRAM, ["selftest", "--address", "192.0.2.1"], "is not an IPv4 address with a prefix length"),
        (dom0ctl.PROGRAM, ["log", "-n", "-5"], "'-5' is not a number of events from 1"),
    ],
)
def test_what_is_said(program: Program, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the value, and the hint what to do."""
    code, said = outcome(program, words, capsys)
    said += capsys.readouterr().out
    assert code in (1, 2)
    assert sentence in said
    check(said, code)


def test_similar_commands_are_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error in a command's name."""
    assert outcome(build_machine.PROGRAM, ["answers", "serfe"], capsys)[1].endswith("hint: did you mean 'serve'?\n")


def test_errors_of_named_paths_are_no_bugs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of a path that the command line names, or of a file next to it, is the user's; another one is a bug."""

    def register(add: cli.Add) -> None:
        def write(given: argparse.Namespace) -> int:
            place = Path(given.output) if given.inside else Path("/nowhere/else")
            (place / "deep" / "file").write_text("x")
            return 0

        def configure(parser: argparse.ArgumentParser) -> None:
            parser.add_argument("output", type=Path)
            parser.add_argument("--inside", action="store_true")

        add("write", "write a file", configure, write, example="x write y")

    program = Program(name="x", summary="Write.", description="Writes.", example="x write y", registers=(register,))
    code, said = outcome(program, ["write", "folder", "--inside"], capsys)
    assert (code, said) == (
        1,
        "x: folder/deep/file cannot be used: No such file or directory\n  hint: check the path; its folder must exist\n",
    )
    assert outcome(program, ["write", "folder"], capsys)[0] == 70


def test_full_output_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As ``dom0kit answers schema >/dev/full``, which is found when the output is written out."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.main(build_machine.PROGRAM, ["answers", "schema"]) == 1
        assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(("program", "parser", "action"), ARGUMENTS, ids=IDS)
def test_a_default_is_accepted_by_its_own_type(
    program: Program, parser: argparse.ArgumentParser, action: argparse.Action
) -> None:
    """Defaults that are strings are converted by argparse: one that its type refuses makes the command unusable."""
    if isinstance(action.default, str) and action.default != argparse.SUPPRESS and callable(action.type):
        action.type(action.default)
