"""Results of health checks, as text and as JSON. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from dom0kit.units import table

State = Literal["ok", "waiting", "failed"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    :param required: whether the host counts as unhealthy when it fails.
    :param state: ``waiting``: not fulfilled, and it may become so without an administrator.
    :param text: what was found.
    :param hint: what to do; begins with a verb, empty when the check is fulfilled.
    """

    name: str
    required: bool
    state: State
    text: str
    hint: str = ""


class CheckJson(TypedDict):
    """A check as JSON."""

    name: str
    required: bool
    state: State
    text: str
    hint: str


class ReportJson(TypedDict):
    """What ``dom0ctl health --json`` prints.

    :ivar image: name of the running image.
    :ivar trial: whether the image is being tried.
    :ivar boot: ID of the boot.
    :ivar time: seconds since 1970.
    """

    healthy: bool
    image: str
    trial: bool
    boot: str
    time: float
    checks: list[CheckJson]


@dataclass(frozen=True)
class Report:
    """All results of one moment."""

    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether every required check is fulfilled."""
        return all(check.state == "ok" for check in self.checks if check.required)

    @property
    def settled(self) -> bool:
        """Whether waiting changes nothing: all required checks are fulfilled, or one of them has failed for good."""
        required = [check.state for check in self.checks if check.required]
        return "failed" in required or "waiting" not in required

    def final(self) -> Report:
        """Return the report at the end of the time: what still waits has failed."""
        return Report(tuple(replace(check, state="failed") if check.state == "waiting" else check for check in self.checks))

    def failures(self, *, required: bool = True) -> list[str]:
        """Return a sentence for each check that is not fulfilled."""
        return [f"{check.name}: {check.text}" for check in self.checks if check.state != "ok" and check.required == required]


def to_json(report: Report, *, image: str, trial: bool, boot: str, time: float) -> ReportJson:
    """Return a report as JSON."""
    return {
        "healthy": report.healthy,
        "image": image,
        "trial": trial,
        "boot": boot,
        "time": time,
        "checks": [
            {"name": check.name, "required": check.required, "state": check.state, "text": check.text, "hint": check.hint}
            for check in report.checks
        ],
    }


def report_text(report: Report) -> str:
    """Return a report as a table, with a verdict above and hints below."""
    rows: list[tuple[str, ...]] = [
        (check.name, "required" if check.required else "wanted", check.state, check.text) for check in report.checks
    ]
    hints = [f"{check.name}: {check.hint}" for check in report.checks if check.state != "ok" and check.hint]
    return "\n".join([verdict(report), "", table(("check", "kind", "state", "found"), rows), *(["", *hints] if hints else [])])


def verdict(report: Report) -> str:
    """Return one sentence about the host."""
    required, wanted = report.failures(), report.failures(required=False)
    waits = all(check.state != "failed" for check in report.checks if check.required)
    if required:
        return f"{'not healthy yet' if waits else 'unhealthy'}: {names(required)}"
    return f"healthy, except for what is wanted: {names(wanted)}" if wanted else "healthy"


def names(failures: Sequence[str]) -> str:
    """Return the names of the checks in sentences of :meth:`Report.failures`."""
    return ", ".join(text.partition(":")[0] for text in failures)
