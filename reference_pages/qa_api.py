"""The page ``qa-api.md``: what scenarios call, generated from signatures and docstrings of the parsed source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reference_pages.page import PROJECT

HEAD = """# What scenarios call

<!-- made by 'make docs' from the signatures and docstrings in qa/ -->

[Scenarios](qa.md) explains the harness; [write a scenario](../how-to/write-a-scenario.md) has a first one. Limits are seconds of
machine time, in which an emulator got the processor time that it wanted.
"""
FIELD = re.compile(r"^:(param|ivar|return|returns|raises)(?: (\w+))?: ", re.MULTILINE)
ROLE = re.compile(r":(?:meth|class|func|data|mod):`~?([\w.]+)`")


@dataclass(frozen=True)
class Section:
    """A chapter of the page.

    :param sources: pairs of a file below ``qa/`` and a class in it; "" for the file's functions.
    """

    title: str
    sources: tuple[tuple[str, str], ...]


SECTIONS = (
    Section("Declaring a scenario", (("metadata.py", ""), ("metadata.py", "Metadata"))),
    Section("Scenario", (("scenario.py", "Scenario"),)),
    Section("Machine", (("vm/machine.py", "Machine"), ("vm/waits.py", "Waits"))),
    Section("Machines' parts: drives, network cards", (("vm/qemu_args.py", "MachineSpec"), ("vm/qemu_args.py", "Drive"))),
    Section("Media", (("vm/media.py", ""),)),
    Section("Answers and installations", (("install/answers.py", ""), ("install/installed_disk.py", ""))),
    Section("Guest", (("vm/guest.py", "Guest"), ("vm/guest.py", "CommandResult"))),
    Section("Console, a guest on the serial line", (("vm/serial_console.py", "Console"),)),
    Section("Ssh, a guest by ssh", (("guest/ssh_access.py", "Ssh"),)),
    Section("Operator of the screens", (("tui/operator.py", "Operator"),)),
    Section("Lab network", (("lab/lab.py", "Lab"),)),
    Section("Checks of a host", (("checks/boot_and_check.py", ""), ("checks/host_checks.py", ""))),
    Section("Waiting for anything else", (("vm/polling.py", ""),)),
)
OVERRIDDEN = {("Console", "execute"), ("Ssh", "execute")}
"""Methods whose documentation is that of the base class."""


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown: roles and literals become code, fields become a list."""
    text = ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", docstring).replace("``", "`")
    found = FIELD.search(text)
    if not found:
        return text.strip()
    body, rest = text[: found.start()].strip(), text[found.start() :]
    items = []
    for chunk in re.split(r"\n(?=:\w)", rest.strip()):
        kind, name = FIELD.match(chunk).groups()  # type: ignore[union-attr]
        words = " ".join(chunk[FIELD.match(chunk).end() :].split())  # type: ignore[union-attr]
        label = f"`{name}`" if kind in ("param", "ivar") else f"raises `{name}`" if kind == "raises" else "returns"
        items.append(f"- {label}{'' if kind == 'raises' else ':'} {words}")
    return f"{body}\n\n" + "\n".join(items)


def signature(function: ast.FunctionDef) -> str:
    """Return a function's name and parameters as in the source, without ``self``; a property has no parentheses."""
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    result = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    if decorators & {"property", "cached_property"}:
        return f"{function.name}{result.replace(' ->', ':')}"
    parameters = ast.unparse(function.args).removeprefix("self, ").removeprefix("self")
    return f"{function.name}({parameters}){result}"


def entries(path: Path, name: str) -> Iterator[str]:
    """Yield one paragraph for the class and for each public method with a docstring, or for each public function of a file."""
    tree = ast.parse(path.read_text())
    owner: ast.Module | ast.ClassDef = tree
    if name:
        owner = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
        yield markdown(ast.get_docstring(owner) or "")
    for node in owner.body:
        documentation = isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
        if not isinstance(node, ast.FunctionDef) or not documentation:
            continue
        if not node.name.startswith("_") and (name, node.name) not in OVERRIDDEN:
            yield f"### `{signature(node)}`\n\n{markdown(documentation)}"


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for section in SECTIONS:
        parts.append(f"## {section.title}\n")
        parts += [f"{entry}\n" for file, name in section.sources for entry in entries(PROJECT / "qa" / file, name) if entry]
    return "\n".join(parts)
