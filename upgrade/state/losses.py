"""What a return to an older image loses: changes that were made on the running image and are in no shared folder."""

from __future__ import annotations

import stat
from pathlib import Path

from dom0kit.errors import UserError
from upgrade.state import facts
from upgrade.state.describe import Row
from upgrade.state.nodes import Entry, Kind, Node
from upgrade.state.package_files import STATUS
from upgrade.state.packages import parse_status
from upgrade.state.plan import KEPT, change_of
from upgrade.state.prepare import COMMON, MARKER, ImageRoots
from upgrade.state.rules import Verdict, rule

OF_SERVICES = ("var/",)
"""Where services write all the time: what is carried from there is not listed."""
VERDICT = "lost"


def losses(system: Path, running: ImageRoots, back: ImageRoots) -> list[Row]:
    """Return the changes since the running image took over that the older image's state does not have.

    They stay in the running image's own state until it is removed. Changed are files whose inode was changed after the completion
    marker was written.

    :param system: mount point of the system partition.
    :raises UserError: when the running image's state has no marker.
    """
    state, older = system / "state" / running.name, system / "state" / back.name
    try:
        since = (state / MARKER).stat().st_mtime_ns
    except FileNotFoundError as error:
        raise UserError(f"{state} is not complete", "see which image runs: dom0ctl image list") from error
    found = facts.collect(state / "upper", running.root, back.root, system / "state" / COMMON)
    rows = []
    for entry in found.entries:
        kept = rule(entry.path, found.shared)
        verdict = Verdict.OWN if kept is None else kept[0]
        if verdict not in KEPT or (kept is not None and entry.path.startswith(OF_SERVICES)):
            continue
        if not _is_newer(state / "upper" / entry.path, since) or _has(entry, older / "upper"):
            continue
        rows.append(Row(f"/{entry.path}", change_of(entry).value, VERDICT, f"not on {back.name}"))
    return [*_packages(state, running, older), *rows]


def _is_newer(path: Path, since: int) -> bool:
    try:
        return path.lstat().st_ctime_ns > since
    except FileNotFoundError:
        return False


def _has(entry: Entry, upper: Path) -> bool:
    """Whether the older image's host has the same at this path; folders count by what they hold."""
    if entry.host.kind is Kind.FOLDER:
        return True
    there = _node(upper / entry.path) or entry.new
    if there is not None and there.kind is Kind.WHITEOUT:
        there = None
    if entry.host.kind is Kind.WHITEOUT:
        return there is None
    if entry.host.kind is Kind.FILE and not entry.host.content:
        return False
    return entry.host.same_content(there) and entry.host.same_owner(there)


def _node(path: Path) -> Node | None:
    """Return what the older overlay has, with its content; None for nothing."""
    try:
        found = facts.node(path)
        return facts.read(path, found) if stat.S_ISREG(path.lstat().st_mode) else found
    except (FileNotFoundError, NotADirectoryError):
        return None


def _packages(state: Path, running: ImageRoots, older: Path) -> list[Row]:
    """Return the packages that were installed on the running image and that the older one's host does not have."""
    status = state / "upper" / STATUS
    if not status.is_file():
        return []
    known = parse_status((running.root / STATUS).read_text())
    before = older / "upper" / STATUS
    had = parse_status(before.read_text()) if before.is_file() else {}
    return [
        Row(package.name, "installed", VERDICT, f"version {package.version}")
        for name, package in parse_status(status.read_text()).items()
        if name not in known and name not in had
    ]
