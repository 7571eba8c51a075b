"""The built-in health checks: from facts to results. Pure functions.

A check is ``waiting`` when what it misses may come without an administrator: a daemon that starts, an address, a path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dom0kit.units import counted
from firstboot.status import StepState, failure_text
from pool.driver import PoolState
from upgrade.health.baseline import Baseline
from upgrade.health.facts import Facts
from upgrade.health.report import Check, State


def builtin(facts: Facts, before: Baseline | None) -> tuple[Check, ...]:
    """Return the results of all built-in checks, in the order in which they depend on each other.

    :param before: what worked before the running image was tried; None when it is not being tried.
    """
    return (
        first_boot(facts.steps, running=facts.running),
        address(facts),
        reach(facts, before),
        ssh(facts.ssh),
        xen(facts, before),
        counts_check("paths", "path", facts.paths, None if before is None else before.paths, "dom0ctl multipath"),
        counts_check("mirrors", "disk", facts.arrays, None if before is None else before.arrays, "cat /proc/mdstat"),
        pool(facts.pool, before),
        guests(facts.guests),
        units(facts.failed_units),
    )


def first_boot(steps: Sequence[StepState], *, running: bool) -> Check:
    """Check that the first-boot steps of this boot are done."""
    failed = [step for step in steps if "error" in step]
    still = [step["name"] for step in steps if step["state"] != "done" and "error" not in step]
    if failed:
        step = failed[0]
        reason = str(step["error"]).partition("\n")[0]
        state: State = "failed" if step.get("next") is None and not running else "waiting"
        return Check("first-boot", True, state, f"{failure_text(step)}: {reason}", f"run dom0ctl firstboot retry {step['name']}")
    if still:
        # A host that has just started is at it, or about to begin.
        return Check("first-boot", True, "waiting", f"not done yet: {', '.join(still)}", "run dom0ctl firstboot run")
    return Check("first-boot", True, "ok", f"{counted(len(steps), 'step')} done")


def tried(needs: Mapping[str, Sequence[str]], states: Mapping[str, str]) -> bool:
    """Return whether every first-boot step is done or has failed, apart from those that need one that failed.

    :param needs: the steps that each step needs, in their order.
    :param states: the state of each step.
    """
    bad: set[str] = set()
    for step, wanted in needs.items():
        if states[step] == "failed" or bad.intersection(wanted):
            bad.add(step)
        elif states[step] != "done":
            return False
    return True


def address(facts: Facts) -> Check:
    """Check that the management port has an address of every configured family."""
    missing = [family for family in facts.families if not facts.addresses[family]]
    found = [text for family in facts.families for text in facts.addresses[family]]
    if missing:
        which = " and ".join(f"IPv{family}" for family in missing)
        return Check("address", True, "waiting", f"{facts.port} has no {which} address", f"check networkctl status {facts.port}")
    return Check("address", True, "ok", f"{', '.join(found) or 'none configured'} on {facts.port}")


def reach(facts: Facts, before: Baseline | None) -> Check:
    """Check that the host can be reached from where it is commanded: a gateway or the pool's master answers.

    It is wanted only when no gateway answered before the try either.
    """
    answering = [gateway for gateway, good in facts.gateways.items() if good]
    if answering:
        return Check("reach", True, "ok", f"the gateway {answering[0]} answers")
    member = facts.pool.role in ("member", "candidate") and facts.pool.well
    if member:
        return Check("reach", True, "ok", f"the pool's master {facts.pool.master} answers")
    if not facts.gateways:
        if before is not None and before.gateways:
            return Check("reach", True, "waiting", "the default gateway is missing", f"check ip route show dev {facts.port}")
        return Check("reach", False, "ok", "there is no default gateway")
    required = before is None or before.gateways
    return Check("reach", required, "waiting", f"no answer from {', '.join(facts.gateways)}", "check cables, VLAN and gateway")


def ssh(found: dict[str, str] | None) -> Check:
    """Check that sshd answers at each address that it listens at."""
    if found is None:
        return Check("ssh", False, "ok", "switched off in the answers")
    bad = [f"{place}: {why}" for place, why in found.items() if why]
    if len(bad) == len(found):
        return Check("ssh", True, "waiting", f"sshd does not answer ({'; '.join(bad) or 'it listens nowhere'})", CHECK_SSH)
    if bad:
        return Check("ssh", False, "waiting", f"sshd does not answer everywhere ({'; '.join(bad)})", CHECK_SSH)
    return Check("ssh", True, "ok", f"sshd answers at {', '.join(found)}")


CHECK_SSH = "check systemctl status ssh"


def xen(facts: Facts, before: Baseline | None) -> Check:
    """Check Xen, xenstored and xl.

    A host that ran without Xen before the try, such as one in a virtual machine without it, need not have it.
    """
    if not facts.xen:
        required = before is None or before.xen
        return Check("xen", required, "failed", "Xen is not running", "check the boot loader's entry: xen.gz must be started")
    if not facts.xenstore:
        return Check("xen", True, "waiting", "xenstored does not answer", "check systemctl status xenstored xen")
    if facts.xl:
        return Check("xen", True, "waiting", facts.xl, "check the output of xl info")
    return Check("xen", True, "ok", "Xen, xenstored and xl answer")


def counts_check(name: str, noun: str, found: dict[str, tuple[int, int]], before: dict[str, int] | None, look: str) -> Check:
    """Check paths of disks, or disks of arrays.

    In a try, those that worked before must work: required. Otherwise all that are expected should: wanted.

    :param found: what works and what is expected, by the name of the disk or array.
    :param before: what worked before the try.
    :param look: a command that shows more.
    """
    lost = [
        f"{which} has {found.get(which, (0, 0))[0]} of {number} {noun}s that it had before"
        for which, number in (before or {}).items()
        if found.get(which, (0, 0))[0] < number
    ]
    if lost:
        return Check(name, True, "waiting", "; ".join(lost), f"check {look}")
    short = [f"{which} has {good} of {counted(wanted, noun)}" for which, (good, wanted) in found.items() if good < wanted]
    if short:
        return Check(name, False, "waiting", "; ".join(short), f"check {look}")
    total = sum(good for good, _ in found.values())
    return Check(name, before is not None, "ok", f"all {counted(total, noun)} work" if found else "none")


def pool(state: PoolState, before: Baseline | None) -> Check:
    """Check the toolstack, as it sees itself: required in a try unless it was degraded before."""
    required = before is not None and before.pool
    if state.well:
        where = "in no pool" if state.role == "alone" else f"{state.role} of {state.pool}"
        return Check("pool", required, "ok", f"{state.toolstack}: {where}")
    return Check("pool", required, "waiting", state.reason or "degraded", "run dom0ctl pool status")


def guests(found: dict[str, bool]) -> Check:
    """Check that the guests that start with the host run."""
    still = [name for name, runs in found.items() if not runs]
    if still:
        return Check("guests", False, "waiting", f"not running: {', '.join(still)}", "start them: xl create /etc/xen/auto/NAME")
    return Check("guests", False, "ok", f"{counted(len(found), 'guest')} of /etc/xen/auto run" if found else "none to start")


def units(failed: Sequence[str]) -> Check:
    """Check that no unit of systemd has failed."""
    if failed:
        return Check("units", False, "failed", f"failed: {', '.join(failed)}", f"check systemctl status {failed[0]}")
    return Check("units", False, "ok", "no failed unit")
