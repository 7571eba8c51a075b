"""Saves a file to a stick that the person chooses."""

from __future__ import annotations

from dom0kit.errors import UserError
from installer.commands import Commands
from installer.screens import end, sticks
from installer.screens.driver import Terminal, ask
from installer.screens.forms import BACK, Form
from installer.screens.jobs import Job
from installer.screens.waiting import wait_for


def save(terminal: Terminal, commands: Commands, name: str, data: bytes, what: str) -> None:
    """Ask for a stick and write to it, until it is well or given up."""
    while True:
        found = wait_for(terminal, Job(lambda: sticks.find_sticks(commands)), "Looking for USB sticks ...")

        def form(found: tuple[sticks.Stick, ...] = found) -> Form:
            return end.sticks(tuple(stick.row() for stick in found), what)

        reply = ask(terminal, form)
        if reply.button == "rescan":
            continue
        if reply.button == BACK:
            return
        device = str(reply.values.get("stick.device", ""))
        try:
            wait_for(terminal, Job(lambda: sticks.save(device, name, data, commands)), f"Writing {name} to {device} ...")  # noqa: B023
        except UserError as error:
            terminal.tell("Saving failed", str(error))
            continue
        terminal.tell("Saved", f"{name} is on {device}. The stick may be taken out now.")
        return
