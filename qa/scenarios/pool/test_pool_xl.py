"""A host without a pool and without a pool's daemons: ``xl`` alone."""

from __future__ import annotations

import json

from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.metadata import scenario
from qa.pool.pool_hosts import JOB, PoolDisks, PoolLab
from qa.scenario import Scenario


@scenario("pool-xl-alone", firmware="bios", minutes=13, stage="pool", tags={"pool"}, lab=True)
def test_pool_xl_alone(scenario: Scenario, pool: PoolLab, pool_disks: PoolDisks) -> None:
    """Run a host with ``pool.toolstack: xl``: nothing of Ganeti runs, also after a reboot, and a guest runs."""
    disk = pool_disks.host(scenario, 1, {"toolstack": "xl"})
    for start in ("first", "second"):
        with pool.running(1, disk) as machine:
            pool.wait_for_first_boot(1)
            state = json.loads(pool.succeed(1, "dom0ctl pool status --json"))
            need((state["toolstack"], state["role"], state["well"]) == ("xl", "alone", True), f"dom0ctl pool status: {state}")
            runs = pool.succeed(1, "pgrep --list-full ganeti; ls /etc/cron.d/ganeti 2>/dev/null; true").strip()
            need(not runs, f"after the {start} start there is of Ganeti: {runs}")
            host_checks.check_no_failed_unit(pool.ssh(1))
            result = pool.ssh(1).execute("dom0ctl pool join d0k1-none")
            need(result.code != 0 and "toolstack xl" in result.output, f"dom0ctl pool join prints {result.output}")
            with scenario.phase(f"self test after the {start} start"):
                tested = pool.succeed(1, "dom0ctl selftest", limit=JOB)
            scenario.keep(f"selftest-{start}.txt", tested)
            left = pool.succeed(1, "xl list; ip -brief address show scope link")
            need("selftest" not in left and "169.254" not in left, f"the self test leaves behind: {left}")
            pool.succeed(1, "sync")
            machine.crash()
