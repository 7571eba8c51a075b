"""A joining host as a process: print the pool's answer as JSON. The token is read from standard input."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.process import run
from pool.driver import JoiningHost
from pool.join.client import PoolClient, Progress
from pool.join.messages import JoinRefused
from pool.join.request_signing import HostKey
from pool.join.token import read_token


class Left(Exception):
    """Raised when the host leaves the queue while it waits."""

    def __init__(self, place: int) -> None:
        super().__init__(str(place))
        self.place = place


def host_key(path: Path) -> HostKey:
    """Return the key in a file; make it when there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)])
    return HostKey(path)


def print_progress(progress: Progress) -> None:
    """Print the progress of the join."""
    print(progress.text, file=sys.stderr, flush=True)


def leave(progress: Progress) -> None:
    """Leave the queue with the host's place in it."""
    raise Left(progress.place)


def main() -> int:
    """Send one request, or join; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--word", choices=("ask", "keys", "join"), default="ask")
    parser.add_argument("--name", default="joiner.example.net")
    parser.add_argument("--address", default="10.77.0.60")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--toolstack", default="ganeti 3.1.0~rc2")
    parser.add_argument("--uuid", default="d0000000-0000-4000-8000-000000000001")
    parser.add_argument("--mac", action="append", default=[])
    parser.add_argument("--keys", type=Path, required=True, help="folder with an SSH key for each host, made when there is none")
    parser.add_argument("--once", action="store_true", help="with join: leave as soon as the host is in the queue")
    parser.add_argument("--ahead", type=float, default=0.0, help="seconds that this host's clock is ahead")
    arguments = parser.parse_args()
    try:
        token = read_token(sys.stdin.read())
    except UserError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))
        return 1
    clock = time.time() + arguments.ahead if arguments.ahead else None
    joiner = JoiningHost(arguments.name, (arguments.address,), arguments.version, arguments.toolstack, arguments.uuid, clock)
    joiner = replace(joiner, macs=tuple(arguments.mac))
    value: dict[str, Any]
    with PoolClient(token, signer=host_key(arguments.keys / f"{joiner.name}-{joiner.uuid}")) as pool:
        try:
            if arguments.word == "ask":
                value = asdict(pool.ask(joiner))
            elif arguments.word == "keys":
                value = {"keys": pool.keys(joiner)}
            else:
                value = asdict(pool.join(joiner, print_progress if not arguments.once else leave))
        except Left as left:
            value = {"place": left.place, "problems": []}
        except JoinRefused as error:
            value = {"problems": [asdict(error.problem)]}
    print(json.dumps(value))
    return 0


if __name__ == "__main__":
    sys.exit(main())
