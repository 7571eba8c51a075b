"""Text-mode installer (``python3 -m installer.tui``) for terminals of at least 80 columns and 23 rows."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
import zoneinfo
from dataclasses import fields
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from installer.answer_source.source import last_value, split_arguments
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.host_tasks import HostTasks, Offer
from installer.model.hardware import Disk, Facts, IscsiSession, Machine, Nic, PhysicalVolume
from installer.model.image_manifest import Manifest, parse_manifest, read_manifest
from installer.session import IMAGE, LOGS, Session, open_session
from installer.storage_network import bring_up
from installer.tui import install
from installer.tui.operations.operations import Operations
from installer.tui.state import State
from installer.tui.wizard import Terminal, Wizard
from pool.join.pool_facts import image_facts

RESTART_SECONDS = 900
"""Show the last screen after a reboot or power-off was requested.

Kind: screen. Reason: systemd ends the installer when it stops its unit. Expiry: the program ends.
"""

CMDLINE = Path("/proc/cmdline")
PRESETS = {"dom0kit.keyboard": ("keyboard", "keyboard.map"), "dom0kit.host_name": ("", "name.host")}
"""Kernel arguments that preset a field: the screen to skip ("" to show it with the value), and the field."""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line; all options are for development."""
    parser = argparse.ArgumentParser(prog="python3 -m installer.tui", description="Run the text-mode installer.")
    parser.add_argument("--facts", type=Path, metavar="FILE", help="hardware facts as printed by 'dom0kit facts --json'")
    parser.add_argument("--demo", action="store_true", help="change nothing on this machine; the installation itself fails")
    parser.add_argument("--image", type=Path, default=IMAGE, metavar="FOLDER", help="folder of the image (default: %(default)s)")
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="FOLDER", help="folder for logs (default: %(default)s)")
    return parser.parse_args(argv)


def record_from(kind: type[Any], value: dict[str, Any]) -> Any:
    """Build a record from JSON: lists become tuples, unknown keys are dropped."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: to_tuples(inner) for name, inner in value.items() if name in names})


def to_tuples(value: Any) -> Any:
    """Convert lists to tuples, recursively."""
    return tuple(to_tuples(inner) for inner in value) if isinstance(value, list) else value


def parse_facts(text: str) -> Facts:
    """Parse facts as ``dom0kit facts --json`` prints them."""
    value = json.loads(text)
    value["machine"] = record_from(Machine, value.get("machine", {}))
    records = {"disks": Disk, "nics": Nic, "physical_volumes": PhysicalVolume, "sessions": IscsiSession}
    for name, kind in records.items():
        value[name] = [record_from(kind, entry) for entry in value.get(name, [])]
    facts: Facts = record_from(Facts, value)
    return facts


def read_epoch(folder: Path) -> float:
    """Return the build time of the image in seconds since the epoch; 0 if unknown."""
    try:
        return float(json.loads((folder / "manifest.json").read_text())["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def read_toolstacks(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (toolstack, version for the pool) for each toolstack of the image that supports pools.

    Without a readable manifest, Ganeti alone is assumed.
    """
    try:
        text = (folder / "manifest.json").read_text()
    except OSError:
        return (("ganeti", "ganeti"),)
    return tuple((name, version) for name in ("ganeti", "xapi") if (version := image_facts(text, name)[1]))


def presets(cmdline: str) -> tuple[dict[str, str], frozenset[str]]:
    """Return the field values set by kernel arguments, and the screens to skip because of them."""
    values, screens = {}, set()
    for word in split_arguments(cmdline):
        name, _, value = word.partition("=")
        if name in PRESETS and value:
            screen, field = PRESETS[name]
            values[field] = value
            screens.add(screen)
    return values, frozenset(screens - {""})


def demo_manifest() -> Manifest:
    """Return the manifest of a fictitious image, for ``--demo``."""
    names = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
    files = {name: {"sha256": "0" * 64, "size": 50_000_000} for name in names}
    value = {"format": 1, "product": "dom0kit", "version": "0.1.0", "id": "0" * 16, "files": files}
    return parse_manifest(json.dumps(value))


def main(argv: list[str] | None = None, tasks: HostTasks | None = None) -> int:
    """Run the installer and return the exit code: 0 ended by the user, 1 failed before the first screen.

    :param tasks: carries out tasks for hosts on the disks; without it none is offered.
    """
    arguments = parse(argv)
    logs: Path = arguments.logs
    try:
        logs.mkdir(parents=True, exist_ok=True)
        manifest = demo_manifest() if arguments.demo else read_manifest(arguments.image)
        log = (logs / "installer.log").open("a", encoding="utf-8")
    except (OSError, UserError) as error:
        print(f"The installer cannot start: {error}", file=sys.stderr)
        return 1
    # Imported here because other entry points must run without the terminal library.
    from installer.tui.toolkit.newt_terminal import Terminal as Newt  # noqa: PLC0415

    terminal = Newt(f"{manifest.product} {manifest.version}")
    commands = Commands(log)

    def collect_facts() -> Facts:
        if arguments.facts:
            return parse_facts(arguments.facts.read_text())
        if not arguments.demo:
            bring_up.bring_up(None, commands)
        return collect()

    operations = Operations(terminal, commands, collect_facts, demo=arguments.demo)
    try:
        return run_screens(terminal, operations, commands, manifest, arguments, tasks=tasks)
    finally:
        terminal.close()


def offers_on(facts: Facts, tasks: HostTasks | None, session: Session) -> tuple[Offer, ...]:
    """Return the hosts on the disks that are offered; none when they cannot be read: a new host can be installed all the same."""
    try:
        return tuple(tasks.find_offers(facts, session)) if tasks is not None else ()
    except (UserError, OSError) as error:
        session.commands.note(f"hosts on the disks are not offered: {error}")
        return ()


def run_screens(
    terminal: Terminal,
    operations: Operations,
    commands: Commands,
    manifest: Manifest,
    arguments: argparse.Namespace,
    *,
    tasks: HostTasks | None = None,
) -> int:
    """Run all screens and the installation; return the exit code."""
    image: Path = arguments.image
    while True:
        try:
            facts = operations.collect_facts()
            break
        except UserError as error:
            terminal.show_message("Hardware detection failed", str(error))
    cmdline = CMDLINE.read_text()
    if source := last_value(split_arguments(cmdline), "dom0kit.ssh"):
        operations.open_ssh(source)

    def session() -> Session:
        out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the session
        return open_session(out, arguments.logs, image=image)

    values, screens = presets(cmdline)
    state = State(
        facts=facts,
        manifest=manifest,
        values=dict(values),
        preset=screens,
        now=time.time(),
        epoch=read_epoch(image),
        identity=uuid.uuid4(),
        image=str(image.resolve()),
        zones=tuple(zoneinfo.available_timezones()),
        toolstacks=read_toolstacks(image),
        offers=offers_on(facts, tasks, session()) if not arguments.demo else (),
    )

    start = ""
    while True:
        wizard = Wizard(terminal, state, **operations.hooks())
        state = wizard.run(start)
        if state.offer is not None and tasks is not None:
            choice = install.keep_host(terminal, operations, state, tasks.prepare, session)
        else:
            choice = install.install(terminal, operations, state, session)
        if choice in ("reboot", "poweroff"):
            if not arguments.demo:
                commands(["systemctl", choice], check=False)
                time.sleep(RESTART_SECONDS)
            return 0
        start = "summary" if state.offer is None else "what"
