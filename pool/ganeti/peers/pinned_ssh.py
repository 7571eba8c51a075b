"""ssh for one addition: Ganeti's commands reach only the machine that has the pinned host key.

``gnt-node add`` starts ``ssh`` by its name, with ``UserKnownHostsFile=/dev/null`` among its options and
Ganeti's own list of host keys, which has the pool's name alone. Of an option that is given twice ssh takes
the first (ssh_config(5)), so that a program in front of it in PATH adds the list of this addition and strict
checking. Ganeti's list stays in use for the connections under the pool's name.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dom0kit.process import environment

if TYPE_CHECKING:
    from pathlib import Path

    from pool.host_access import HostAccess

FOLDER = "var/lib/dom0kit/pool/adding"
"""Not below /run, which Debian mounts with noexec."""


def wrapper(known_hosts: Path, program: str) -> str:
    """Return the program that stands in front of ssh(1).

    :param program: path of ssh itself.
    """
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return f'#!/bin/sh\nexec {shlex.join([program, *words])} "$@"\n'


@contextmanager
def pinned_ssh(access: HostAccess, name: str, key: str) -> Iterator[dict[str, str]]:
    """Provide the variables of the environment in which ``ssh`` connects to a host only if it has this key.

    Only one may be in use at a time.

    :param name: by which the host is contacted.
    :param key: line of its public host key.
    """
    path = environment()["PATH"]
    folder = access.path(FOLDER)
    shutil.rmtree(folder, ignore_errors=True)  # of an addition that was interrupted
    try:
        access.write(f"{FOLDER}/known_hosts", f"{name} {key}\n", 0o600)
        access.write(f"{FOLDER}/ssh", wrapper(folder / "known_hosts", shutil.which("ssh", path=path) or "/usr/bin/ssh"), 0o700)
        yield {"PATH": f"{folder}:{path}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
