"""The page ``qa-scenarios.md``, generated from decorators and docstrings of scenarios."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa.metadata import SETS
from reference_pages.page import PROJECT, cell

HEAD = """# Scenarios

<!-- made by 'make docs' from the scenarios' decorators and docstrings -->

Every scenario reads the consoles of its machines for panics, failed units and the like
(`qa/scans/console_scan.py`) and fails on any. It also fails when root's password, its hash or a token is in an
artifact (`qa/scans/secret_scan.py`). `dom0kit qa --list` shows the expected times; [QA](qa.md) explains how to
run scenarios.
"""
FOLDERS = {
    "install": "Installation, first boot, disks",
    "network": "Network boot and networks of hosts",
    "san": "Fibre Channel and iSCSI",
    "pool": "Pools",
    "tui": "The installer's screens",
    "upgrade": "Image versions of a host",
    "harness": "The harness itself",
}


@dataclass(frozen=True)
class Entry:
    """One scenario in the page.

    :ivar tags: in alphabetical order, without those that name its folder.
    :ivar text: the docstring of its test function, without fields.
    """

    name: str
    firmware: str
    tags: tuple[str, ...]
    text: str


def entries(path: Path) -> Iterator[Entry]:
    """Yield the scenarios of a file, in the order of the source."""
    for node in ast.parse(path.read_text()).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        text = " ".join((ast.get_docstring(node) or "").split("\n:")[0].replace("``", "`").split())
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "scenario":
                values = {word.arg: word.value for word in call.keywords}
                tags = ast.literal_eval(values["tags"]) if "tags" in values else set()
                yield Entry(
                    ast.literal_eval(call.args[0]),
                    ast.literal_eval(values["firmware"]),
                    tuple(sorted(set(tags) - {path.parent.name})),
                    text,
                )


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, "| set | scenarios |", "|---|---|", *(f"| `{name}` | {text} |" for name, text in SETS.items()), ""]
    for folder, title in FOLDERS.items():
        parts += [f"## {title}", "", f"In `qa/scenarios/{folder}/`.", ""]
        parts += ["| scenario | file | firmware | tags | what it does |", "|---|---|---|---|---|"]
        for path in sorted((PROJECT / "qa/scenarios" / folder).glob("test_*.py")):
            for entry in entries(path):
                words = (f"`{entry.name}`", f"`{path.name}`", entry.firmware, " ".join(entry.tags), cell(entry.text))
                parts.append(f"| {' | '.join(words)} |")
        parts.append("")
    return "\n".join(parts)
