"""A loop in the guest that writes and calls fsync while the paths of its disk change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qa.checks.host_checks import need
from qa.vm.guest import Guest

LOOP = "/run/dom0kit/medium/fsync-loop"
"""The file that the loop writes, on the system partition."""
LOOP_PROGRAM = r"""
import json, os, sys, time
path, note = sys.argv[1:]
fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
n = errors = 0
longest = 0.0
while not os.path.exists(note + ".stop"):
    start = time.monotonic()
    try:
        os.write(fd, b"%08d\n" % n)
        os.fsync(fd)
        n += 1
    except OSError as error:
        errors += 1
    longest = max(longest, time.monotonic() - start)
    with open(note, "w") as file:
        json.dump({"written": n, "errors": errors, "longest": round(longest, 2)}, file)
    time.sleep(0.05)
"""


@contextmanager
def fsync_loop(guest: Guest, name: str = "fsync-loop", file: str = LOOP) -> Iterator[dict[str, Any]]:
    """Write numbers with fsync while the block runs, and check that all are on the disk and none has failed.

    :raises ScenarioFailed: when a write or fsync failed, or a number is missing.
    """
    note = f"/run/{name}"
    guest.succeed(
        f"cat >{note}.py <<'END'\n{LOOP_PROGRAM}\nEND\nsystemd-run --quiet --unit={name} python3 {note}.py {file} {note}"
    )
    result: dict[str, Any] = {}
    need(guest.execute(f"sleep 2; cat {note}").code == 0, "the fsync loop does not run")
    yield result
    guest.succeed(f"touch {note}.stop; while systemctl is-active -q {name}; do sleep 1; done; rm {note}.stop")
    result.update(json.loads(guest.succeed(f"cat {note}")))
    # Read from the disk, not from memory.
    lines = guest.succeed(f"sync; echo 3 >/proc/sys/vm/drop_caches; cat {file}").split()
    need(result["errors"] == 0, f"{result['errors']} writes failed: {result}")
    need(result["written"] > 20, f"the loop wrote too little: {result}")
    need(lines == [f"{n:08d}" for n in range(result["written"])], f"of {result['written']} lines the disk has {len(lines)}")
