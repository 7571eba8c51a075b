"""Many hosts that join at once: through a real sshd with real clients, and several hundred in simulated time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dom0kit.process import environment
from dom0kit.units import human_seconds, table
from pool.driver import JoiningHost
from pool.join.queue import Queue
from pool.join.queue_worker import queue_folder, run_worker
from qa import timeouts
from qa.checks.host_checks import need
from qa.lab import netns_commands
from qa.lab.lab import PROJECT, Lab
from qa.metadata import scenario
from qa.pool.fake_pool_server import FakePool
from qa.pool.queue_simulation import report, simulate
from qa.scenario import Scenario
from qa.vm.polling import poll

HOSTS = int(os.environ.get("DOM0KIT_QA_CROWD", "150"))
PROCESSES = 5
EACH = 1.5
"""Seconds for adding a host, spent in sleep."""


@dataclass
class Master:
    """The pool's worker, with an addition that takes time and does nothing."""

    root: Path
    added: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self) -> None:
        """Work whenever the queue has entries; in an image systemd starts the worker."""
        while not self.over.wait(0.2):
            run_worker(Queue(queue_folder(self.root)), self.add, lambda text: None)

    def add(self, joiner: JoiningHost) -> None:
        """Spend the time of an addition."""
        time.sleep(EACH)
        self.added.append(joiner.name)

    def stop(self) -> None:
        """Stop the worker."""
        self.over.set()
        self.thread.join(30)


def start_clients(lab: Lab, token: str, folder: Path) -> list[subprocess.Popen[bytes]]:
    """Start the joining hosts; all begin ten seconds from now."""
    lab.needs_site()
    start = time.time() + 10
    children = []
    for number in range(PROCESSES):
        first, end = HOSTS * number // PROCESSES, HOSTS * (number + 1) // PROCESSES
        words = ["--first", str(first), "--count", str(end - first), "--start", str(start)]
        argv = netns_commands.inside(
            netns_commands.site_name(lab.namespace), [sys.executable, "-m", "qa.pool.load_generator", *words]
        )
        with (folder / f"load-{number}.jsonl").open("wb") as out:
            child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *argv],
                stdin=subprocess.PIPE,
                stdout=out,
                env=environment({"PYTHONPATH": str(PROJECT)}),
            )
        assert child.stdin is not None
        child.stdin.write(token.encode() + b"\n")
        child.stdin.close()
        children.append(child)
    return children


def join_results(folder: Path) -> list[dict[str, Any]]:
    """Return the results of the joins that have ended."""
    return [json.loads(line) for path in sorted(folder.glob("load-*.jsonl")) for line in path.read_text().splitlines()]


def need_one_running(children: list[subprocess.Popen[bytes]]) -> None:
    """Fail when all client processes have ended."""
    need(any(child.poll() is None for child in children), "all client processes have ended")


def wait_for_clients(children: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait until all joining hosts have ended."""
    end = time.monotonic() + timeouts.patient(seconds)
    for child in children:
        child.wait(max(end - time.monotonic(), 1))


@scenario(
    "pool-queue",
    firmware="none",
    minutes=8,
    machines=0,
    memory_mib=1024,
    cores=2,
    tags={"pool", "no-machine"},
    lab=True,
    needs=("sshd",),
)
def test_pool_queue(scenario: Scenario, lab: Lab) -> None:
    """Join all hosts at once while the SSH server stops and restarts: each is added once, in the order of arrival."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        token = fake_pool.token("--uses", str(HOSTS))
        scenario.secrets.append(token)
        master = Master(fake_pool.root)
        with scenario.phase(f"{HOSTS} hosts join"):
            children = start_clients(lab, token, scenario.folder)
            try:
                poll(
                    lambda: len(master.added) >= HOSTS // 3,
                    "third of the hosts in the pool",
                    limit=60 + HOSTS * 20,
                    still_possible=lambda: need_one_running(children),
                    evidence=lambda: f"{len(master.added)} were added",
                )
                fake_pool.stop()
                time.sleep(20)
                fake_pool.start()
                wait_for_clients(children, 60 + HOSTS * 20)
            finally:
                for child in children:
                    child.kill()
                master.stop()
        used = json.loads(fake_pool.command("token", "list", "--json").output)[0]["used"]
        arrived = [use["name"] for use in used]
    check_order(scenario, arrived, master.added)
    with scenario.phase("300 hosts in simulated time"):
        outcome = simulate(300, 150.0, 0.05)
    scenario.keep("simulation.txt", report(outcome, 300, 150.0))
    need(outcome.in_order() and len(set(outcome.added)) == 300, "the order does not hold in simulated time")


def check_order(scenario: Scenario, arrived: list[str], added: list[str]) -> None:
    """Check that each host was added once, in the order of arrival; write the costs to the artifacts."""
    ended = join_results(scenario.folder)
    problems = [f"{result['name']}: {result['problem']}" for result in ended if result["problem"]]
    need(not problems, f"{len(problems)} joins failed: {problems[:3]}")
    need(len(ended) == HOSTS, f"{HOSTS - len(ended)} joining hosts did not end")
    need(len(added) == len(set(added)) == HOSTS, f"{len(added)} additions of {len(set(added))} hosts")
    need(arrived == added, f"not the order of arrival: {arrived[:10]} and {added[:10]}")
    waits = sorted(result["ended"] - result["started"] for result in ended)
    backwards = sum(later > earlier for r in ended for earlier, later in zip(r["places"], r["places"][1:], strict=False))
    rows: list[tuple[str, ...]] = [
        ("hosts, all at the same moment", str(HOSTS)),
        ("adding one takes", human_seconds(EACH)),
        ("added, each once, in the order of arrival", str(len(added))),
        ("requests that were answered", str(sum(result["requests"] - result["away"] for result in ended) + HOSTS)),
        ("requests that the SSH server refused or lost", str(sum(result["away"] for result in ended))),
        ("longest time until a host was in the queue", human_seconds(max(r["entered"] - r["started"] for r in ended))),
        ("shortest, median and longest wait", ", ".join(human_seconds(w) for w in (waits[0], waits[len(waits) // 2], waits[-1]))),
        ("times that a place became worse", str(backwards)),
    ]
    scenario.keep("queue.txt", table(("", "result"), rows))
    print(table(("", "result"), rows))
