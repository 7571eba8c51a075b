"""``dom0kit answers check``: files of answers without a machine, and with facts the very plan that the installer makes."""

from __future__ import annotations

import argparse
import sys
import uuid
from pathlib import Path

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
"""Stands for an image that is not at hand: 500 MiB, more than dom0kit's own, so that what fits here fits there."""


def register(add: Add) -> None:
    """Add the verb."""
    add(
        "answers check",
        "say whether files are valid, with every error and its place",
        configure,
        run,
        example="dom0kit answers check host.yaml --facts facts.json",
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``dom0kit answers check``."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="answers, YAML or XenServer's XML")
    parser.add_argument(
        "--facts", type=Path, metavar="host.json", help="facts of the host, by 'dom0kit facts --json': show the installer's plan"
    )
    parser.add_argument(
        "--image",
        type=Path,
        metavar="FOLDER",
        help=f"with --facts: the image to plan for (default: a nominal one of {human_bytes(NOMINAL.size)})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check each file. Exit code 0 when all are valid, and installable when there are facts; else 1."""
    if arguments.image is not None and arguments.facts is None:
        raise UserError("--image means nothing without --facts", "give the host's facts as well")
    facts = read_facts(arguments.facts) if arguments.facts is not None else None
    manifest = read_manifest(arguments.image) if arguments.image is not None else NOMINAL
    wrong = 0
    for path in arguments.files:
        try:
            answers = read_answers(path)
            if problems := token_problems(answers):
                raise UserError(problems[0])
            plan = plan_of(answers, facts, manifest) if facts is not None else None
        except UserError as error:
            wrong += 1
            print(error if str(path) in error.message else f"{path}: {error}", file=sys.stderr)
            continue
        disks = "disks" if answers.target.mirror is not None else "disk"
        print(f"{path}: valid, installs {answers.host_name} on the {disks} with {answers.target}")
        for field in unresolved(answers):
            print(f"{path}: note: {field} is a reference, 'dom0kit answers render' puts in what it names")
        if plan is not None:
            if manifest is NOMINAL:
                print(
                    f"{path}: note: planned for a nominal image of {human_bytes(NOMINAL.size)}, --image FOLDER names a real one"
                )
            print(f"\n{plan.render()}\n")
    return 1 if wrong else 0


def plan_of(answers: Answers, facts: Facts, manifest: Manifest) -> Plan:
    """The plan for a host; its identifiers derive from the host's name, an installation makes them at random.

    :raises UserError: when facts and answers do not go together.
    """
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, answers.host_name)
    return make_plan(facts, answers, manifest, Options("the image", identity))
