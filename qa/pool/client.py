"""A joiner as a process of its own, for the laboratory: says in JSON what the pool said. The token comes by standard input."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from pool.driver import Joiner
from pool.messages import Refused
from pool.token import read_token
from pool.wire import Conversation


def main() -> int:
    """One request, or a whole join."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--word", choices=("ask", "keys", "join"), default="ask")
    parser.add_argument("--name", default="joiner.example.net")
    parser.add_argument("--address", default="10.77.0.60")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--toolstack", default="ganeti 3.1.0~rc2")
    parser.add_argument("--uuid", default="d0000000-0000-4000-8000-000000000001")
    parser.add_argument("--ahead", type=float, default=0.0, help="seconds that this host's clock is ahead")
    arguments = parser.parse_args()
    token = read_token(sys.stdin.read())
    clock = time.time() + arguments.ahead if arguments.ahead else None
    joiner = Joiner(arguments.name, (arguments.address,), arguments.version, arguments.toolstack, arguments.uuid, clock)
    value: dict[str, Any]
    with Conversation(token) as pool:
        try:
            if arguments.word == "ask":
                value = asdict(pool.ask(joiner))
            elif arguments.word == "keys":
                value = {"keys": pool.keys(joiner)}
            else:
                value = asdict(pool.join(joiner, lambda progress: print(progress.text, file=sys.stderr, flush=True)))
        except Refused as error:
            value = {"problems": [asdict(error.problem)]}
    print(json.dumps(value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
