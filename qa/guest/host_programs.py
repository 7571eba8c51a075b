"""Python programs that run on a host, with its own packages.

They name what a host's packages hold in text that no type checker reads; a unit test runs each of them.
"""

from __future__ import annotations

import base64
import json
import shlex
from typing import Any

ERASE_TOKEN = "from firstboot.host import Host; print(Host().erase_secrets('pool.join.token'))"
"""Erase the join token of ``host.json``; print whether there was one."""


def change_host_json(changes: dict[str, Any]) -> str:
    """Return a program that puts values into ``host.json`` without showing them on a command line or in a log."""
    code = base64.b64encode(json.dumps(changes).encode()).decode()
    return (
        "import base64, json; from firstboot.host import HOST_JSON, Host; host = Host(); value = host.host_json; "
        f"value.update(json.loads(base64.b64decode('{code}'))); host.write(HOST_JSON, json.dumps(value), 0o600)"
    )


def command(program: str) -> str:
    """Return the shell command that runs a program with the host's packages."""
    return f"PYTHONPATH=/usr/lib/dom0kit python3 -c {shlex.quote(program)}"
