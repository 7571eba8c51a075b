"""``dom0kit iso`` and ``dom0kit repro``."""

from __future__ import annotations

import argparse
from pathlib import Path

from answerfiles.lab_server import cli as serve
from dom0kit.arguments.paths import output_file
from dom0kit.cli import Add
from dom0kit.errors import UserError
from image import cli as image
from pipeline import answers_cli, pipeline, reproducibility
from pipeline.verify_cli import configure_verify, run_verify
from prepare.machine import require_builder


def register(add: Add) -> None:
    """Register the commands of this package."""
    add(
        "iso",
        "build the ISO: image, boot files, partition tables, verification",
        _configure_iso,
        _make_iso,
        example="dom0kit iso --release",
    )
    add(
        "answers render",
        "make the network-boot tree of an inventory",
        answers_cli.configure_render,
        answers_cli.run_render,
        example="dom0kit answers render inventory.yaml -o tree --url http://192.0.2.1\n"
        "dom0kit answers render inventory.yaml -o tree --url http://192.0.2.1 --limit berlin --diff",
    )
    add(
        "answers arm",
        "let the next network boot install hosts, also over their own installations",
        answers_cli.configure_arm,
        answers_cli.run_arm,
        example="dom0kit answers arm tree xen1 xen2",
    )
    add(
        "answers disarm",
        "let hosts start their disks instead",
        answers_cli.configure_arm,
        answers_cli.run_disarm,
        example="dom0kit answers disarm tree xen1",
    )
    add(
        "answers embed",
        "make an unattended ISO of an ISO and answers",
        answers_cli.configure_embed,
        answers_cli.run_embed,
        example="dom0kit answers embed build/dom0kit.iso host.yaml -o host.iso",
    )
    add(
        "answers serve",
        "serve a network-boot tree in a lab: DHCP, TFTP, HTTP, reports",
        serve.configure,
        serve.serve,
        example="dom0kit answers serve tree --interface br0 --dhcp 10.77.0.100,10.77.0.199",
    )
    add("verify", "check release files: signatures, checksums, and what an ISO is made of", configure_verify, run_verify)
    add("repro", "build twice from nothing and compare byte for byte", image.configure_build, _repro, example="dom0kit repro")


def _configure_iso(parser: argparse.ArgumentParser) -> None:
    image.configure_build(parser)
    parser.add_argument(
        "-o", "--output", type=output_file, metavar="FILE", help="default: build/dom0kit.iso (or dom0kit-release.iso)"
    )


def _make_iso(arguments: argparse.Namespace) -> int:
    require_builder()
    reporter = image.reporter(arguments.build)
    name = "dom0kit-release.iso" if arguments.release else "dom0kit.iso"
    output: Path = arguments.output or arguments.build / name
    made = pipeline.make(image.options(arguments), reporter, output)
    if reporter.times:
        print(reporter.time_table())
    state = "built" if made.fresh else "up to date"
    print(
        f"\n{made.path}: {state}, {made.size:,} bytes ({made.size / 1e6:.0f} MB), volume {made.volume_id}\nsha256 {made.sha256}\n"
        f"{made.signed}"
    )
    return 0


def _repro(arguments: argparse.Namespace) -> int:
    require_builder()
    reporter = image.reporter(arguments.build)
    found = reproducibility.compare(image.options(arguments), reporter)
    if found:
        for line in found:
            print(line)
        raise UserError(
            f"two builds from the same inputs differ in {len(found)} places", "they are listed above; build/repro-* is kept"
        )
    print(reporter.time_table())
    print("two builds from nothing gave the same ISO, byte for byte")
    return 0
