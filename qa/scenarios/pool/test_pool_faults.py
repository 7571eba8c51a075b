"""Pools of Ganeti whose hosts lose their power, or their master."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from pool.ganeti.daemons import CRON
from qa.checks.host_checks import need
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.checks import check_master, check_member
from qa.pool.fake_pool_server import expect_problems, preflight
from qa.pool.pool_hosts import FIRST_BOOT, JOB, SNAPSHOT, PoolDisks, PoolLab, address, finished, name, to_join
from qa.scenario import Scenario
from qa.vm.channels import Message
from qa.vm.machine import Machine

CUTS = (
    "joining the pool",
    "in the pool's queue",
    "the pool is adding this host now",
    "ganeti-noded.service",
    "/var/lib/ganeti/ssconf_node_list",
)
"""The stages at which a joining host's power is cut: a line of its console, an active unit, a file of Ganeti's that names it."""


@scenario(
    "pool-join-power-cut",
    firmware="bios",
    minutes=25,
    machines=2,
    stage="pool",
    tags={"pool", "ganeti", "power"},
    lab=True,
    needs=("curl",),
)
def test_pool_join_power_cut(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks) -> None:
    """Cut a joining host's power at five stages of its join, each later than the last; then it joins, and the pool verifies."""
    disk = pool_disks.host(scenario, 2, to_join(pool_disks.token))
    for cut in CUTS:
        with pool.running(2, disk) as machine, scenario.phase(f"until: {cut}"):
            wait_for_stage(pool, machine, cut)
            machine.crash()
    with pool.running(2, disk):
        pool.wait_for_first_boot(2)
        check_member(pool, 2)
        pool.verify(2)


def wait_for_stage(pool: PoolLab, machine: Machine, cut: str) -> None:
    """Wait until the joining host has reached a stage."""
    if cut.endswith(".service"):
        question = f"systemctl is-active --quiet {cut}"
    elif cut.startswith("/"):
        # The pool knows the host now; the rest of the pool's files follows.
        question = f"grep -qsx {name(2)} {cut}"
    else:
        machine.wait_for_console_text(cut, limit=FIRST_BOOT)
        return
    # Before that, the host has no ssh.
    machine.wait_for_console_text("joining the pool", limit=FIRST_BOOT)
    pool.wait_until(2, lambda: pool.ssh(2).execute(question).code == 0, cut, limit=FIRST_BOOT)


@scenario(
    "pool-master-gone-then-back",
    firmware="bios",
    minutes=12,
    machines=2,
    stage="pool",
    tags={"pool", "ganeti"},
    lab=True,
    needs=("curl",),
)
def test_pool_master_gone_then_back(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks) -> None:
    """Start a host while its pool's master is away: it reports that, keeps trying, and joins when the master is back."""
    master.qmp("stop")
    with pool.running(2, pool_disks.host(scenario, 2, to_join(pool_disks.token))) as joiner:
        with scenario.phase("the master is away"):
            pool.wait_until(2, lambda: len(tried_again(joiner)) > 1, "two tries that failed", limit=FIRST_BOOT)
        scenario.notes["errors"] = [event["error"] for event in tried_again(joiner)]
        need("no route to" in tried_again(joiner)[0]["error"], "the host does not report that the pool is unreachable")
        joiner.wait_for_console_text("next try at")
        master.qmp("cont")
        pool.set_clock(1)
        with scenario.phase("the master is back"):
            pool.wait_until(2, lambda: finished(joiner), "the end of first boot", limit=FIRST_BOOT)
        check_member(pool, 2)
        pool.verify(2)


def tried_again(machine: Machine) -> list[Message]:
    """Return first boot's events about failed tries to join, each with the time of the next one."""
    return [event for event in machine.events if event.get("event") == "retrying" and event.get("name") == "pool"]


@scenario(
    "pool-master-failover",
    firmware="bios",
    minutes=30,
    machines=3,
    stage="pool",
    tags={"pool", "ganeti"},
    lab=True,
    needs=("curl",),
)
def test_pool_master_failover(scenario: Scenario, pool: PoolLab, pool_disks: PoolDisks, master_disk: Path, lab: Lab) -> None:
    """Fail the master over; one host leaves and joins again by the old token; the dead master is taken back."""
    with ExitStack() as stack:
        with pool.running(1, master_disk, restore=SNAPSHOT) as first:
            for number in (2, 3):
                stack.enter_context(pool.running(number, pool_disks.host(scenario, number, to_join(pool_disks.token))))
                pool.wait_for_first_boot(number)
            first.crash()
        with scenario.phase("another master"):
            scenario.keep("failover.txt", pool.succeed(2, "gnt-cluster master-failover 2>&1", limit=JOB))
            pool.succeed(2, f"gnt-node modify --offline=yes --auto-promote {name(1)}", limit=JOB)
        check_master(pool, 2)
        # The name of a running host is taken; that of an offline one is free for its replacement.
        expect_problems(preflight(lab, pool_disks.token, "--name", name(3)), "name")
        expect_problems(preflight(lab, pool_disks.token, "--name", name(1), "--address", address(1)))
        with scenario.phase("leave"):
            pool.succeed(3, "dom0ctl pool leave --yes", limit=JOB)
        alone = json.loads(pool.succeed(3, "dom0ctl pool status --json"))
        need((alone["role"], alone["well"]) == ("alone", True), f"dom0ctl pool status on h3: {alone}")
        need(name(3) not in pool.succeed(2, "gnt-node list --no-headers -o name"), "the pool still has h3")
        with scenario.phase("join by the old token"):
            output = pool.succeed(3, f"echo {pool_disks.token} | dom0ctl pool join 2>&1", limit=2 * JOB)
        scenario.keep("join.txt", output)
        check_member(pool, 3)
        with pool.running(1, master_disk):
            pool.wait_for_first_boot(1)
            take_back(pool, 1, master=2)
            pool.verify(3, master=2)
            scenario.keep("status.txt", pool.succeed(1, "dom0ctl status; dom0ctl pool status"))


def take_back(pool: PoolLab, number: int, *, master: int) -> None:
    """Check that a replaced master runs nothing of a master when it is back, and add it to the pool again."""

    def watched() -> bool:
        return pool.ssh(number).execute(f"test -e /{CRON}").code == 0

    lost = json.loads(pool.execute(number, "dom0ctl pool status --json").output)
    need("another host is the master now" in lost["reason"], f"dom0ctl pool status on h{number}: {lost}")
    need(not watched(), "ganeti-watcher would start the daemons of a master that was replaced")
    # As an administrator would: again, if the host was late for Ganeti's limit.
    again = f"dom0ctl pool readd {name(number)}"
    pool.succeed(master, f"for turn in 1 2 3; do {again} && exit; done; exit 1", limit=3 * JOB)
    check_member(pool, number)
    pool.wait_until(number, watched, "the watcher of a host that was taken back", limit=JOB)
