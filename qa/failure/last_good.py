"""What changed since a scenario passed last: commits, packages of the image, time per phase and step."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.process import run
from qa.result_files import PROJECT
from qa.vm import media

FOLDER = "good"
"""Below the folder of artifacts: what is kept of each scenario's last run that passed."""
MANIFEST = "manifest.json"
KEPT = ("result.json", "timings.json")
COMMITS = 30
SLOWER_FACTOR, SLOWER_SECONDS = 1.5, 5.0
"""What became slower is shown from this factor and this number of seconds on."""


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file; empty when there is none."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def manifest_of(iso: Path) -> dict[str, Any]:
    """Return the image's manifest on an ISO; empty when it cannot be read."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-manifest-") as folder:
        try:
            return read_json(media.extract(iso, f"/dom0kit/{MANIFEST}", Path(folder) / MANIFEST))
        except UserError:
            return {}


def keep(artifacts: Path, scenario: str, iso: Path) -> None:
    """Keep result, timings and the ISO's manifest of a run that has passed, in place of those of an earlier one."""
    folder = artifacts / FOLDER / scenario
    folder.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        if (source := artifacts / scenario / name).exists():
            shutil.copyfile(source, folder / name)
    write_json(folder / MANIFEST, manifest_of(iso))


def packages(then: Mapping[str, str], now: Mapping[str, str]) -> dict[str, list[str]]:
    """Return packages that were added, removed or changed, each as ``name version`` or ``name old -> new``."""
    changed = sorted(name for name in then.keys() & now.keys() if then[name] != now[name])
    return {
        "added": [f"{name} {now[name]}" for name in sorted(now.keys() - then.keys())],
        "removed": [f"{name} {then[name]}" for name in sorted(then.keys() - now.keys())],
        "changed": [f"{name} {then[name]} -> {now[name]}" for name in changed],
    }


def slower(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the phases and steps that take much longer now, the one that lost most time first; seconds by the clock.

    :param then: content of ``timings.json`` of the run that passed; ``now`` of this one.
    """
    found = []
    for kind in ("phases", "steps"):
        for name, seconds in now.get(kind, {}).items():
            before = then.get(kind, {}).get(name)
            if before is not None and seconds > before * SLOWER_FACTOR and seconds - before > SLOWER_SECONDS:
                found.append({"what": f"{kind[:-1]} {name}", "then": before, "now": seconds})
    return sorted(found, key=lambda entry: entry["then"] - entry["now"])


def not_reached(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the phases of the run that passed that this one did not come to, in their order."""
    return [name for name in then.get("phases", {}) if name not in now.get("phases", {})]


def commits(then: str, now: str) -> list[str]:
    """Return the commits between two, the newest first, as ``git log --oneline`` prints them; a sentence when git cannot."""
    old, new = then.removesuffix("-dirty"), now.removesuffix("-dirty")
    if not old or not new or old == new:
        return []
    try:
        lines = run(["git", "log", "--oneline", f"--max-count={COMMITS + 1}", f"{old}..{new}"], cwd=PROJECT).output.splitlines()
    except UserError:
        return [f"git does not know the commit {old}"]
    return [*lines[:COMMITS], *(["…"] if len(lines) > COMMITS else [])]


def since(
    artifacts: Path, scenario: str, *, commit: str, iso: Path, iso_sha256: str, timings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what changed since the scenario passed last; empty when it never did here.

    :param commit: of this run, as ``iso`` and ``timings``.
    """
    folder = artifacts / FOLDER / scenario
    good = read_json(folder / "result.json")
    if not good:
        return {}
    then = read_json(folder / "timings.json")
    same_iso = good.get("iso", {}).get("sha256") == iso_sha256
    old, new = ({}, {}) if same_iso else (read_json(folder / MANIFEST), manifest_of(iso))
    return {
        "finished": good.get("finished", ""),
        "commit": good.get("commit", ""),
        "iso_sha256": good.get("iso", {}).get("sha256", ""),
        "same_iso": same_iso,
        "uncommitted_changes": commit.endswith("-dirty"),
        "commits": commits(str(good.get("commit", "")), commit),
        "packages": packages(old.get("packages", {}), new.get("packages", {})),
        "slower": slower(then, timings),
        "not_reached": not_reached(then, timings),
    }
