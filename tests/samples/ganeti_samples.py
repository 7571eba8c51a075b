"""A host of a Ganeti pool in a folder, and commands that are only noted down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dom0kit.process import CommandFailed, Result
from pool.host_access import Local, Member


@dataclass
class Commands:
    """Stands in for :func:`dom0kit.process.run`; a command is known by its first two words."""

    outputs: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    says: str = "it broke"
    acts: dict[str, Callable[[], None]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], /, *, check: bool = True, timeout: float | None = None, hint: str = "") -> Result:
        self.calls.append(" ".join(argv))
        key = " ".join(argv[:2])
        if key in self.acts:
            self.acts[key]()
        failed = key in self.failing
        if failed and check:
            raise CommandFailed(argv, 1, f"Failure: {self.says}", hint)
        return Result(tuple(argv), int(failed), self.outputs.get(key, ""), "", 0.0)

    def ran(self, start: str) -> list[str]:
        """The commands that begin so."""
        return [call for call in self.calls if call.startswith(start)]


@pytest.fixture
def commands() -> Commands:
    outputs = {"vgs --noheadings": "  30464.00\n", "gnt-node list": "h1.example.org\nh2.example.org\n"}
    return Commands({**outputs, "gnt-cluster command": "return code = 0\n"})


@pytest.fixture
def place(tmp_path: Path, commands: Commands) -> Local:
    """A host that is ready for a pool."""
    value = Local(tmp_path, commands)
    value.write("usr/sbin/gnt-cluster", "#!")
    value.write("usr/share/dom0kit/ganeti/cron", "*/5 * * * * root ganeti-watcher\n")
    value.write("etc/hostname", "h1.example.org\n")
    value.write("etc/hosts", "127.0.0.1\tlocalhost\n10.0.0.11\th1.example.org h1\n")
    return value


@pytest.fixture
def member() -> Member:
    return Member("h1.example.org", "10.0.0.11", volume_group="guests")


@pytest.fixture
def in_pool(place: Local) -> Local:
    """The same, the master of a pool of two."""
    make_pool(place)
    return place


def make_pool(place: Local, master: str = "h1.example.org") -> None:
    """What Ganeti writes on each host of a pool."""
    files = {
        "cluster_name": "pool.example.org",
        "master_ip": "10.0.0.10",
        "master_node": master,
        "node_list": "h1.example.org\nh2.example.org",
        "node_primary_ips": "h1.example.org 10.0.0.11\nh2.example.org 10.0.0.12",
        "master_candidates": "h1.example.org\nh2.example.org",
        "offline_nodes": "",
    }
    for name, text in files.items():
        place.write(f"var/lib/ganeti/ssconf_{name}", text + "\n")
    place.write("var/lib/ganeti/server.pem", "certificate")
