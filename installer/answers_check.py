"""Subcommand ``dom0kit answers check``: validate answer files, and plan with given facts as the installer would."""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

from answerfiles.host_naming import described
from answerfiles.model import Answers
from answerfiles.reader import read_answers
from answerfiles.secret import unresolved
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.units import MIB, human_bytes
from installer.hardware.facts_json import read_facts
from installer.model.hardware import Facts
from installer.model.image_manifest import ImageFile, Manifest, read_manifest
from installer.plan.plan import Options, Plan, make_plan
from installer.pool_preflight import token_problems

NOMINAL = Manifest(
    product="dom0kit",
    version="0.0.0",
    id="0" * 16,
    files=tuple(
        ImageFile(name, size * MIB, "0" * 64)
        for name, size in (("xen.gz", 2), ("vmlinuz", 13), ("initrd.img", 85), ("dom0.squashfs", 400))
    ),
)
"""Nominal image of 500 MiB, larger than dom0kit's own: what fits with it also fits with the real one."""


def register(add: Add) -> None:
    """Register the subcommand."""
    add(
        "answers check",
        "validate answer files; report every error with its position",
        configure,
        run,
        example="dom0kit answers check host.yaml --facts facts.json",
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers check``."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="answer file: YAML, or XenServer's XML")
    parser.add_argument(
        "--facts", type=Path, metavar="host.json", help="hardware facts from 'dom0kit facts --json'; shows the installation plan"
    )
    parser.add_argument(
        "--image",
        type=Path,
        metavar="FOLDER",
        help=f"image to plan for, with --facts (default: a nominal one of {human_bytes(NOMINAL.size)})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check each file; exit code 0 if all are valid, and installable with the given facts, else 1."""
    if arguments.image is not None and arguments.facts is None:
        raise UserError("--image requires --facts", "add --facts with the output of 'dom0kit facts --json'")
    facts = read_facts(arguments.facts) if arguments.facts is not None else None
    manifest = read_manifest(arguments.image) if arguments.image is not None else NOMINAL
    failures = 0
    for path in arguments.files:
        try:
            answers = read_answers(path)
            if problems := token_problems(answers):
                raise UserError(problems[0])
            plan = plan_of(answers, facts, manifest) if facts is not None else None
        except UserError as error:
            failures += 1
            print(error if str(path) in error.message else f"{path}: {error}", file=sys.stderr)
            continue
        disks = "disks" if answers.target.mirror is not None else "disk"
        print(f"{path}: valid, installs {described(answers.host_name)} on the {disks} with {answers.target}")
        for field in unresolved(answers):
            print(f"{path}: note: {field} is a reference; 'dom0kit answers render' resolves it")
        if plan is not None:
            if manifest is NOMINAL:
                print(
                    f"{path}: note: planned for a nominal image of {human_bytes(NOMINAL.size)}; use --image FOLDER for a real one"
                )
            print(f"\n{plan.render()}\n")
    return 1 if failures else 0


def plan_of(answers: Answers, facts: Facts, manifest: Manifest) -> Plan:
    """Return the plan for a host; its identifiers derive from the host name, an installation uses random ones.

    :raises UserError: when the answers do not fit the facts.
    """
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, answers.host_name)
    return make_plan(facts, answers, manifest, Options("the image", identity))
