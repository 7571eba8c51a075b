"""Waits for a machine: an event, a text on its console, its end."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from qa import timeouts
from qa.errors import ScenarioFailed
from qa.vm.channels import Channels, Message
from qa.vm.guest_progress import STALL
from qa.vm.polling import poll

T = TypeVar("T")


class Waits(ABC):
    """The waiting methods of a machine."""

    @property
    @abstractmethod
    def channels(self) -> Channels:
        """Return the channels of the machine."""

    @property
    @abstractmethod
    def running(self) -> bool:
        """Return whether the machine's emulator runs."""

    def wait_until(
        self,
        look: Callable[[], T | None],
        what: str,
        *,
        limit: float,
        stall: float | None = STALL,
        wall: float | None = None,
    ) -> T:
        """Read the channels until ``look`` returns something true; return that.

        :param what: the awaited thing as a noun for the error message, such as ``report of the failure``.
        :param limit: seconds of machine time.
        :param stall: seconds after which a silent and idle guest counts as hung; None: it may be idle up to the limit.
        :param wall: the limit by the wall clock in seconds; None: far behind the other limit.
        :raises MachineStarved: when the emulator got too little processor time to tell.
        :raises ScenarioFailed: when the limit is over, the guest hangs, or the machine has ended.
        """

        def condition() -> T | None:
            start = time.monotonic()
            found = look()
            if not found:
                # A socket holds few hundred characters that come one by one; with more of them unread the machine stops.
                self.channels.drain(time.monotonic() - start)
            return found

        def still_possible() -> None:
            if self.channels.closed:
                raise ScenarioFailed(f"the machine ended before there was {what}; {self.last_words()}")
            if stall is not None and (reason := self.hung(stall)):
                raise ScenarioFailed(f"no {what}: {reason}; {self.last_words()}")

        return poll(
            condition,
            what,
            limit=limit,
            interval=0.5,
            pause=self.channels.pump,
            still_possible=still_possible,
            evidence=self.last_words,
            wall=wall,
        )

    def hung(self, stall: float = STALL) -> str:
        """Return why the guest counts as hung, "" when it does not; see :meth:`qa.vm.guest_progress.Progress.hung`."""
        return self.channels.progress.hung(stall) if self.channels.progress else ""

    def wait_for_console_text(self, text: str, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until a text is on the console; a slow serial line shows it after the event that reports it.

        :param text: a literal text, not a pattern; see :meth:`qa.vm.serial_console.Console.expect` for patterns.
        :raises ScenarioFailed: when the limit is over, the guest hangs, or the machine has ended.
        """
        self.wait_until(lambda: text in self.channels.transcript.text, f"text {text!r} on the console", limit=limit)

    def wait_for_event(self, source: str, kind: str = "finished", *, limit: float, since: int = 0) -> Message:
        """Return the first event of this source and kind.

        :param limit: seconds of machine time, stretched by the user's patience.
        :param since: number of events to skip, for a machine that does the same thing twice.
        :raises ScenarioFailed: when the limit is over, another source fails, or the machine has ended.
        """

        def look() -> Message | None:
            wanted = (e for e in self.channels.events[since:] if e.get("source") == source and e.get("event") == kind)
            return next(wanted, None)

        return self.wait_until(look, f"event {kind} from {source}", limit=limit)

    def wait_for_qmp_event(self, name: str, *, limit: float, number: int = 1) -> Message:
        """Return QEMU's own event of this name, such as ``RESET``; ``number`` 2 is the second one."""

        def look() -> Message | None:
            found = [event for event in self.channels.qmp_events if event["event"] == name]
            return found[number - 1] if len(found) >= number else None

        return self.wait_until(look, f"event {name} from QEMU", limit=limit)

    def wait_for_shutdown(self, *, limit: float = timeouts.REBOOT) -> str:
        """Wait until the machine has ended; return QEMU's reason: ``guest-reset`` or ``guest-shutdown``."""

        def hung() -> None:
            if reason := self.hung():
                raise ScenarioFailed(f"the machine does not end: {reason}; {self.last_words()}")

        poll(
            lambda: not self.running and self.channels.closed,
            "end of the machine",
            limit=limit,
            interval=0.5,
            pause=self.channels.pump,
            still_possible=hung,
            evidence=self.last_words,
        )
        reasons = [e["data"].get("reason", "?") for e in self.channels.qmp_events if e["event"] == "SHUTDOWN"]
        return str(reasons[-1]) if reasons else "an unknown reason"

    def last_words(self) -> str:
        """Return the last step and the console's last lines, for an error message."""
        steps = [event.get("name") for event in self.channels.events if event.get("event") == "step"]
        tail = [line for line in self.channels.transcript.text.splitlines() if line.strip()][-8:]
        shown = "\n".join(f"    {line[:160]}" for line in tail) or "    (nothing)"
        return f"last step: {steps[-1] if steps else 'none'}; the console's last lines:\n{shown}"
