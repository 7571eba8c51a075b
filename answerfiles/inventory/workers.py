"""Work for each host of an inventory, divided between processes when there are many hosts."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from answerfiles.inventory.inventory import Host, Inventory
from answerfiles.inventory.references import References

Result = TypeVar("Result")
Work = Callable[[Inventory, Host, References], Result]
Progress = Callable[[float, str], None]
FEW = 1000
"""Hosts for which starting processes takes longer than it saves."""
PART = 250
"""Hosts that a process takes at once."""

_shared: tuple[Any, Inventory] | None = None
"""The work and the inventory: processes are forked and have them already."""


def in_parts(work: Work[Result], inventory: Inventory, progress: Progress | None = None) -> Iterator[Result]:
    """Return the results of every host, in the order of the hosts."""
    global _shared  # noqa: PLW0603
    total = len(inventory.hosts)
    cores = len(os.sched_getaffinity(0))
    if total < FEW or cores < 2:
        references = References(inventory.path.parent)
        for count, host in enumerate(inventory.hosts, 1):
            yield work(inventory, host, references)
            if progress and count % 100 == 0:
                progress(count / total, f"{count} of {total} hosts")
        return
    _shared = (work, inventory)
    done = 0
    with multiprocessing.get_context("fork").Pool(min(cores, 8)) as pool:
        for results in pool.imap(_part, range(0, total, PART)):
            yield from results
            done += len(results)
            if progress:
                progress(done / total, f"{done} of {total} hosts")
    _shared = None


def _part(start: int) -> list[Any]:
    assert _shared is not None
    work, inventory = _shared
    references = References(inventory.path.parent)
    return [work(inventory, host, references) for host in inventory.hosts[start : start + PART]]
