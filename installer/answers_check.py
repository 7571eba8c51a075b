"""Subcommand ``dom0kit answers check``: validate answer files and inventories, and plan with given facts as the installer would.

It starts in every editor and for every commit: what only ``--facts`` needs is imported only then.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from answerfiles.checking.files import Checked, check_files
from answerfiles.checking.formats import as_github, as_json
from answerfiles.host_naming import described
from answerfiles.model import Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.secret import unresolved
from answerfiles.validation import HIGHEST
from answerfiles.yaml_positions import Position
from dom0kit.arguments.paths import existing_folder, path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.units import human_bytes

if TYPE_CHECKING:
    from installer.model.hardware import Facts
    from installer.model.image_manifest import Manifest
    from installer.plan.plan import Plan

EXAMPLE = """\
dom0kit answers check host.yaml --facts facts.json
dom0kit answers check inventory.yaml
dom0kit answers check --json site/ >problems.json
dom0kit answers check --format github site/"""


def register(add: Add) -> None:
    """Register the subcommand."""
    add(
        "answers check",
        "validate answer files and inventories; report every error with its position",
        configure,
        run,
        example=EXAMPLE,
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers check``."""
    parser.add_argument(
        "files",
        nargs="+",
        type=path,
        metavar="FILE",
        help="answer file (YAML, or XenServer's XML), inventory, a folder of them, or - for standard input",
    )
    parser.add_argument(
        "--facts", type=path, metavar="host.json", help="hardware facts from 'dom0kit facts --json'; shows the installation plan"
    )
    parser.add_argument(
        "--image",
        type=existing_folder,
        metavar="FOLDER",
        help="image to plan for, with --facts (default: a nominal one of 500 MiB)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="text; json: a list with an object for each problem; github: annotations of a workflow (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="short for --format json")


def run(arguments: argparse.Namespace) -> int:
    """Check each file; exit code 0 if all are valid, and installable with the given facts, else 1."""
    if arguments.image is not None and arguments.facts is None:
        raise UserError("--image requires --facts", "add --facts with the output of 'dom0kit facts --json'")
    planner = _Planner(arguments.facts, arguments.image) if arguments.facts is not None else None
    results = [with_token(checked) for checked in check_files(arguments.files)]
    if arguments.format == "text":
        failures = [_report(checked, planner) for checked in results]
        return 1 if any(failures) else 0
    if planner is not None:
        results = [planner.checked(checked) for checked in results]
    sys.stdout.write(as_json(results) if arguments.format == "json" else as_github(results))
    return 1 if any(checked.failed for checked in results) else 0


def with_token(checked: Checked) -> Checked:
    """Return a result with the problems of the answers' join token."""
    answers = checked.answers
    if not isinstance(answers, Answers) or answers.pool.join is None:
        return checked
    from installer.pool_preflight import token_problems  # noqa: PLC0415 - it brings the pool's client

    more = tuple(Problem(Position(1, 1), "pool.join.token", text, "join-token") for text in token_problems(answers))
    return Checked(checked.name, checked.kind, checked.problems + more, None if more else answers)


def _report(checked: Checked, planner: _Planner | None) -> bool:
    """Print a result for people; return whether it is a failure."""
    name = checked.name
    errors = [problem for problem in checked.problems if problem.severity == "error"]
    for problem in checked.problems:
        if problem.severity == "warning":
            print(f"warning: {problem.render(name)}", file=sys.stderr)
    if errors:
        lines = [f"{name} has {len(errors)} error{'s' if len(errors) != 1 else ''}"]
        lines += [f"  {problem.render(name)}" for problem in errors[:HIGHEST]]
        lines += [f"  and {len(errors) - HIGHEST} more"] if len(errors) > HIGHEST else []
        print("\n".join(lines), file=sys.stderr)
        return True
    if checked.answers is None:
        more = f" in {len(checked.files)} files" if len(checked.files) > 1 else ""
        print(f"{name}: valid inventory of {checked.hosts} host{'s' if checked.hosts != 1 else ''}{more}")
        if planner is not None:
            print(f"{name}: --facts are of one machine and compared with answers alone, not with an inventory", file=sys.stderr)
        return planner is not None
    answers = checked.answers
    if isinstance(answers, HostTask):
        print(f"{name}: valid, {described_task(answers)}")
        if planner is not None:
            print(f"{name}: note: --facts are not needed: the installer looks for the host on the disks", file=sys.stderr)
        return False
    try:
        plan = planner.plan(answers) if planner is not None else None
    except UserError as error:
        print(error if name in error.message else f"{name}: {error}", file=sys.stderr)
        return True
    disks = "disks" if answers.target.mirror is not None else "disk"
    print(f"{name}: valid, installs {described(answers.host_name)} on the {disks} with {answers.target}")
    for field in unresolved(answers):
        print(f"{name}: note: {field} is a reference; 'dom0kit answers render' resolves it")
    if planner is not None and plan is not None:
        if planner.nominal:
            size = human_bytes(planner.manifest.size)
            print(f"{name}: note: planned for a nominal image of {size}; use --image FOLDER for a real one")
        print(f"\n{plan.render()}\n")
    return False


def described_task(task: HostTask) -> str:
    """Return what a task does, for a line."""
    what = {"upgrade": "upgrades", "rollback": "returns to the image before on", "reset": "makes the state again of"}[task.mode]
    which = [
        f"the host {task.host_name}" if task.host_name is not None else "the host",
        f"on the system partition {task.system}" if task.system is not None else "",
        f"on the disk with {task.target}" if task.target is not None else "",
    ]
    return " ".join([what, *(word for word in which if word)])


class _Planner:
    """Plans for one machine and one image."""

    def __init__(self, facts: Path, image: Path | None) -> None:
        from installer.hardware.facts_json import read_facts  # noqa: PLC0415
        from installer.model.image_manifest import read_manifest  # noqa: PLC0415

        self.facts: Facts = read_facts(facts)
        self.nominal = image is None
        self.manifest: Manifest = read_manifest(image) if image is not None else nominal_image()

    def plan(self, answers: Answers) -> Plan:
        """Return the plan.

        :raises UserError: when the answers do not fit the machine.
        """
        return plan_of(answers, self.facts, self.manifest)

    def checked(self, checked: Checked) -> Checked:
        """Return a result with the reason why there is no plan."""
        if not isinstance(checked.answers, Answers) or checked.failed:
            return checked
        try:
            self.plan(checked.answers)
        except UserError as error:
            problem = Problem(Position(1, 1), "", error.message, "not-installable", error.hint)
            return Checked(checked.name, checked.kind, (*checked.problems, problem))
        return checked


def nominal_image() -> Manifest:
    """Return a nominal image of 500 MiB, larger than dom0kit's own: what fits with it also fits with the real one."""
    from dom0kit.units import MIB  # noqa: PLC0415
    from installer.model.image_manifest import ImageFile, Manifest  # noqa: PLC0415

    sizes = (("xen.gz", 2), ("vmlinuz", 13), ("initrd.img", 85), ("dom0.squashfs", 400))
    files = tuple(ImageFile(name, size * MIB, "0" * 64) for name, size in sizes)
    return Manifest(product="dom0kit", version="0.0.0", id="0" * 16, files=files)


def plan_of(answers: Answers, facts: Facts, manifest: Manifest) -> Plan:
    """Return the plan for a host; its identifiers derive from the host name, an installation uses random ones.

    :raises UserError: when the answers do not fit the facts.
    """
    from installer.plan.plan import Options, make_plan  # noqa: PLC0415

    identity = uuid.uuid5(uuid.NAMESPACE_DNS, answers.host_name)
    return make_plan(facts, answers, manifest, Options("the image", identity))
