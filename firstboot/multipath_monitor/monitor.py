"""Monitor the paths while the host runs: query multipathd after uevents and report changes."""

from __future__ import annotations

import json
import select
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.linux.multipath_maps import Map, parse_maps
from firstboot.multipath_monitor import uevents
from firstboot.multipath_monitor.map_changes import Change, changes, grow

CHECK_DELAYS = (0.3, 1.5, 6.0)
"""Pauses after a uevent before multipathd is queried.

Kind: pace. Reason: its checker finds some changes a moment later than the kernel, up to one
polling_interval. Expiry: the next query; changes that all of them miss are found after the
interval.
"""
CHECK_INTERVAL = 60.0
"""Interval at which multipathd is queried without a uevent.

Kind: pace. Reason: a path can become a standby path without a uevent. Expiry: the next query.
"""
EXPECTED = "var/lib/dom0kit/paths.json"


def read_expected(root: Path) -> dict[str, int]:
    """Return the expected number of paths of each disk; empty when none was recorded."""
    try:
        value = json.loads((root / EXPECTED).read_text())
        return {str(wwid): int(number) for wwid, number in value.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_expected(root: Path, expected: Mapping[str, int]) -> None:
    """Store the expected paths for the next boot, which may come up with fewer."""
    (root / EXPECTED).parent.mkdir(parents=True, exist_ok=True)
    write_json(root / EXPECTED, dict(expected))


@dataclass
class Monitor:
    """State of the monitor.

    :param ask: returns multipathd's reply to a command.
    :param on_change: called with each change immediately.
    """

    root: Path
    ask: Callable[[str], str]
    on_change: Callable[[Change], None]
    before: dict[str, Map] | None = None
    expected: dict[str, int] = field(default_factory=dict)

    def check(self) -> None:
        """Query multipathd and report changes; do nothing when it does not answer."""
        try:
            maps = parse_maps(self.ask("show maps json"))
        except (UserError, ValueError):
            return
        grown = grow(self.expected, maps)
        found = changes(self.before, maps, grown)
        self.before = {item.wwid: item for item in maps}
        for change in found:
            self.on_change(change)
        if grown != self.expected:
            self.expected = grown
            write_expected(self.root, grown)

    def handle_uevent(self, event: Mapping[str, str]) -> None:
        """Process a uevent.

        Report the loss of a last path at once, because nothing may work a moment later.
        """
        wwid = uevents.last_path(event)
        known = (self.before or {}).get(wwid)
        if known is None or self.before is None or not known.good:
            return
        self.before[wwid] = replace(known, groups=())
        self.on_change(Change("down", wwid, "", 0, self.expected.get(wwid, len(known.good))))

    def run(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Monitor until interrupted."""
        line = uevents.listen()
        self.expected = read_expected(self.root)
        self.check()
        due = [clock() + CHECK_INTERVAL]
        while True:
            if select.select([line], [], [], max(0.0, min(due) - clock()))[0]:
                try:
                    event = uevents.parse(line.recv(uevents.LARGEST))
                except OSError:
                    event = {"SUBSYSTEM": "block", "DEVTYPE": "disk", "ACTION": "add"}  # some were lost (ENOBUFS): look
                if uevents.concerns_paths(event):
                    self.handle_uevent(event)
                    due = [clock() + seconds for seconds in (*CHECK_DELAYS, CHECK_INTERVAL)]
                continue
            self.check()
            now = clock()
            due = [moment for moment in due if moment > now] or [now + CHECK_INTERVAL]
