"""Checks of pools, and the cached pool that several scenarios use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.pool.pool_hosts import POOL, POOL_ADDRESS, SNAPSHOT, SOURCES, PoolDisks, PoolLab, to_create
from qa.scenario import Scenario
from qa.stages.cache import Stage

STAGE = "pool-of-one"


def pool_of_one(scenario: Scenario, pool: PoolLab, disks: PoolDisks) -> Stage:
    """Return the stage with a pool of one host, as a snapshot in which it runs; make it when it is not cached."""

    def make(folder: Path) -> dict[str, Any]:
        disk = disks.host(scenario, 1, to_create())
        with pool.running(1, disk):
            pool.wait_for_first_boot(1)
            return prepare(scenario, pool, disks, folder)

    return scenario.stage(STAGE, SOURCES, make)


def prepare(scenario: Scenario, pool: PoolLab, disks: PoolDisks, folder: Path) -> dict[str, Any]:
    """Keep the first host of a pool as a snapshot in a stage's folder, with a token for any number of hosts."""
    token = pool.succeed(1, "dom0ctl pool token create --any-host --uses any --ttl 30d 2>/dev/null").strip()
    scenario.secrets.append(token)
    pool.succeed(1, "sync")
    machine = pool.machines[1]
    with scenario.phase("snapshot"):
        machine.snapshot(SNAPSHOT)
    disk = machine.spec.drives[0].path
    machine.crash()
    return disks.keep_master(scenario, disk, token, folder)


def check_master(pool: PoolLab, number: int = 1) -> None:
    """Check the pool on its master."""
    state = json.loads(pool.succeed(number, "dom0ctl pool status --json"))
    need((state["pool"], state["role"], state["well"]) == (POOL, "master", True), f"dom0ctl pool status: {state}")
    need(POOL_ADDRESS in pool.succeed(number, "ip -brief address show dev xenbr0"), "the master does not have the pool's address")
    daemons = " ".join(f"ganeti-{daemon}" for daemon in ("noded", "confd", "wconfd", "luxid", "rapi"))
    units = pool.succeed(number, f"systemctl is-active {daemons}; true").split()
    need(units == ["active"] * 5, f"Ganeti's daemons are {units}")
    need("ganeti-watcher" in pool.succeed(number, "cat /etc/cron.d/ganeti"), "cron does not run ganeti-watcher")
    weight = pool.succeed(number, "cat /sys/fs/cgroup/ganeti.slice/ganeti-wconfd.service/cpu.weight").strip()
    need(weight == "1000", f"wconfd's weight on the master is {weight}")
    helper = pool.succeed(number, "cat /sys/module/drbd/parameters/usermode_helper").strip()
    need(helper == "/bin/true", f"DRBD's helper is {helper}")


def check_member(pool: PoolLab, number: int) -> None:
    """Check a host that has joined: its daemons run, and no secret of the join is left."""
    state = json.loads(pool.succeed(number, "dom0ctl pool status --json"))
    need((state["pool"], state["well"]) == (POOL, True), f"dom0ctl pool status on h{number}: {state}")
    hand_over = json.loads(pool.succeed(number, "cat /etc/dom0kit/host.json"))
    need("d0k1-" not in json.dumps(hand_over["pool"]), "host.json still has the join token")
    found = pool.ssh(number).execute("grep -rlI d0k1- /etc /var/lib/dom0kit /var/log /root 2>/dev/null; true").output.split()
    need(not found, f"the join token is still on h{number}: {found}")
    steps = json.loads(pool.execute(number, "dom0ctl status --json").output)["steps"]
    unfinished = [step["name"] for step in steps if step["state"] != "done"]
    need(not unfinished, f"steps of first boot on h{number} that are not done: {unfinished}")
    units = pool.succeed(number, "systemctl is-active ganeti-noded ganeti-confd; true").split()
    need(units == ["active"] * 2, f"Ganeti's daemons on h{number} are {units}")
    weights = pool.succeed(number, "cd /sys/fs/cgroup/ganeti.slice && cat cpu.weight ganeti-noded.service/cpu.weight").split()
    need(weights == ["1000"] * 2, f"the weights of Ganeti's daemons on h{number} are {weights}")
    host_checks.check_no_failed_unit(pool.ssh(number))
