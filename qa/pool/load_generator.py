"""Many joiners in one process, each with the real client and ssh processes of its own; they all start at the same moment.

Standard output gets a JSON object for each joiner that ended: its waits and what it was told.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from dataclasses import dataclass, field

from pool.driver import Joiner
from pool.join.client import Conversation, Progress
from pool.join.messages import Refused
from pool.join.token import JoinToken, read_token

LOCK = threading.Lock()


@dataclass
class Life:
    """What happened to one joiner; times in seconds since 1970.

    :param places: what the queue said, in order.
    :param away: how often the pool could not be asked.
    """

    name: str
    started: float
    entered: float = 0.0
    ended: float = 0.0
    requests: int = 0
    away: int = 0
    places: list[int] = field(default_factory=list)
    problem: str = ""

    def tell(self, progress: Progress) -> None:
        """Note how the join stands."""
        self.requests += 1
        if progress.place < 0:
            self.away += 1
            return
        self.entered = self.entered or time.time()
        self.places.append(progress.place)


def live(token: JoinToken, number: int, start: float) -> None:
    """One joiner, from its start to its end."""
    time.sleep(max(start - time.time(), 0.0))
    life = Life(f"h{number:04d}.example.net", time.time())
    address = f"10.78.{number // 200}.{number % 200 + 1}"
    joiner = Joiner(life.name, (address,), "0.1.0", "ganeti 3.1.0~rc2", f"d0000000-0000-4000-8000-{number:012d}")
    try:
        with Conversation(token) as pool:
            pool.join(joiner, life.tell)
    except Refused as error:
        life.problem = f"{error.problem.code}: {error.problem.text}"
    except Exception as error:
        life.problem = f"{type(error).__name__}: {error}"
    life.ended = time.time()
    with LOCK:
        print(json.dumps(vars(life)), flush=True)


def main() -> int:
    """As many joiners as asked for; the token comes by standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--start", type=float, required=True, help="when all begin, in seconds since 1970")
    arguments = parser.parse_args()
    token = read_token(sys.stdin.read())
    numbers = range(arguments.first, arguments.first + arguments.count)
    threads = [threading.Thread(target=live, args=(token, number, arguments.start)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
