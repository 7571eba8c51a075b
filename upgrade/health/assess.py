"""Assess a host: once, or until its checks have settled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dom0kit.fs import write_json
from dom0kit.polling import TimedOut, poll
from firstboot.host import Host
from firstboot.retry import BOOT_ID
from firstboot.steps.steps import STEPS
from upgrade.health import baseline, checks, facts, scripts
from upgrade.health.baseline import Baseline
from upgrade.health.boot_files import HEALTH, STATE, running_image, tried_image
from upgrade.health.report import Report, ReportJson, to_json

FIRST_BOOT_SECONDS = 7200.0
"""Wait until each first-boot step of this boot was tried.

Kind: cap. Reason: the steps' states are the condition, and each step has its own limit. Expiry: the host counts as unhealthy. In
a try the limit of the try is shorter.
"""
SETTLE_SECONDS = 300.0
"""Wait for required checks once the first-boot steps were tried.

Kind: protocol. Reason: DHCP asks up to 124 s apart (RFC 2131), a switch's port may learn for 30 s (802.1D), paths of a storage
network return within some minutes; first boot has waited for the address before, and tries its steps again. Expiry: a try is
given up; in any other boot the host counts as unhealthy until the service checks it again.
"""
LOOK_SECONDS = 2.0
"""First pause between two rounds of checks; doubled for each one after it.

Kind: pace. Reason: a round runs several commands. Expiry: the next round.
"""
LONGEST_LOOK_SECONDS = 15.0
"""Longest pause between two rounds of checks.

Kind: pace. Reason: a host that takes long is busy or slow. Expiry: the next round.
"""
RESULT = "run/dom0kit/health.json"
HEALTHY = "run/dom0kit/healthy"
"""Exists when the last report that was recorded in this boot is healthy; dom0kit-healthy.service waits for either file."""


@dataclass
class Assessment:
    """The checks of one host.

    :param image: name of the running image.
    :param trial: name of the image that this boot tries, or "".
    """

    host: Host
    image: str
    trial: str

    @classmethod
    def of(cls, host: Host) -> Assessment:
        """Return the assessment of a host in this boot."""
        return cls(host, running_image(host.root), tried_image(host.read("proc/cmdline")))

    @property
    def boot(self) -> str:
        """The ID of this boot."""
        return self.host.read(BOOT_ID).strip()

    def baseline(self) -> Baseline | None:
        """Return what worked before the try; None in any other boot, or when nothing was recorded."""
        return baseline.parse(self.host.read(baseline.FILE), self.trial) if self.trial else None

    def first_boot_tried(self) -> bool:
        """Return whether first boot has done or tried all that it can; this costs little."""
        states = {step["name"]: step["state"] for step in facts.steps_of_this_boot(self.host, STEPS)}
        return checks.tried({step.name: step.needs for step in STEPS}, states)

    def everything(self) -> Report:
        """Return all checks."""
        built_in = checks.builtin(facts.gather(self.host, STEPS), self.baseline())
        return Report((*built_in, *scripts.run_all(self.host, self.environment())))

    def environment(self) -> Mapping[str, str]:
        """Return the variables that the administrator's checks have."""
        return {"DOM0KIT_HOST": self.host.name, "DOM0KIT_IMAGE": self.image, "DOM0KIT_TRY": self.trial}

    def wait(self, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Report:
        """Wait until the checks have settled, or their time is over; return the last results."""
        last = Report(())

        def settled() -> bool:
            nonlocal last
            last = self.everything()
            return last.settled

        try:
            for condition, seconds in ((self.first_boot_tried, FIRST_BOOT_SECONDS), (settled, SETTLE_SECONDS)):
                poll(condition, seconds, LOOK_SECONDS, "health", longest=LONGEST_LOOK_SECONDS, clock=clock, sleep=sleep)
        except TimedOut:
            last = last if last.checks else self.everything()
        return last.final()

    def to_json(self, report: Report) -> ReportJson:
        """Return a report of this boot as JSON."""
        return to_json(report, image=self.image, trial=bool(self.trial), boot=self.boot, time=round(time.time(), 3))

    def record(self, report: Report) -> None:
        """Store a report: for this boot, and in the image's folder for the boot after it."""
        value = self.to_json(report)
        mark = self.host.path(HEALTHY)
        mark.parent.mkdir(parents=True, exist_ok=True)
        if report.healthy:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)
        for name in (RESULT, f"{STATE}/{HEALTH}"):
            path = self.host.path(name)
            if path.parent.is_dir():
                write_json(path, value, 0o600)


def record_baseline(host: Host, image: str) -> Baseline:
    """Record what works now, right before an image is tried.

    :param image: name of the image that is to be tried.
    :raises OSError: when the system partition cannot be written to.
    """
    found = facts.gather(host, STEPS)
    value = Baseline(
        image=image,
        paths={wwid: good for wwid, (good, _) in found.paths.items()},
        arrays={uuid: working for uuid, (working, _) in found.arrays.items()},
        gateways=any(found.gateways.values()),
        pool=found.pool.well,
        xen=found.xen,
    )
    baseline.write(host.root, value)
    return value
