"""Wait for udev: until its queue is empty, for as long as it moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from dom0kit.process import Runner

SLICE_SECONDS = 30
"""Interval at which a wait for udev looks whether the queue has moved.

Kind: pace. Reason: udevadm settle(8) returns at once when the queue is empty, so a slice costs nothing. Expiry: the next slice.
"""
STALLED_SECONDS = 400
"""Wait for udev's queue while not a single event ends.

Kind: protocol. Reason: udevd kills an event's worker after 180 s (event_timeout in udev.conf(5)), so a queue that works moves
by then; this is two such times. Expiry: the wait ends and the log says so; who needs a device then waits for that device.
"""
SETTLE_SECONDS = 3600
"""Wait for udev's queue although it moves.

Kind: cap. Reason: rules that cause events themselves can keep the queue busy for ever. Expiry: as for a queue that stands still.
"""
CONTROL = Path("run/udev/control")
DATABASE = Path("run/udev/data")
SEQUENCE = Path("sys/kernel/uevent_seqnum")


def moved(root: Path) -> tuple[int, str]:
    """Return a value that changes when udev has finished an event or the kernel has sent one.

    udevd renames a file into its database for each device that it has processed, which changes the folder's time.
    """
    try:
        written = (root / DATABASE).stat().st_mtime_ns
    except OSError:
        written = 0
    try:
        return written, (root / SEQUENCE).read_text().strip()
    except OSError:
        return written, ""


def settle(
    run: Runner,
    root: Path = Path("/"),
    *,
    clock: Callable[[], float] = time.monotonic,
    note: Callable[[str], None] = lambda text: None,
) -> bool:
    """Wait until udev has processed all events; return whether it has.

    A limit in seconds would only guess at the speed of the machine: the wait ends when the queue is empty, or stands still.

    :param run: runs a command, as :func:`dom0kit.process.run`.
    :param note: takes a sentence when the wait is given up.
    """
    if not (root / CONTROL).exists():
        return True  # no udev, nothing to wait for
    start = last = begin = clock()
    seen = moved(root)
    while (result := run(["udevadm", "settle", f"--timeout={SLICE_SECONDS}"], check=False)).returncode:
        now, state = clock(), moved(root)
        if now - begin < SLICE_SECONDS / 2:
            note(f"udevadm settle failed: {result.errors.strip() or result.returncode}")
            return False
        begin = now
        if state != seen:
            last, seen = now, state
        if now - last >= STALLED_SECONDS or now - start >= SETTLE_SECONDS:
            note(f"gave up waiting for udev after {now - start:.0f} s: its queue did not move for {now - last:.0f} s")
            return False
    return True
