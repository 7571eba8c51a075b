"""What a user sees of a plan: each change that was made by hand, and what becomes of it (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from upgrade.state.packages import PackagePlan
from upgrade.state.plan import CHANGED_ALIKE, Act, Change, Decision, Plan
from upgrade.state.rules import Verdict

QUIET = frozenset({Verdict.SHARED, Verdict.CARRIED})
"""Verdicts on what dom0kit and the host's services write: not made by hand."""
ORDER = (Verdict.CONFLICT, Verdict.DROPPED, Verdict.MERGED, Verdict.OWN, Verdict.RECREATED, Verdict.CARRIED, Verdict.SHARED)


@dataclass(frozen=True)
class Row:
    """A change of the host.

    :param what: a path with its leading slash, or the name of a package.
    :param change: what the host did: added, changed, removed, owner or mode, installed, upgraded.
    :param verdict: a word of :class:`upgrade.state.rules.Verdict`.
    :param reason: in a few words.
    """

    what: str
    change: str
    verdict: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the row as plain values."""
        return asdict(self)


def describe(plan: Plan, packages: PackagePlan, *, everything: bool = False) -> list[Row]:
    """Return the changes in the order in which a user should read them: what needs attention first.

    :param everything: also what services and dom0kit itself write, and what is as in the image.
    """
    rows = [row for decision in plan.decisions if everything or _is_by_hand(decision) for row in [_row(decision)]]
    order = {verdict.value: number for number, verdict in enumerate(ORDER)}
    return [*_package_rows(packages), *sorted(rows, key=lambda row: (order[row.verdict], row.what))]


def _row(decision: Decision) -> Row:
    return Row(f"/{decision.path}", decision.change.value, decision.verdict.value, decision.reason)


def _is_by_hand(decision: Decision) -> bool:
    """Whether a user should see the decision."""
    if decision.verdict is Verdict.CONFLICT:
        return True
    if decision.change is Change.NONE or decision.verdict in QUIET or decision.reason == CHANGED_ALIKE:
        return False
    if decision.verdict is Verdict.RECREATED:
        return False
    # Of what is dropped, that which a user may have put there: files in the image's own folders.
    if decision.verdict is Verdict.DROPPED:
        return decision.path.startswith(("usr/", "boot/")) and decision.change is not Change.OWNER
    return decision.act is not Act.FOLDER or decision.change is not Change.ADDED


def _package_rows(packages: PackagePlan) -> Iterator[Row]:
    missing = set(packages.missing)
    for package in packages.again:
        if package in missing:
            yield Row(package.name, "installed", "refused", f"no file of version {package.version} was kept")
        else:
            yield Row(package.name, "installed", "reinstalled", f"version {package.version}, from its file")
    for package in packages.satisfied:
        yield Row(package.name, "installed", "in the image", "the new image has it")
    for package, image in packages.older:
        yield Row(package.name, "upgraded", "older", f"version {package.version} here, {image.version} in the new image")
    for package in packages.back:
        yield Row(package.name, "removed", "in the image", "the new image has it again")
