"""Watches the paths while the host runs: woken by the kernel's uevents, it asks multipathd and tells of what has changed."""

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

LOOKS = (0.3, 1.5, 6.0)
"""Pauses after a uevent before multipathd is asked.

Kind: pace. Reason: its checker finds some changes a moment later than the kernel, up to one polling_interval. Expiry: the next
look; what all of them miss is found after the rest.
"""
REST = 60.0
"""Interval at which multipathd is asked although no uevent came.

Kind: pace. Reason: a path can become a standby path without a uevent. Expiry: the next look.
"""
EXPECTED = "var/lib/dom0kit/paths.json"


def read_expected(root: Path) -> dict[str, int]:
    """How many paths each disk had at its best; empty when nobody has looked yet."""
    try:
        value = json.loads((root / EXPECTED).read_text())
        return {str(wwid): int(number) for wwid, number in value.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_expected(root: Path, expected: Mapping[str, int]) -> None:
    """Keep it for the next boot, which may come up with fewer."""
    (root / EXPECTED).parent.mkdir(parents=True, exist_ok=True)
    write_json(root / EXPECTED, dict(expected))


@dataclass
class Watcher:
    """What is known, and whom to tell.

    :param ask: gives multipathd's answer to a command.
    :param tell: is told each change, at once.
    """

    root: Path
    ask: Callable[[str], str]
    tell: Callable[[Change], None]
    before: dict[str, Map] | None = None
    expected: dict[str, int] = field(default_factory=dict)

    def look(self) -> None:
        """Ask multipathd and tell of what has changed; a multipathd that does not answer changes nothing."""
        try:
            maps = parse_maps(self.ask("show maps json"))
        except (UserError, ValueError):
            return
        grown = grow(self.expected, maps)
        found = changes(self.before, maps, grown)
        self.before = {item.wwid: item for item in maps}
        for change in found:
            self.tell(change)
        if grown != self.expected:
            self.expected = grown
            write_expected(self.root, grown)

    def announced(self, event: Mapping[str, str]) -> None:
        """Take in a uevent: that the last path is gone is told at once, for nothing may work any more a moment later."""
        wwid = uevents.last_path(event)
        known = (self.before or {}).get(wwid)
        if known is None or self.before is None or not known.good:
            return
        self.before[wwid] = replace(known, groups=())
        self.tell(Change("down", wwid, "", 0, self.expected.get(wwid, len(known.good))))

    def run(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Watch for ever."""
        line = uevents.listen()
        self.expected = read_expected(self.root)
        self.look()
        due = [clock() + REST]
        while True:
            if select.select([line], [], [], max(0.0, min(due) - clock()))[0]:
                try:
                    event = uevents.parse(line.recv(uevents.LARGEST))
                except OSError:
                    event = {"SUBSYSTEM": "block", "DEVTYPE": "disk", "ACTION": "add"}  # some were lost (ENOBUFS): look
                if uevents.concerns_paths(event):
                    self.announced(event)
                    due = [clock() + seconds for seconds in (*LOOKS, REST)]
                continue
            self.look()
            now = clock()
            due = [moment for moment in due if moment > now] or [now + REST]
