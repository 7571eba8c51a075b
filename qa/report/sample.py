"""Write a folder of artifacts as no run leaves it: hostile names, damaged files, and files of an older version.

The page must show it without executing any of it, in a browser (:mod:`qa.report.browser`) and in unit tests.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa.history import FILE, Run
from qa.tui.screenshots import Picture, write_png

INJECTION = "<script>window.injected = true</script>"
MARKUP = '"\'><img src=x onerror="window.injected = true">&lt;{{ 7 * 7 }}'
HOSTILE = "bad\"'><img src=x onerror='window.injected = true'> #1 %20&amp;"
"""A name of a scenario: all characters that have a meaning in HTML, in a URL or in a script, but for the slash."""
MACHINE = "m<b>\"'&#1"
PLAIN, OLD, DAMAGED = "plain-run", "old-run", "damaged-run"
LEFT_OUT = "left-out-run"
COLORS = (b"\x10\x20\x80", b"\x80\x20\x10", b"\x10\x80\x20")


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


def _lines(*values: object) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def _frames(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, color in enumerate(COLORS):
        (folder / f"{number + 1:04d}.png").write_bytes(write_png(Picture(64, 40, color * 64 * 40)))
    frames = [{"at": 20.0 * number, "file": f"{number + 1:04d}.png"} for number in range(len(COLORS))]
    _write(folder / "frames.jsonl", _lines(*frames, {"at": 99.0, "file": "gone.png"}))


def console(repeat: int = 1) -> str:
    """Return a console's log from firmware to a running host, with text that a browser must not execute."""
    texts = [
        (0.9, "BdsDxe: starting Boot0001"),
        (2.0, "GNU GRUB  version 2.12"),
        (8.0, "(XEN) Xen version 4.20"),
        (10.0, "[    0.000000] Linux version 6.12"),
        (12.0, "Loading, please wait..."),
        (20.0, "[   20.1] systemd[1]: systemd 257 running in system mode"),
        (24.0, INJECTION),
        (25.0, f"</script>{INJECTION}\u2028{MARKUP}"),
        (26.0, "[FAILED] Failed to start bad.service"),
        *((30.0 + index / 100, f"line {index}") for index in range(repeat)),
        (58.0, "host login: "),
    ]
    return "".join(f"{at:7.1f} | {text}\n" for at, text in texts)


def events() -> str:
    """Return the events of an installation, with a hostile name of a step and a step that did not end."""
    step = {"event": "step", "source": "installer"}
    return _lines(
        {"event": "started", "source": "installer", "at": 30.0},
        {**step, "name": f"copy {INJECTION}", "state": "started", "at": 31.0},
        {**step, "name": f"copy {INJECTION}", "state": "finished", "seconds": 9.0, "at": 40.0},
        {**step, "name": "make it bootable", "state": "started", "at": 41.0},
        {"event": "step", "source": INJECTION, "name": [1, {"a": None}], "state": 7, "at": "soon"},
    )


def _result(**values: Any) -> dict[str, Any]:
    return {
        "result": "passed",
        "error": "",
        "seconds": 70.0,
        "started": "2026-01-31T11:58:00Z",
        "finished": "2026-01-31T12:00:00Z",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "iso": {"path": "build/dom0kit.iso", "sha256": "ab" * 32},
        "screenshots": [],
        **values,
    }


def _machine(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "firmware": "uefi",
        "memory_mib": 3072,
        "started_at": 2.0,
        "ended_at": 62.0,
        "cpu_seconds": 50.5,
        "machine_seconds": 55.0,
    }


def _hostile(folder: Path) -> None:
    phases = [{"name": MARKUP, "started_at": 1.0, "seconds": 60.0}]
    error = f"{MARKUP}\n{INJECTION}"
    value = _result(
        scenario=HOSTILE,
        result="failed",
        error=error,
        machines=[_machine(MACHINE)],
        phases=phases,
        commit=MARKUP,
        finished=MARKUP,
    )
    _write(folder / "result.json", value)
    _write(folder / f"console-{MACHINE}.log", console())
    _write(folder / f"events-{MACHINE}.jsonl", events())
    failure = {
        "step": INJECTION,
        "expected": MARKUP,
        "sentence": f"the sentence {INJECTION}",
        "reproduce": f"dom0kit qa '{INJECTION}'",
        "console_tail": {MACHINE: [INJECTION]},
        "journal_tail": {MACHINE: INJECTION},
        "failed_units": {MACHINE: [INJECTION]},
        "since_last_good": {"commits": [INJECTION]},
    }
    _write(folder / "failure.json", failure)
    _write(folder / f"{MARKUP}.txt".replace("/", ""), "a file")
    _frames(folder / f"frames-{MACHINE}")
    shot = "screen-\"'><b>#1.png"
    (folder / shot).write_bytes(write_png(Picture(64, 40, COLORS[0] * 64 * 40)))


def make(artifacts: Path) -> None:
    """Write the folder of artifacts; it must not exist or be empty."""
    _hostile(artifacts / HOSTILE)
    plain = artifacts / PLAIN
    _write(plain / "result.json", _result(scenario=PLAIN, machines=[_machine("host")], phases=[]))
    _write(plain / "console-host.log", console(2000))
    _write(plain / "events-host.jsonl", events())
    _frames(plain / "frames-host")
    # A run of a version that wrote neither machines, phases nor commits, and no time into its events.
    _write(
        artifacts / OLD / "result.json",
        {"scenario": OLD, "result": "passed", "seconds": 12.5, "finished": "2025-12-31T12:00:00Z"},
    )
    _write(artifacts / OLD / "timings.json", {"phases": {"boot": 9.0}, "steps": {"installer: a step": 1.0}})
    _write(artifacts / OLD / "console-host.log", console())
    _write(
        artifacts / OLD / "events-host.jsonl", _lines({"event": "step", "name": "x", "state": "started", "source": "installer"})
    )
    damaged = {"scenario": [1], "result": 7, "seconds": "long", "machines": [3, {"name": None}], "iso": "none", "phases": "two"}
    _write(artifacts / DAMAGED / "result.json", damaged)
    _write(artifacts / DAMAGED / "timings.json", "{half")
    _write(artifacts / DAMAGED / "failure.json", "[]")
    _write(artifacts / DAMAGED / "console-x.log", "no time here\n\xff\n")
    (artifacts / LEFT_OUT).mkdir()
    runs = [
        Run(PLAIN, "failed" if index % 7 == 3 else "passed", 60.0 + index, finished=f"2026-01-{index + 1:02d}T12:00:00Z")
        for index in range(20)
    ]
    runs.append(Run(HOSTILE, "failed", 70.0, finished=MARKUP, commit=MARKUP, error=INJECTION, verdict="sometimes", attempt=2))
    _write(artifacts / FILE, _lines(*map(asdict, runs)) + '{"scenario": "half')
