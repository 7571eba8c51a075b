"""Arguments, estimate, exit codes and the outcome of a scenario's process."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from dom0kit.arguments import values
from qa import history
from qa.history import Run
from qa.metadata import Metadata
from qa.scenario import OUTPUT, Scenario, Settings
from qa.schedule import child, command, options, progress
from qa.schedule.plan import Capacity, Job
from qa.schedule.runner import Outcome, available_mib


@pytest.mark.parametrize(("text", "minutes"), [("90", 90), ("100m", 100), ("2h", 120), ("1h30m", 90), ("1.5h", 90)])
def test_duration(text: str, minutes: float) -> None:
    assert values.minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "0", "soon", "2d", "-5", "h"])
def test_no_duration(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="no duration"):
        values.minutes(text)


def test_jobs() -> None:
    assert options.jobs("auto") is None
    assert options.jobs("3") == 3
    for text in ("0", "-1", "many"):
        with pytest.raises(argparse.ArgumentTypeError):
            options.jobs(text)


def outcome(*results: str, left_out: tuple[str, ...] = ()) -> Outcome:
    return Outcome([Run(f"s{number}", result, 1) for number, result in enumerate(results)], list(left_out))


def test_exit_codes() -> None:
    """A failure weighs more than a starved scenario, this more than an unfinished set."""
    assert command.exit_code(outcome("passed", "passed")) == 0
    assert command.exit_code(outcome("passed", "failed", "starved", left_out=("x",))) == 1
    assert command.exit_code(outcome("passed", "starved", left_out=("x",))) == 4
    assert command.exit_code(outcome("passed", left_out=("x",))) == 3
    assert command.exit_code(outcome("passed", "interrupted")) == 130
    assert command.exit_code(outcome("passed"), too_big=["x"]) == 1


def test_a_scenario_that_fails_sometimes_is_a_failure_unless_allowed() -> None:
    flaky = Outcome([Run("a", "failed", 1), Run("a", "passed", 1, attempt=2, verdict="sometimes")])
    assert command.exit_code(flaky) == 1
    assert command.exit_code(flaky, allow_flaky=True) == 0
    always = Outcome([Run("a", "failed", 1), Run("a", "failed", 1, attempt=2, verdict="fails always")])
    assert command.exit_code(always, allow_flaky=True) == 1


def test_help_documents_each_exit_code() -> None:
    for code in (0, options.EXIT_FAILED, options.EXIT_UNFINISHED, options.EXIT_STARVED, 130):
        assert f"\n  {code:<4} " in options.EPILOG


def test_job_of_a_scenario() -> None:
    """Larger machines take more; a scenario without machines takes what it declares."""
    item = Metadata("a", "bios", 9, machines=2, memory_mib=6144, cores=2, stage="pool")
    assert command.job_of(item, [], memory_mib=3072, cpus=1) == Job("a", 9, 6144, 2, "pool")
    assert command.job_of(item, [Run("a", "passed", 60)], memory_mib=4096, cpus=2) == Job("a", 1, 8192, 4, "pool")
    none = Metadata("b", "none", 1, machines=0, memory_mib=256)
    assert command.job_of(none, [], memory_mib=4096, cpus=2) == Job("b", 1, 256, 1)


def test_estimate() -> None:
    jobs = [Job("a", 30, 3072), Job("b", 20, 3072), Job("c", 10, 3072)]
    assert command.estimate(jobs, Capacity(2, 8000, 2)) == (
        "3 scenarios, about 60 min one after the other, about 30 min with up to 2 at a time"
    )
    assert command.estimate(jobs, Capacity(2, 8000, 1)) == "3 scenarios, about 60 min one after the other"


def test_command_to_go_on_with() -> None:
    assert command.resume_command(["--set", "san", "--resume"]) == "dom0kit qa --set san --resume"
    assert command.resume_command(["a b", "--budget", "2h"]) == "dom0kit qa 'a b' --budget 2h --resume"


def test_memory_of_the_machine() -> None:
    assert available_mib("MemTotal:  99 kB\nMemAvailable:   22905856 kB\n") == 22369


def test_status_line_fits_the_terminal() -> None:
    running = [(Job("install-bios", 8, 1), 130.0), (Job("install-uefi", 8, 1), 5.0)]
    assert progress.status(running, 3, 1, 200).startswith("1 ended, 3 waiting; running: install-bios 2 min 10 s of 8 min")
    assert len(progress.status(running, 3, 1, 40)) < 40
    assert progress.end_line(Run("a", "failed", 61, error="no prompt")) == "failed      a, 1 min 01 s: no prompt"


def settings_of(folder: Path) -> Settings:
    iso = folder / "x.iso"
    iso.write_bytes(b"iso")
    return Settings(iso=iso, artifacts=folder / "artifacts", keep=True)


def test_command_of_a_child(tmp_path: Path) -> None:
    argv = child.child_argv("a", settings_of(tmp_path))
    assert argv[:3] == ["setpriv", "--pdeathsig", "TERM"]
    assert argv[argv.index("qa") + 1 :][:2] == ["a", "--child"]
    assert "--keep" in argv


def test_one_run_at_a_time_has_a_scenarios_folder(tmp_path: Path) -> None:
    held = child.lock(tmp_path, "a")
    assert held
    assert child.lock(tmp_path, "a") is None
    other = child.lock(tmp_path, "b")
    assert other
    other.close()
    held.close()
    again = child.lock(tmp_path, "a")
    assert again
    again.close()


def test_a_process_without_a_result_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last lines are the error's evidence; the report finds a result like any other."""
    monkeypatch.setattr(child, "commit", lambda: "c1")
    settings = settings_of(tmp_path)
    folder = child.clear(settings.artifacts, "a")
    (folder / OUTPUT).write_text("Traceback\nKeyError: 'x'\n")
    run = child.outcome("a", settings, code=1, started="t", seconds=3)
    assert (run.result, run.commit) == ("failed", "c1")
    assert run.error == "the scenario's process ended with exit code 1 and left no result"
    assert "KeyError" in json.loads((folder / "result.json").read_text())["error"]
    child.clear(settings.artifacts, "a")
    assert child.outcome("a", settings, code=130, started="t", seconds=3).result == "interrupted"


def test_a_repetition_keeps_the_first_run_beside_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first = child.clear(settings.artifacts, "a")
    (first / "evidence.txt").write_text("one")
    child.set_first_attempt_aside(settings.artifacts, "a")
    folder = child.clear(settings.artifacts, "a")
    (folder / "result.json").write_text(json.dumps({"scenario": "a", "result": "passed", "seconds": 2}))
    child.keep_first_attempt(settings.artifacts, "a")
    assert (folder / child.FIRST_ATTEMPT / "evidence.txt").read_text() == "one"
    run = child.outcome("a", settings, code=0, started="t", seconds=2, attempt=2, verdict_on="failed")
    assert run.verdict == json.loads((folder / "result.json").read_text())["verdict"] == "sometimes"
    history.append(settings.artifacts, run)
    assert history.read(settings.artifacts)[0].attempt == 2


def test_the_output_survives_the_scenarios_start(tmp_path: Path) -> None:
    """The scheduler has opened it before the scenario empties its folder."""
    scenario = Scenario("a", settings_of(tmp_path))
    folder = child.clear(scenario.settings.artifacts, "a")
    (folder / "old").mkdir()
    for name in (OUTPUT, "old/file", "console-x.log"):
        (folder / name).write_text("x")
    scenario.prepare()
    assert [path.name for path in folder.iterdir()] == [OUTPUT]
