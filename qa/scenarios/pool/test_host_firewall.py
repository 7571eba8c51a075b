"""The firewall of hosts in a pool: every port from outside, and those of the pool from a member."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from firstboot.firewall.listeners import LISTENERS, MEMBERS
from firstboot.firewall.ruleset import DROP_INS
from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool import port_scan
from qa.pool.checks import check_member
from qa.pool.pool_hosts import PoolDisks, PoolLab, address, to_join
from qa.scenario import Scenario
from qa.vm.machine import Machine

SCAN = Path(port_scan.__file__)
SCAN_SECONDS = 4 * 60 * 60
"""Connect to all ports of a host.

Kind: cap. Reason: each of 65,535 connections costs an emulated host some milliseconds, on a busy machine many times that.
Expiry: the scenario fails.
"""
OWN, DISK = 9100, 11005
"""Ports of a program that an administrator added, and of a disk's replication."""
LISTEN = "systemd-run --quiet --unit=listen-{port} socat TCP6-LISTEN:{port},fork,reuseaddr,ipv6only=0 PIPE"


def from_outside(lab: Lab, host: int, first: int = 1, last: int = 65535) -> list[int]:
    """Return the open ports of a host for a machine that is in no pool; a port that keeps silent fails the scenario."""
    words = [sys.executable, str(SCAN), address(host), str(first), str(last)]
    return _open(lab.run(words, timeout=SCAN_SECONDS).output, f"h{host} from outside")


def from_host(pool: PoolLab, source: int, host: int, ports: list[int]) -> list[int]:
    """Return which of these ports of a host are open for another host."""
    ports_open = []
    for port in ports:
        command = f"python3 /run/port_scan.py {address(host)} {port} {port}"
        ports_open += _open(pool.succeed(source, command), f"port {port} of h{host} from h{source}")
    return ports_open


def _open(output: str, what: str) -> list[int]:
    found = json.loads(output)
    need(not found["silent"], f"{what}: these ports neither open nor refuse: {found['silent'][:20]}")
    return list(found["open"])


def copy_scan(pool: PoolLab, host: int) -> None:
    """Write the program of the scan to a host."""
    pool.succeed(host, f"cat >/run/port_scan.py <<'END'\n{SCAN.read_text()}END")


@scenario(
    "host-firewall",
    firmware="bios",
    minutes=35,
    machines=2,
    stage="pool",
    tags={"pool", "ganeti", "security", "network"},
    lab=True,
)
def test_host_firewall(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """From outside SSH alone answers, on the master and on a host that joined; the pool's ports answer to members only."""
    for port in (OWN, DISK):
        pool.succeed(1, LISTEN.format(port=port))
    with scenario.phase("every port of the master from outside"):
        need(from_outside(lab, 1) == [22], "another port than SSH is open on the master")
    with pool.running(2, pool_disks.host(scenario, 2, to_join(pool_disks.token))):
        pool.wait_for_first_boot(2)
        check_member(pool, 2)
        with scenario.phase("every port of a host that joined from outside"):
            need(from_outside(lab, 2) == [22], "another port than SSH is open on a host that joined")
        with scenario.phase("the pool's ports from a member"):
            check_members(scenario, pool)
        with scenario.phase("rules of the administrator"):
            check_drop_in(pool, lab)
        pool.verify(2)
        for host in (1, 2):
            host_checks.check_no_failed_unit(pool.ssh(host))
            scenario.diagnose(f"ports-h{host}.txt", pool.ssh(host), "dom0ctl ports; nft list ruleset; ss -lntup")


def check_members(scenario: Scenario, pool: PoolLab) -> None:
    """Check that both hosts reach each other's ports of the pool, and no others."""
    for host in (1, 2):
        copy_scan(pool, host)
        state = json.loads(pool.succeed(host, "dom0ctl ports --json"))
        need({address(1), address(2)} <= set(state["firewall"]["members"]), f"the members on h{host} are {state['firewall']}")
    of_pool = [x.first for x in LISTENERS if x.protocol == "tcp" and x.reach == MEMBERS]
    noded, rapi = 1811, 5080
    need(
        from_host(pool, 2, 1, [22, *of_pool, 1815, OWN, DISK]) == [22, noded, rapi, DISK], "h2 reaches other ports of the master"
    )
    need(from_host(pool, 1, 2, [22, *of_pool, 1815, OWN]) == [22, noded], "the master reaches other ports of h2")
    mond = pool.succeed(1, "ss -Hlnt 'sport = :1815'")
    need("127.0.0.1:1815" in mond and len(mond.splitlines()) == 1, f"the monitoring daemon listens on {mond}")


def check_drop_in(pool: PoolLab, lab: Lab) -> None:
    """Check that a rule of the administrator opens a port, and that a wrong one leaves the rules of the image."""
    pool.succeed(1, f"echo 'tcp dport {OWN} accept' >{DROP_INS}/10-own.nft; systemctl reload dom0kit-firewall")
    need(from_outside(lab, 1, OWN - 1, OWN + 1) == [OWN], "the port of the administrator's rule is not open")
    wrong = f"echo 'tcp dport {OWN} akzept' >{DROP_INS}/10-own.nft; systemctl reload dom0kit-firewall"
    need(pool.execute(1, wrong).code != 0, "a wrong rule is no error")
    need(from_outside(lab, 1, 1, OWN + 1) == [22], "after a wrong rule another port than SSH is open")
    pool.succeed(1, f"rm {DROP_INS}/10-own.nft; systemctl restart dom0kit-firewall")
