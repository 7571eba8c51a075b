"""One host of an inventory: its values computed, what they refer to read, and its answers validated."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from answerfiles.error_messages import explain
from answerfiles.host_naming import is_rule
from answerfiles.inventory.inventory import Host, Inventory, Values
from answerfiles.inventory.references import References, resolve
from answerfiles.inventory.templating import ComputeError, HostDocument, host_values
from answerfiles.model import TASKS, Answers, HostTask, SerialConsole
from answerfiles.problem import Problem
from answerfiles.yaml_positions import dotted


class Faulty(Exception):
    """A host with problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


@dataclass(frozen=True)
class Evaluated:
    """A host's answers as plain values and as the model has them, and its additional kernel arguments.

    :param consoles: Linux's console arguments.
    """

    values: Values
    answers: Answers | HostTask
    arguments: str
    consoles: str


def evaluate(inventory: Inventory, host: Host, references: References, *, secrets: bool) -> Evaluated:
    """Return a host's answers.

    :param secrets: put in the secrets that the values refer to.
    :raises Faulty: with every problem, each with its place in the inventory.
    """
    errors: list[ComputeError] = []
    values, arguments = host_values(inventory, host, errors)
    document = HostDocument(inventory, host, values)
    problems = [document.problem(error.path, error.text, "template") for error in errors]
    if not values:
        raise Faulty(problems)
    values, unresolved = resolve(values, references, secrets=secrets, host=host.name)
    problems += [document.problem(wrong.path, wrong.text, "missing-file") for wrong in unresolved]
    known = [problem.field for problem in problems]
    console = values.get("serial_console", {})
    model: type[Answers | HostTask] = Answers
    if values.get("mode") in TASKS:
        values, model = task_values(values), HostTask
    try:
        answers = model.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=True)
        more = explain(details, values, document.place, model)
        # What was not computed or not found has no value that could be wrong.
        raise Faulty(problems + [problem for problem in more if not _follows(problem.field, known)]) from None
    if problems:
        raise Faulty(problems)
    return Evaluated(values, answers, arguments, consoles(answers.serial_console if isinstance(answers, Answers) else console))


def task_values(values: Values) -> Values:
    """Return the values of a task for the host that is on the disks, without those that only its installation needs.

    An inventory describes hosts, whatever its mode is: one word turns it from an installation into an upgrade.
    """
    kept = {key: value for key, value in values.items() if key in HostTask.model_fields}
    if is_rule(str(kept.get("host_name", ""))):
        # The machine's own name is not known here, and its disk tells which host is meant.
        del kept["host_name"]
    if isinstance(target := kept.get("target"), dict):
        kept["target"] = {key: value for key, value in target.items() if key != "wipe"}
    return kept


def _follows(field: str, known: list[str]) -> bool:
    """Return whether a problem is at, above or below a place that has one already."""
    return any(field == other or _inside(field, other) or _inside(other, field) or field == "" for other in known)


def _inside(field: str, above: str) -> bool:
    return field.startswith((f"{above}.", f"{above}["))


def problem_at(inventory: Inventory, host: Host, field: tuple[str | int, ...], code: str, text: str) -> Problem:
    """Return a problem of a host's values."""
    document = HostDocument(inventory, host, {})
    return Problem(document.place(field), dotted(field), text, code)


def consoles(console: object) -> str:
    """Linux's console arguments: the screen, then the serial line, which the installer takes for its own.

    :param console: the answers' serial line as the model has it, or its plain values in a task, which does not check them.
    """
    if isinstance(console, dict):
        try:
            console = SerialConsole.model_validate(console)
        except ValidationError:
            console = SerialConsole()
    if not isinstance(console, SerialConsole):
        return "console=tty0"
    return f"console=tty0 console=ttyS{0 if console.port == 'com1' else 1},{console.speed}n8"
