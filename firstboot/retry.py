"""When a step that failed is tried again, and the timer that does it.

A step says by :class:`Backoff` how it is tried again by itself, or by None that only a person (``dom0ctl firstboot retry STEP``)
or a restart of the host tries it again. A step that finds out that another try cannot end better raises :class:`NotAgain`.

Nothing waits inside the program: first boot ends, and a transient timer (systemd-run(1)) starts its service again when the
first of the failed steps is due. The steps that are done, and those whose time has not come, are left out then.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS
from dom0kit.units import human_seconds

if TYPE_CHECKING:
    from firstboot.host import Host

BOOT_ID = "proc/sys/kernel/random/boot_id"
SERVICE = "dom0kit-firstboot.service"
TIMER = "dom0kit-firstboot-next"
TRANSIENT = "run/systemd/transient"
SLACK = 2.0
"""Tolerate a timer that runs early.

Kind: pace. Reason: a timer counts from a later moment than the step did, and rounds. Expiry: a step that is due within this
time is tried now.
"""
SPREAD = 0.2
FIRST_PAUSE_SECONDS = 5.0
"""Pause before the second try of a step that failed; doubled for each further one.

Kind: pace. Reason: most causes pass within seconds. Expiry: the next try.
"""
LONGEST_PAUSE_SECONDS = 300.0
"""Pause between two tries of a step that fails again and again.

Kind: pace. Reason: a try costs little, and a user who has fixed the cause need not wait long. Expiry: the next try.
"""
ACCURACY_SECONDS = 1
"""Let the timer of the next try be late.

Kind: pace. Reason: systemd's own default is a minute. Expiry: the try.
"""


class NotAgain(UserError):
    """Raised by a step that will fail again until a person has done something: it is not tried again by itself.

    The hint says what is to be done; ``dom0ctl firstboot retry STEP`` then tries at once, and so does a restart.
    """


@dataclass(frozen=True)
class Backoff:
    """Tries forever, with longer and longer pauses: ``first``, twice that, four times that, at most ``most`` seconds.

    Each pause is up to a fifth longer by chance: hosts that were switched on together do not come back together.
    """

    first: float = FIRST_PAUSE_SECONDS
    most: float = LONGEST_PAUSE_SECONDS

    def pause(self, tries: int, luck: float = 0.0) -> float:
        """Seconds to wait after so many tries in a row.

        :param tries: 1 after the first.
        :param luck: from 0 to 1.
        """
        return min(self.first * 2.0 ** min(tries - 1, 30), self.most) * (1 + SPREAD * luck)


@dataclass(frozen=True)
class Moment:
    """A point in the life of one boot.

    :param boot: the kernel's random identifier of this boot.
    :param seconds: since power-on. Unlike the time of day it never jumps: many a host starts with a wrong clock.
    """

    boot: str
    seconds: float


def now(host: Host) -> Moment:
    """This moment on this host."""
    return Moment(host.read(BOOT_ID).strip(), time.clock_gettime(time.CLOCK_BOOTTIME))


def left(failure: Mapping[str, Any], moment: Moment) -> float | None:
    """Seconds until the next try of a step that failed, 0 when it is due; None: it waits for a person.

    What failed in an earlier boot is due in this one.
    """
    if failure.get("boot") != moment.boot:
        return 0.0
    due = failure.get("due")
    return None if due is None else max(float(due) - moment.seconds, 0.0)


def first_try(failures: Iterable[Mapping[str, Any]], moment: Moment) -> float | None:
    """Seconds until the first of the failed steps is tried again; None when all wait for a person."""
    pauses = [pause for failure in failures if (pause := left(failure, moment)) is not None]
    return min(pauses, default=None)


def schedule(host: Host, seconds: float | None) -> None:
    """Have systemd start first boot again after so many seconds; None: not at all. What was scheduled before is forgotten.

    :raises UserError: when systemd refuses.
    """
    if any(host.path(TRANSIENT).glob(f"{TIMER}-*.timer")):
        host.run(["systemctl", "stop", f"{TIMER}-*.timer"], check=False, timeout=COMMAND_SECONDS)
    if seconds is None:
        return
    # A new name each time: systemd may not have put the last one away yet, and refuses a second unit of the same name.
    unit = f"{TIMER}-{round(now(host).seconds * 10)}"
    words = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", "--description=Next try of first boot"]
    words += [f"--on-active={max(math.ceil(seconds), 1)}s", f"--timer-property=AccuracySec={ACCURACY_SECONDS}s"]
    # A unit of its own that only starts the service: a timer whose service is running cannot be set anew by that service.
    words += ["systemctl", "start", "--no-block", SERVICE]
    host.run(words, timeout=COMMAND_SECONDS, hint="first boot does not go on by itself: dom0ctl firstboot run")


def next_text(seconds: float | None, step: str) -> str:
    """When the next try is, in local time; or what starts it."""
    if seconds is None:
        return f"not tried again by itself: dom0ctl firstboot retry {step}"
    return f"next try at {clock(time.time() + seconds)}, in {human_seconds(seconds)}"


def clock(seconds: float) -> str:
    """The time of day of a moment since 1970, local."""
    time.tzset()  # the step `time` of this same program may have chosen another zone
    return time.strftime("%H:%M:%S", time.localtime(seconds))
