"""What an administrator should know of newer images, and of services that run replaced files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

CHECKED = Path("var/lib/dom0kit/updates.json")
"""What the last comparison with a feed has found; written by ``dom0ctl updates``."""
IMAGES = Path("run/dom0kit/medium/images")
RUNNING = Path("run/dom0kit/image")
FAILED = Path("run/dom0kit/medium/state/common/failed.json")
REPLACED = re.compile(r"^\S+ \S*x\S* \S+ \S+ \d+ +(/(?:usr|lib|lib64|bin|sbin)/.*) \(deleted\)$", re.MULTILINE)
"""A line of /proc/PID/maps (proc_pid_maps(5)): code of a file that is not there any more."""
UNIT = re.compile(r"/([^/]+\.service)(?:/|$)", re.MULTILINE)
DAY = 86400


class Checked(TypedDict):
    """What the last comparison with a feed has found.

    :ivar time: seconds since 1970.
    :ivar serial: of the index; 0 when there was none.
    :ivar newest: the newest image that is newer than the running one and that the host can use; "" without one.
    :ivar error: why the feed could not be read; "" when it was.
    """

    source: str
    time: float
    serial: int
    newest: str
    error: str


class UpdatesStatus(TypedDict):
    """Images and services that are not the newest.

    :ivar packages_of: date of the running image's packages, seconds since 1970; None when it is not known.
    :ivar staged: images on this host whose packages are as new or newer, and that have not failed: name and date.
    :ivar checked: None when the host has never looked into a feed.
    :ivar replaced: services that run code of files which an update has replaced.
    """

    packages_of: int | None
    staged: dict[str, int]
    checked: Checked | None
    replaced: list[str]


def read_updates_status(root: Path) -> UpdatesStatus:
    """Return the status; what cannot be read is left out."""
    epoch = _epoch(root / RUNNING)
    running = _name_of_link(root / RUNNING)
    failed = _json(root / FAILED)
    dates = {path.name: _epoch(path) for path in sorted((root / IMAGES).glob("[!.]*")) if path.name != running}
    staged = {name: date for name, date in dates.items() if date is not None and date >= (epoch or 0) and name not in failed}
    return {"packages_of": epoch, "staged": staged, "checked": read_checked(root), "replaced": replaced(root / "proc")}


def read_checked(root: Path) -> Checked | None:
    """Return what the last comparison has found; None without one."""
    value = _json(root / CHECKED)
    try:
        return {
            "source": str(value["source"]),
            "time": float(value["time"]),
            "serial": int(value["serial"]),
            "newest": str(value["newest"]),
            "error": str(value["error"]),
        }
    except (KeyError, TypeError, ValueError):
        return None


def replaced(proc: Path) -> list[str]:
    """Return the services that run code of files which are not there any more: a package was updated below them.

    Processes that may not be read are left out: a user who is not root sees only the user's own.
    """
    found = set()
    for process in proc.glob("[0-9]*"):
        try:
            if REPLACED.search((process / "maps").read_text(errors="replace")):
                found.update(UNIT.findall((process / "cgroup").read_text())[-1:])
        except OSError:
            continue
    return sorted(found)


def image_age(status: UpdatesStatus, now: float) -> list[str]:
    """Return lines about the running image's age and about images to change to (pure)."""
    lines = []
    if (epoch := status["packages_of"]) is not None:
        days = max(0, int(now - epoch) // DAY)
        lines.append(f"packages of {_day(epoch)}, {days} day{'' if days == 1 else 's'} old")
    lines += [f"staged: {name}, packages of {_day(date)}: dom0ctl image try {name}" for name, date in status["staged"].items()]
    if checked := status["checked"]:
        when = _day(checked["time"])
        if checked["error"]:
            lines.append(f"{checked['source']} could not be read on {when}: {checked['error']}")
        elif checked["newest"] and checked["newest"] not in status["staged"]:
            lines.append(f"available since the check of {when}: {checked['newest']}: dom0ctl updates")
    return lines


def replaced_lines(status: UpdatesStatus) -> list[str]:
    """Return lines about services to restart (pure)."""
    names = status["replaced"]
    return [f"{', '.join(names)}: run files that an update has replaced until they are restarted"] if names else []


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _epoch(folder: Path) -> int | None:
    epoch = _json(folder / "manifest.json").get("epoch")
    return epoch if isinstance(epoch, int) and epoch > 0 else None


def _name_of_link(path: Path) -> str:
    try:
        return path.readlink().name
    except OSError:
        return ""


def _json(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
