"""The timeline of a scenario, from consoles and events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qa.report import drawing, sample
from qa.report.artifacts import ConsoleLine, scenario_run
from qa.report.timeline import Lane, Segment, duration, lanes, stages, steps


def lines(*values: tuple[float, str]) -> list[ConsoleLine]:
    """Lines of a console."""
    return [ConsoleLine(at, text) for at, text in values]


def short(segments: list[Segment]) -> list[tuple[str, float, float]]:
    """Return the kinds and times of segments."""
    return [(segment.kind, segment.start, segment.end) for segment in segments]


HOST = lines(
    (1.2, "GNU GRUB  version 2.12-9+deb13u4"),
    (7.9, "Loading Xen ..."),
    (14.5, "(XEN) Xen version 4.20.5-pre"),
    (14.5, "(XEN) Bootloader: GRUB 2.12-9+deb13u4"),
    (23.8, "[    0.000000] Linux version 6.12.118+deb13-amd64"),
    (38.5, "Loading, please wait..."),
    (78.3, "[   57.697946] systemd[1]: systemd 257.13-1~deb13u1 running in system mode (+PAM)"),
    (78.4, "Welcome to Debian GNU/Linux 13 (trixie)!"),
    (250.0, "(XEN) d1: a message while guests run"),
    (275.2, "xen1 login: "),
)


def test_a_boot_under_xen_has_all_stages() -> None:
    events = [{"event": "started", "source": "firstboot", "at": 90.0}, {"event": "finished", "source": "firstboot", "at": 190.0}]
    assert short(stages(HOST, events, 300.0)) == [
        ("firmware", 0.0, 1.2),
        ("loader", 1.2, 14.5),
        ("xen", 14.5, 23.8),
        ("kernel", 23.8, 38.5),
        ("initramfs", 38.5, 78.3),
        ("system", 78.3, 90.0),
        ("firstboot", 90.0, 190.0),
        ("running", 190.0, 300.0),
    ]


def test_without_events_the_login_prompt_says_that_it_runs() -> None:
    assert short(stages(HOST, [], 300.0))[-2:] == [("system", 78.3, 275.2), ("running", 275.2, 300.0)]


def test_an_installer_that_restarts_within_the_machine_begins_again() -> None:
    log = lines((2.0, "Loading Linux ..."), (3.0, "[ 0.0] Linux version 6"), (50.0, "[ 50.0] reboot: Restarting system"))
    log += lines((52.0, "GNU GRUB  version 2.12"), (55.0, "(XEN) Xen version"))
    events = [{"event": "started", "source": "installer", "at": 10.0}, {"event": "finished", "source": "installer", "at": 40.0}]
    assert [segment.kind for segment in stages(log, events, 60.0)] == [
        "firmware", "loader", "kernel", "installer", "ending", "firmware", "loader", "xen",
    ]  # fmt: skip


def test_a_silent_machine_is_firmware_to_its_end() -> None:
    assert short(stages([], [], 30.0)) == [("firmware", 0.0, 30.0)]


def step(name: str, state: str, at: float, **more: Any) -> dict[str, Any]:
    """Return an event of the installer."""
    return {"event": "step", "source": "installer", "name": name, "state": state, "at": at, **more}


def test_steps_end_fail_or_stay_open() -> None:
    events = [step("a", "started", 1.0), step("a", "finished", 3.0), step("b", "started", 3.5), step("b", "failed", 4.0)]
    events += [step("c", "finished", 9.0, seconds=2.0), step("d", "started", 10.0)]
    assert [(s.name, s.start, s.end, s.state) for s in steps(events, 20.0)] == [
        ("a", 1.0, 3.0, ""),
        ("b", 3.5, 4.0, "failed"),
        ("c", 7.0, 9.0, ""),
        ("d", 10.0, 20.0, "unfinished"),
    ]


def test_events_without_a_time_are_left_out() -> None:
    events: list[dict[str, Any]] = [
        {"event": "step", "source": "installer", "name": "a", "state": "started"},
        {"event": "started"},
    ]
    assert steps(events, 5.0) == []
    assert short(stages([], events, 5.0)) == [("firmware", 0.0, 5.0)]


def test_lanes_are_phases_and_machines_on_one_scale(artifacts: Path) -> None:
    run = scenario_run(artifacts / sample.HOSTILE)
    phases, machine = lanes(run)
    assert (phases.name, machine.name) == ("scenario", f"{sample.MACHINE} (uefi)")
    assert machine.segments[0] == Segment("firmware", "firmware", 2.0, 4.0), "from the scenario's start"
    assert duration(run, [phases, machine]) == 70.0
    drawn = drawing.timeline([phases, machine], 70.0)
    assert drawn.minutes == 2
    assert [tick.label for tick in drawn.ticks] == ["0", "1"]
    first = next(box for box in drawn.boxes if box.machine)
    assert (first.x, first.width, first.at) == (1.6667, 1.6667, 0.0)
    assert all(box.x >= 0 and box.x + box.width <= 100.001 and box.y + box.height <= drawn.height for box in drawn.boxes)


def test_a_long_axis_has_fewer_labels() -> None:
    drawn = drawing.timeline([Lane("m", (Segment("firmware", "firmware", 0, 5400),))], 5400)
    assert drawn.minutes == len(drawn.ticks) == 90
    assert [tick.label for tick in drawn.ticks if tick.label] == [str(m) for m in range(0, 90, 5)]


def test_a_trend_has_a_point_for_each_run() -> None:
    drawn = drawing.spark([(60.0, "passed"), (120.0, "failed"), (0.0, "passed")])
    assert [result for *_, result in drawn.dots] == ["passed", "failed", "passed"]
    assert drawn.dots[1][1] == 3.0, "the longest run is at the top"
    assert drawn.dots[2][1] == drawing.SPARK_HEIGHT - 3
    assert len(drawn.points.split()) == 3
