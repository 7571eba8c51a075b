"""Time limits in Python: module-level constants with a documented reason, and numbers where a constant belongs."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from reference_pages.time_limits.record import Limit, fields, value_text

FOLDERS = ("dom0kit", "answerfiles", "installer", "firstboot", "upgrade", "pool")
NAME = re.compile(r"(^|_)(SECONDS|MILLISECONDS|TIMEOUT|DEADLINE|PAUSE|TICK|GRACE|PATIENCE|INTERVAL|DELAY)($|_)")
"""A number with such a name is a time limit."""
KEYWORDS = frozenset({"timeout", "seconds", "total", "patience", "busy", "pause", "delay", "interval", "poll_interval", "every"})
"""Keyword arguments and parameters that are times."""
WAITS = {"sleep": 0, "wait": 0, "settimeout": 0, "poll": 1}
"""Functions whose positional argument of this number is a time."""
IN_TEXT = re.compile(r"(--timeout=|Sec=|timeo\w* = |ConnectTimeout=|ServerAliveInterval=)\d|\bsleep ([2-9]|\d\d)")
"""A time inside a text, such as a command's argument or a unit."""
SSH_TIMES = frozenset({"ConnectTimeout", "ServerAliveInterval"})
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def constant(node: ast.expr) -> object:
    """Return the value of a number, a tuple of literals or an arithmetic of numbers; None for anything else."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = constant(node.left), constant(node.right)
        if isinstance(left, int | float) and isinstance(right, int | float):
            return OPERATORS[type(node.op)](left, right)
        return None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def is_time(value: object) -> bool:
    """Return whether a value is a number of seconds, or a tuple of such."""
    if isinstance(value, tuple):
        return bool(value) and all(is_time(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr, str]]:
    """Return each module-level constant with its expression and the docstring behind it."""
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target: ast.expr = node.targets[0]
        elif isinstance(node, ast.AnnAssign):
            target = node.target
        else:
            continue
        if not isinstance(target, ast.Name) or node.value is None:
            continue
        has_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        text = following.value.value if has_text else ""  # type: ignore[union-attr]
        yield target.id, node.value, text if isinstance(text, str) else ""


def limits(source: str, where: str) -> tuple[list[Limit], list[str]]:
    """Return the limits of a module, and what is wrong with those that lack a reason or a name."""
    tree = ast.parse(source)
    found, wrong = [], []
    for name, node, text in assigned(tree):
        known, value = fields(text), constant(node)
        if known is not None:
            found.append(Limit(where, name, value_text(name, value), **known))
        elif NAME.search(name) and is_time(value):
            wrong.append(f"{where}: {name} has no docstring with 'Kind: ... Reason: ... Expiry: ...'")
    documented = {limit.name for limit in found}
    wrong += [f"{where}:{line}: {text}" for line, text in literals(tree, documented)]
    return found, wrong


def literals(tree: ast.Module, documented: set[str]) -> Iterator[tuple[int, str]]:
    """Return the lines on which a number, or a constant of the module without a reason, is used as a time."""
    own = {name for name, node, _ in assigned(tree) if is_time(constant(node))}

    def bad(node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in own and node.id not in documented
        value = constant(node)
        return is_time(value) and value not in (0, -1)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((node.lineno, f"{text} is given as a time, not a named constant") for text in _given(node, bad))
        elif isinstance(node, ast.FunctionDef):
            yield from ((node.lineno, f"{text} of {node.name}() is a number") for text in _defaults(node, bad))
        elif isinstance(node, ast.ClassDef):
            yield from ((node.lineno, f"{text} in {node.name} is a number") for text in _attributes(node, bad))
        elif isinstance(node, ast.Dict):
            yield from ((node.lineno, f"{text}, not a named constant") for text in _options(node))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (match := IN_TEXT.search(node.value)):
            yield node.lineno, f"{match[0]!r} is inside a text, not a named constant"


Bad = Callable[[ast.expr], bool]


def _given(node: ast.Call, bad: Bad) -> list[str]:
    """Return the arguments of a call that are times and numbers."""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    place = WAITS.get(called)
    times = [keyword.value for keyword in node.keywords if keyword.arg in KEYWORDS]
    times += node.args[place : place + 1] if place is not None else []
    return [ast.unparse(time) for time in times if bad(time)]


def _defaults(node: ast.FunctionDef, bad: Bad) -> list[str]:
    """Return the parameters of a function that are times and whose default is a number."""
    both = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(both[::-1], node.args.defaults[::-1], strict=False))
    pairs += [(name, value) for name, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value is not None]
    return [f"{name.arg}={ast.unparse(value)}" for name, value in pairs if name.arg in KEYWORDS and bad(value)]


def _attributes(node: ast.ClassDef, bad: Bad) -> list[str]:
    """Return the attributes of a class that are times and numbers, as the ``timeout`` of a request handler."""
    entries = [entry for entry in node.body if isinstance(entry, ast.Assign) and isinstance(entry.targets[0], ast.Name)]
    return [ast.unparse(entry) for entry in entries if ast.unparse(entry.targets[0]) in KEYWORDS and bad(entry.value)]


def _options(node: ast.Dict) -> list[str]:
    """Return the options of ssh_config(5) that are times and literals."""
    pairs = zip(node.keys, node.values, strict=True)
    constants = [
        (key.value, value.value) for key, value in pairs if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
    ]
    return [f"{key} is {value!r}" for key, value in constants if key in SSH_TIMES]


def files(project: Path) -> Iterator[Path]:
    """Return the modules that are looked at."""
    for folder in FOLDERS:
        yield from sorted((project / folder).rglob("*.py"))
