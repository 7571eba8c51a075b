"""Reading the folder of artifacts."""

from __future__ import annotations

from pathlib import Path

from qa.report import sample
from qa.report.artifacts import ConsoleLine, Picture, console, read, scenario_run


def test_every_recorded_scenario_is_read_and_only_those(artifacts: Path) -> None:
    assert [run.name for run in read(artifacts)] == sorted([sample.HOSTILE, sample.PLAIN, sample.OLD, sample.DAMAGED])
    assert [run.name for run in read(artifacts, [sample.OLD])] == [sample.OLD]


def test_a_whole_run(artifacts: Path) -> None:
    run = scenario_run(artifacts / sample.HOSTILE)
    assert (run.result, run.seconds, run.iso_sha256) == ("failed", 70.0, "ab" * 32)
    assert run.sentence == f"the sentence {sample.INJECTION}"
    (machine,) = run.machines
    assert (machine.name, machine.firmware, machine.started_at, machine.ended_at) == (sample.MACHINE, "uefi", 2.0, 62.0)
    assert machine.lines[0] == ConsoleLine(0.9, "BdsDxe: starting Boot0001")
    assert [line.symptom for line in machine.lines if line.symptom] == ["failed unit"]
    frames = f"frames-{sample.MACHINE}"
    assert machine.pictures == tuple(Picture(20.0 * n, f"{frames}/{n + 1:04d}.png") for n in range(3)), (
        "a missing file is no picture"
    )
    assert [shot for shot in run.screenshots if shot.startswith("screen-")] == list(run.screenshots)
    assert "result.json" in run.files


def test_a_run_of_an_older_version(artifacts: Path) -> None:
    run = scenario_run(artifacts / sample.OLD)
    assert (run.result, run.seconds, run.commit, run.failure) == ("passed", 12.5, "", {})
    (machine,) = run.machines
    assert (machine.name, machine.started_at, machine.ended_at) == ("host", 0.0, 58.0)
    assert [(phase.name, phase.started_at, phase.seconds) for phase in run.phases] == [("boot", None, 9.0)]
    assert run.steps == {"installer: a step": 1.0}


def test_damaged_files_are_read_as_far_as_they_go(artifacts: Path) -> None:
    run = scenario_run(artifacts / sample.DAMAGED)
    assert (run.seconds, run.iso_sha256, run.phases, run.failure) == (0.0, "", (), {})
    assert [machine.name for machine in run.machines] == ["", "x"]
    assert [line.text for line in run.machines[1].lines] == ["no time here", "\xff"]


def test_lines_of_a_console_keep_their_spaces_and_may_be_empty() -> None:
    assert console("    1.1 |   Booting `x'\n    1.2 | \n") == [ConsoleLine(1.1, "  Booting `x'"), ConsoleLine(1.2, "")]


def test_a_name_that_two_machines_had_has_the_console_of_the_last(tmp_path: Path) -> None:
    machines = '{"name": "host", "started_at": 1, "ended_at": 5}, {"name": "host", "started_at": 6, "ended_at": 9}'
    (tmp_path / "result.json").write_text(f'{{"result": "passed", "machines": [{machines}]}}')
    (tmp_path / "console-host.log").write_text("    0.5 | hello\n")
    first, second = scenario_run(tmp_path).machines
    assert (len(first.lines), len(second.lines)) == (0, 1)


def test_files_of_a_first_attempt_are_listed_and_screens_are_not(tmp_path: Path) -> None:
    first = "attempt-1/console-a.log", "attempt-1/screen.png", "attempt-1/frames-a/frames.jsonl"
    for name in ("console-a.log", "frames-a/0001.png", *first):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "result.json").write_text("{}")
    run = scenario_run(tmp_path)
    assert run.files == ("attempt-1/console-a.log", "console-a.log", "result.json")
    assert run.screenshots == ()
