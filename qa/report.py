"""The report on all scenarios: a table on the terminal and a page with screenshots."""

from __future__ import annotations

import json
from collections.abc import Collection
from html import escape
from pathlib import Path
from typing import Any

from dom0kit.files import write_atomic
from dom0kit.units import human_seconds, table
from qa.schedule import history

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; } th, td { padding: .3em .8em; text-align: left; border-bottom: 1px solid #ddd; }
td.time { text-align: right; font-variant-numeric: tabular-nums; }
.passed { color: #17692c; } .failed { color: #b00020; font-weight: 600; }
pre { background: #f5f5f5; padding: .8em; overflow-x: auto; } img { max-width: 22em; border: 1px solid #999; margin: .3em; }
"""


def results(artifacts: Path) -> list[dict[str, Any]]:
    """What is recorded in the artifacts, each with its timings, by the scenario's name."""
    found = []
    for path in sorted(artifacts.glob("*/result.json")):
        result = json.loads(path.read_text())
        timings = path.with_name("timings.json")
        result["timings"] = json.loads(timings.read_text()) if timings.exists() else {}
        result["files"] = sorted(file.name for file in path.parent.iterdir() if file.suffix != ".png")
        found.append(result)
    return found


def text_table(found: list[dict[str, Any]], artifacts: Path) -> str:
    """Scenario, result, time, how many of the last runs passed, link."""
    runs = history.read(artifacts)
    rows: list[tuple[str, ...]] = [
        (
            str(r["scenario"]),
            str(r["result"]) + (f", {r['verdict']}" if r.get("verdict") else ""),
            human_seconds(r["seconds"]),
            history.record_text(runs, r["scenario"]),
            str(artifacts / r["scenario"]),
        )
        for r in found
    ]
    return table(("scenario", "result", "time", "passed", "artifacts"), rows)


def _times(title: str, times: dict[str, float]) -> str:
    if not times:
        return ""
    rows = "".join(f'<tr><td>{escape(n)}</td><td class="time">{escape(human_seconds(s))}</td></tr>' for n, s in times.items())
    return f"<details><summary>{title}</summary><table>{rows}</table></details>"


def section(result: dict[str, Any]) -> str:
    """One scenario's part of the page."""
    name = escape(result["scenario"])
    links = " · ".join(f'<a href="{name}/{escape(file)}">{escape(file)}</a>' for file in result["files"])
    shots = "".join(
        f'<a href="{name}/{escape(shot)}"><img src="{name}/{escape(shot)}" alt="{escape(shot)}" title="{escape(shot)}"></a>'
        for shot in result.get("screenshots", [])
    )
    error = f"<pre>{escape(result['error'])}</pre>" if result.get("error") else ""
    timings = result.get("timings", {})
    times = _times("Phases", timings.get("phases", {})) + _times("Steps", timings.get("steps", {}))
    title = f'<h2 id="{name}">{name}: <span class="{escape(result["result"])}">{escape(result["result"])}</span></h2>'
    return f"{title}{error}{times}<p>{shots}</p><p>{links}</p>"


def page(found: list[dict[str, Any]]) -> str:
    """The whole page as HTML; all links are relative to the folder of artifacts."""
    rows = "".join(
        f'<tr><td><a href="#{escape(r["scenario"])}">{escape(r["scenario"])}</a></td>'
        f'<td class="{escape(r["result"])}">{escape(r["result"])}</td>'
        f'<td class="time">{escape(human_seconds(r["seconds"]))}</td><td>{escape(r["finished"])}</td>'
        f"<td><code>{escape(r['iso']['sha256'][:16])}</code></td></tr>"
        for r in found
    )
    head = "<tr><th>scenario</th><th>result</th><th>time</th><th>finished</th><th>ISO</th></tr>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>dom0kit scenarios</title><style>{STYLE}</style>'
        f"<h1>dom0kit scenarios</h1><table>{head}{rows}</table>{''.join(section(r) for r in found)}</html>\n"
    )


def write(artifacts: Path, names: Collection[str]) -> Path | None:
    """Write ``report.html`` on everything recorded in the folder of artifacts, and print the table of these scenarios.

    :return: the page's path, None when nothing is recorded.
    """
    found = results(artifacts)
    if not found:
        return None
    path = artifacts / "report.html"
    write_atomic(path, page(found))
    print("\n" + text_table([result for result in found if result["scenario"] in names], artifacts))
    print(f"report: {path}")
    return path
