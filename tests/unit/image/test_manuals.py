"""Man pages and completion."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from image import manuals
from programs import build_machine, dom0_image, dom0ctl

EPOCH = 1_760_000_000
PROGRAMS = [pytest.param(module.PROGRAM, id=module.__name__) for module in (build_machine, dom0_image, dom0ctl)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_page_has_every_visible_command_with_its_example(program: manuals.Program) -> None:
    page = manuals.man_page(program, 8, EPOCH)
    assert page.startswith(f'.TH {program.name.upper()} "8" "2025\\-10\\-09" "dom0kit ')
    assert f".SH NAME\n{program.name} \\- {program.summary.rstrip('.')}\n".replace("first-boot", "first\\-boot") in page
    commands = [parser.prog for parser in manuals.below(manuals.visible(manuals.build_parser(program)))]
    for command in (name.replace("-", "\\-") for name in commands):
        assert f".SS \\fB{command}\\fR\n" in page
        part = page.partition(f".SS \\fB{command}\\fR\n")[2].partition("\n.S")[0]
        assert f"\nExample: {command}" in part, command
    assert ".SH EXIT STATUS\n0 success" in page


def test_hidden_commands_and_options_are_left_out() -> None:
    for text in (manuals.man_page(dom0ctl.PROGRAM, 8, EPOCH), manuals.completion(dom0ctl.PROGRAM, "bash")):
        assert "pool answer" not in text
        assert "watch" not in re.sub("multipath monitor|watcher", "", text)
    assert "pool_answer" not in manuals.completion(dom0ctl.PROGRAM, "bash")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_line_of_text_is_taken_for_a_request(program: manuals.Program) -> None:
    for line in manuals.man_page(program, 1, EPOCH).splitlines():
        assert line[:1] != "'"
        assert line[:1] != "." or manuals.MACROS.match(line), line


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_of_the_build_machine_is_in_them(program: manuals.Program) -> None:
    texts = [manuals.man_page(program, 1, EPOCH), manuals.completion(program, "bash"), manuals.completion(program, "zsh")]
    for text in texts:
        assert str(Path.home() / ".cache") not in text
        assert str(Path(manuals.__file__).parent) not in text


def test_files_are_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = manuals.write(tmp_path / "a", dom0ctl.PROGRAM, 8, EPOCH)
    second = manuals.write(tmp_path / "b", dom0ctl.PROGRAM, 8, EPOCH)
    assert [path.relative_to(tmp_path / "a") for path in first] == [
        Path("man/man8/dom0ctl.8.gz"),
        Path("bash-completion/completions/dom0ctl"),
        Path("zsh/vendor-completions/_dom0ctl"),
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert gzip.decompress(first[0].read_bytes()).startswith(b".TH DOM0CTL")
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in first)


def test_completion_knows_files_and_folders() -> None:
    script = manuals.completion(build_machine.PROGRAM, "bash")
    assert re.search(r"_answers_check_pos_0_COMPGEN=_shtab_compgen_files", script)
    assert re.search(r"_iso___build_COMPGEN=_shtab_compgen_dirs", script)
