"""The installer with screens: ``python3 -m installer.tui``, in a terminal of 80 columns and 23 rows."""

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
from installer.answer_source.source import last, words_of
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.model.hardware import Disk, Facts, IscsiSession, Nic, PhysicalVolume
from installer.model.image_manifest import Manifest, parse_manifest, read_manifest
from installer.session import IMAGE, LOGS, Session, open_session
from installer.storage_network import bring_up
from installer.tui import install
from installer.tui.operations.operations import Effects
from installer.tui.state import State
from installer.tui.toolkit.wizard import Driver, Terminal
from pool.join.pool_facts import image_facts

RESTART_SECONDS = 900
"""Show the last screen after the restart was ordered.

Kind: screen. Reason: systemd ends the installer when it stops its unit. Expiry: the program ends.
"""

CMDLINE = Path("/proc/cmdline")
PRESETS = {"dom0kit.keyboard": ("keyboard", "keyboard.map"), "dom0kit.host_name": ("", "name.host")}
"""Kernel arguments that answer a question: the screen that is left out then (none: it shows the value), and the field."""


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line; all of it is for development."""
    parser = argparse.ArgumentParser(prog="python3 -m installer.tui", description="the text-mode installer")
    parser.add_argument("--facts", type=Path, metavar="FILE", help="facts from 'dom0kit facts --json' instead of this machine's")
    parser.add_argument("--demo", action="store_true", help="change nothing on this machine; installing fails")
    parser.add_argument("--image", type=Path, default=IMAGE, metavar="FOLDER", help="folder of the image (default: %(default)s)")
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="FOLDER", help="folder for logs (default: %(default)s)")
    return parser.parse_args(argv)


def known(kind: type[Any], value: dict[str, Any]) -> Any:
    """A record from JSON: lists become tuples, what the record does not know is left out."""
    names = {field.name for field in fields(kind)}
    return kind(**{name: as_tuple(inner) for name, inner in value.items() if name in names})


def as_tuple(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(as_tuple(inner) for inner in value) if isinstance(value, list) else value


def facts_from(text: str) -> Facts:
    """Facts as ``dom0kit facts --json`` prints them."""
    value = json.loads(text)
    records = {"disks": Disk, "nics": Nic, "physical_volumes": PhysicalVolume, "sessions": IscsiSession}
    for name, kind in records.items():
        value[name] = [known(kind, entry) for entry in value.get(name, [])]
    facts: Facts = known(Facts, value)
    return facts


def read_epoch(folder: Path) -> float:
    """When the image was made, in seconds since 1970; 0 when nobody knows."""
    try:
        return float(json.loads((folder / "manifest.json").read_text())["epoch"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def read_toolstacks(folder: Path) -> tuple[tuple[str, str], ...]:
    """The toolstacks of the image that know pools, each as it tells a pool; Ganeti alone when nobody knows."""
    try:
        text = (folder / "manifest.json").read_text()
    except OSError:
        return (("ganeti", "ganeti"),)
    return tuple((name, told) for name in ("ganeti", "xapi") if (told := image_facts(text, name)[1]))


def presets(cmdline: str) -> tuple[dict[str, str], frozenset[str]]:
    """Values that kernel arguments give, and the screens that need not be shown any more."""
    values, screens = {}, set()
    for word in words_of(cmdline):
        name, _, value = word.partition("=")
        if name in PRESETS and value:
            screen, field = PRESETS[name]
            values[field] = value
            screens.add(screen)
    return values, frozenset(screens - {""})


def demo_manifest() -> Manifest:
    """An image that is not there."""
    names = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
    files = {name: {"sha256": "0" * 64, "size": 50_000_000} for name in names}
    value = {"format": 1, "product": "dom0kit", "version": "0.1.0", "id": "0" * 16, "files": files}
    return parse_manifest(json.dumps(value))


def main(argv: list[str] | None = None) -> int:
    """Exit codes: 0 ended by the person, 1 failed before the first screen."""
    arguments = parse(argv)
    logs: Path = arguments.logs
    try:
        logs.mkdir(parents=True, exist_ok=True)
        manifest = demo_manifest() if arguments.demo else read_manifest(arguments.image)
        log = (logs / "installer.log").open("a", encoding="utf-8")
    except (OSError, UserError) as error:
        print(f"The installer cannot start: {error}", file=sys.stderr)
        return 1
    # Here and not above: other entries must not need a terminal's library.
    from installer.tui.toolkit.newt_terminal import Terminal as Newt  # noqa: PLC0415

    terminal = Newt(f"{manifest.product} {manifest.version}")
    commands = Commands(log)

    def look() -> Facts:
        if arguments.facts:
            return facts_from(arguments.facts.read_text())
        if not arguments.demo:
            bring_up.bring_up(None, commands)
        return collect()

    effects = Effects(terminal, commands, look, demo=arguments.demo)
    try:
        return lead(terminal, effects, commands, manifest, arguments)
    finally:
        terminal.close()


def lead(terminal: Terminal, effects: Effects, commands: Commands, manifest: Manifest, arguments: argparse.Namespace) -> int:
    """From the first screen to the end."""
    image: Path = arguments.image
    while True:
        try:
            facts = effects.look()
            break
        except UserError as error:
            terminal.tell("This machine cannot be looked at", str(error))
    cmdline = CMDLINE.read_text()
    if source := last(words_of(cmdline), "dom0kit.ssh"):
        effects.let_in(source)
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
    )

    def session() -> Session:
        out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the session
        return open_session(out, arguments.logs, image=image)

    start = ""
    while True:
        driver = Driver(terminal, state, **effects.hooks())
        state = driver.run(start)
        wanted = install.install(terminal, effects, state, session)
        if wanted in ("reboot", "poweroff"):
            if not arguments.demo:
                commands(["systemctl", wanted], check=False)
                time.sleep(RESTART_SECONDS)
            return 0
        start = "summary"
