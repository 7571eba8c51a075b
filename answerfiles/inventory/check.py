"""Check an inventory as rendering does, without secrets, an image or a URL: its structure, levels, hosts and the site."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles.checks.notes import notes
from answerfiles.inventory.boot_arguments import line_problem
from answerfiles.inventory.evaluation import Faulty, evaluate
from answerfiles.inventory.inventory import Host, Inventory
from answerfiles.inventory.levels import level_problems
from answerfiles.inventory.references import References
from answerfiles.inventory.sources import examine_inventory
from answerfiles.inventory.templating import HostDocument
from answerfiles.inventory.uniqueness import Claim, claims_of, conflicts
from answerfiles.inventory.workers import in_parts
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Path as Place
from answerfiles.yaml_positions import Position

URL = "http://192.0.2.1"
"""Stands for the server's in the length of the kernel's command line; rendering checks it with the server's own."""


@dataclass
class Collected:
    """The problems of hosts, each fault once, however many hosts have it."""

    inventory: Inventory
    found: dict[tuple[Any, ...], Problem] = field(default_factory=dict)

    def add(self, host: Host, problems: Iterable[Problem]) -> None:
        """Add a host's problems."""
        own = self.inventory.document.place(("hosts", host.name), key=True)
        for problem in problems:
            # What is missing has no place of its own: it is one fault of all hosts that lack it.
            where = None if problem.position == own else problem.position
            key = (where, problem.field, problem.code)
            first = self.found.get(key, problem)
            self.found[key] = first._replace(hosts=(*first.hosts, host.name))


def check_inventory(text: str, path: Path, name: str = "") -> tuple[Inventory, list[Problem]]:
    """Return an inventory and every problem in it.

    :param name: the file's name in messages, when it is another than ``path``.
    """
    inventory, problems = examine_inventory(text, path, name)
    collected = Collected(inventory)
    claims: list[tuple[Host, list[Claim]]] = []
    for host, (faults, those) in zip(inventory.hosts, in_parts(_check_host, inventory), strict=True):
        collected.add(host, faults)
        claims.append((host, those))
    # A host has the faults of its levels too.
    known = {(problem.position, problem.code) for problem in problems}
    problems += [problem for problem in collected.found.values() if (problem.position, problem.code) not in known]
    problems += conflicts(claims, place_in(inventory), name or str(path))
    return inventory, with_levels(inventory, problems)


def with_levels(inventory: Inventory, problems: list[Problem]) -> list[Problem]:
    """Return problems, and those of defaults and groups that no host has shown."""
    known = {(problem.position, problem.code) for problem in problems}
    more = [problem for problem in level_problems(inventory) if (problem.position, problem.code) not in known]
    return sorted(set(problems + more), key=lambda problem: (problem.position.file, problem))


def place_in(inventory: Inventory) -> Callable[[Host, Place], Position]:
    """Return the function that finds a host's values in the inventory."""
    return lambda host, path: HostDocument(inventory, host, {}).place(path)


def _check_host(inventory: Inventory, host: Host, references: References) -> tuple[list[Problem], list[Claim]]:
    try:
        checked = evaluate(inventory, host, references, secrets=False)
    except Faulty as faulty:
        return faulty.problems, []
    report, console = f"{URL}/report/{host.name}", checked.consoles
    problems = list(notes(checked.values, HostDocument(inventory, host, {}).place))
    if wrong := line_problem(checked.arguments, host.name, URL, report=report, consoles=console, trust="0" * 64):
        problems.append(HostDocument(inventory, host, {}).problem(("boot_arguments",), wrong[1], wrong[0]))
    return problems, claims_of(host, checked.answers)
