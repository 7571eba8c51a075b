"""When a failed step is retried, and the timer for it.

A step's :class:`Backoff` sets its automatic retries; without one only ``dom0ctl firstboot retry
STEP`` or a reboot retries it. A step that cannot succeed on a retry raises :class:`NoRetry`.

The program does not wait: first boot ends, and a transient timer (systemd-run(1)) starts its
service again when the first failed step is due. Steps that are done or not due are skipped then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS
from dom0kit.units import human_seconds

if TYPE_CHECKING:
    from firstboot.host import Host


class StepFailure(TypedDict, total=False):
    """The record of a failed step.

    :ivar tries: number of tries, over all boots.
    :ivar time: seconds since 1970.
    :ivar boot: ID of the boot.
    :ivar row: failures in a row in this boot.
    :ivar due: seconds since the boot, standby included; None without automatic retry.
    """

    step: str
    error: str
    tries: int
    time: float
    boot: str
    row: int
    due: float | None


BOOT_ID = "proc/sys/kernel/random/boot_id"
SERVICE = "dom0kit-firstboot.service"
TIMER = "dom0kit-firstboot-next"
TRANSIENT = "run/systemd/transient"
TIMER_TOLERANCE = 2.0
"""Tolerate a timer that runs early.

Kind: pace. Reason: a timer counts from a later moment than the step did, and rounds. Expiry: a step
that is due within this time is tried now.
"""
JITTER = 0.2
FIRST_PAUSE_SECONDS = 5.0
"""Pause before the second try of a step that failed; doubled for each one after it.

Kind: pace. Reason: most causes pass within seconds. Expiry: the next try.
"""
LONGEST_PAUSE_SECONDS = 300.0
"""Pause between two tries of a step that keeps failing.

Kind: pace. Reason: a try costs little, and a user who has fixed the cause need not wait long.
Expiry: the next try.
"""
ACCURACY_SECONDS = 1
"""Let the timer of the next try be late.

Kind: pace. Reason: systemd's own default is a minute. Expiry: the try.
"""


class NoRetry(UserError):
    """A failure without automatic retry, because it persists until an administrator has fixed the cause.

    The hint says how; ``dom0ctl firstboot retry STEP`` or a reboot retries the step.
    """


@dataclass(frozen=True)
class Backoff:
    """Unlimited retries with doubling pauses.

    ``first``, twice that, four times that, at most ``most`` seconds.

    Each pause has a jitter of up to a fifth, so that hosts that were powered on together spread
    out.
    """

    first: float = FIRST_PAUSE_SECONDS
    most: float = LONGEST_PAUSE_SECONDS

    def pause(self, tries: int, jitter: float = 0.0) -> float:
        """Return the seconds to wait after a number of tries in a row.

        :param tries: 1 after the first.
        :param jitter: from 0 to 1.
        """
        return min(self.first * 2.0 ** min(tries - 1, 30), self.most) * (1 + JITTER * jitter)


@dataclass(frozen=True)
class Moment:
    """A point in time within one boot.

    :param boot: the kernel's random ID of this boot.
    :param seconds: since power-on; unlike the time of day it never jumps, and many hosts start with
        a wrong clock.
    """

    boot: str
    seconds: float


def current_moment(host: Host) -> Moment:
    """Return the current moment on this host."""
    return Moment(host.read(BOOT_ID).strip(), time.clock_gettime(time.CLOCK_BOOTTIME))


def seconds_left(failure: StepFailure, moment: Moment) -> float | None:
    """Return the seconds until the next try of a failed step.

    0 when it is due, None without automatic retry.

    A step that failed in an earlier boot is due.
    """
    if failure.get("boot") != moment.boot:
        return 0.0
    due = failure.get("due")
    return None if due is None else max(float(due) - moment.seconds, 0.0)


def seconds_to_first_retry(failures: Iterable[StepFailure], moment: Moment) -> float | None:
    """Return the seconds until the first of the failed steps is due.

    None when none has an automatic retry.
    """
    pauses = [pause for failure in failures if (pause := seconds_left(failure, moment)) is not None]
    return min(pauses, default=None)


def schedule(host: Host, seconds: float | None) -> None:
    """Schedule the next start of first boot by a systemd timer, and cancel the previous one.

    :param seconds: None: only cancel.
    :raises UserError: when systemd refuses.
    """
    if any(host.path(TRANSIENT).glob(f"{TIMER}-*.timer")):
        host.run(["systemctl", "stop", f"{TIMER}-*.timer"], check=False, timeout=COMMAND_SECONDS)
    if seconds is None:
        return
    # A new name each time: systemd may not have removed the last unit yet, and refuses a second one of the same name.
    unit = f"{TIMER}-{round(current_moment(host).seconds * 10)}"
    words = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", "--description=Next try of first boot"]
    words += [f"--on-active={max(math.ceil(seconds), 1)}s", f"--timer-property=AccuracySec={ACCURACY_SECONDS}s"]
    # A unit of its own that starts the service: a service cannot restart the timer that has started it.
    words += ["systemctl", "start", "--no-block", SERVICE]
    host.run(words, timeout=COMMAND_SECONDS, hint="continue first boot: dom0ctl firstboot run")


def retry_text(seconds: float | None, step: str) -> str:
    """Return when the next try is, in local time, or the command that starts it."""
    if seconds is None:
        return f"no automatic retry; run dom0ctl firstboot retry {step}"
    return f"next try at {time_text(time.time() + seconds)}, in {human_seconds(seconds)}"


def time_text(seconds: float) -> str:
    """Return the local time of day of a time since 1970."""
    time.tzset()  # the step `time` of this same program may have chosen another zone
    return time.strftime("%H:%M:%S", time.localtime(seconds))
