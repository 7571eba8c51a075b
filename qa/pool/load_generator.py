"""Many joining hosts in one process, each with the real client and its own ssh processes; they start at the same moment.

Standard output gets a JSON object for each host that has ended: its waits and its result.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field

from pool.driver import JoiningHost
from pool.join.client import PoolClient, Progress
from pool.join.messages import JoinRefused
from pool.join.token import JoinToken, read_token

LOCK = threading.Lock()


@dataclass
class JoinResult:
    """The course and the result of one join; times in seconds since 1970.

    :param places: the places in the queue, in order.
    :param away: number of requests that did not reach the pool.
    """

    name: str
    started: float
    entered: float = 0.0
    ended: float = 0.0
    requests: int = 0
    away: int = 0
    places: list[int] = field(default_factory=list)
    problem: str = ""

    def record(self, progress: Progress) -> None:
        """Record the progress of the join."""
        self.requests += 1
        if progress.place < 0:
            self.away += 1
            return
        self.entered = self.entered or time.time()
        self.places.append(progress.place)


def join(token: JoinToken, number: int, start: float) -> None:
    """Join one host from its start to its end, and print the result."""
    time.sleep(max(start - time.time(), 0.0))
    result = JoinResult(f"h{number:04d}.example.net", time.time())
    address = f"10.78.{number // 200}.{number % 200 + 1}"
    joiner = JoiningHost(result.name, (address,), "0.1.0", "ganeti 3.1.0~rc2", f"d0000000-0000-4000-8000-{number:012d}")
    try:
        with PoolClient(token) as pool:
            pool.join(joiner, result.record)
    except JoinRefused as error:
        result.problem = f"{error.problem.code}: {error.problem.text}"
    except Exception as error:
        result.problem = f"{type(error).__name__}: {error}"
    result.ended = time.time()
    with LOCK:
        print(json.dumps(vars(result)), flush=True)


def main() -> int:
    """Join the specified number of hosts; the token is read from standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start", type=float, required=True, help="the time at which all begin, in seconds since 1970")
    arguments = parser.parse_args()
    token = read_token(sys.stdin.read())
    numbers = range(arguments.first, arguments.first + arguments.count)
    threads = [threading.Thread(target=join, args=(token, number, arguments.start)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
