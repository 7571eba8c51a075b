"""Distinguish a guest that hangs from one that works: no output, no event, and an idle processor.

A silent guest that computes is left to its limit. A guest whose emulator is starved makes no progress either, which is
not its fault: what counts is machine time, and the share of processor time that the emulator wanted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from qa.vm.machine_time import Meter

STALL = 5 * 60.0
"""Seconds of machine time without a sign of life after which an idle guest counts as hung.

The longest silence of a healthy idle guest that scenarios wait for is the queueing time of a disk without paths, 90 s."""
IDLE = 0.30
"""The share of a processor below which an emulator counts as idle.

A Xen host that waits at its login prompt wants 3 to 15 % under emulation; a guest that boots wants all of it."""


@dataclass
class Progress:
    """The time of a machine's last sign of life, and the processor time that its emulator wanted since then."""

    meter: Meter
    clock: Callable[[], float] = time.monotonic
    _at: float = field(init=False)
    _used: float = field(init=False)
    _starved: float = field(init=False)

    def __post_init__(self) -> None:
        self.note()

    def note(self) -> None:
        """Record a sign of life: output on the console, an event, a message from QEMU."""
        self._at = self.clock()
        self._used, self._starved = self.meter.used, self.meter.starved

    def hung(self, stall: float = STALL) -> str:
        """Return how long the guest has been silent and idle, "" when it is neither.

        :param stall: seconds of machine time.
        """
        elapsed = self.clock() - self._at
        starved = self.meter.starved - self._starved
        silent = elapsed - starved
        if silent < stall:
            return ""
        share = (self.meter.used - self._used + starved) / elapsed
        if share >= IDLE:
            return ""
        return f"the guest hangs: no output and no event for {silent:.0f} s while its processor was idle ({share:.0%} busy)"
