"""Saves a file to a stick that the person chooses."""

from __future__ import annotations

from dom0kit.errors import UserError
from installer.command_log import Commands
from installer.tui.operations import usb_sticks
from installer.tui.pages import summary
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.busy_screen import wait_for
from installer.tui.toolkit.forms import BACK, Form
from installer.tui.toolkit.wizard import Terminal, ask


def save(terminal: Terminal, commands: Commands, name: str, data: bytes, what: str) -> None:
    """Ask for a stick and write to it, until it is well or given up."""
    while True:
        found = wait_for(terminal, Job(lambda: usb_sticks.find_sticks(commands)), "Looking for USB sticks ...")

        def form(found: tuple[usb_sticks.Stick, ...] = found) -> Form:
            return summary.sticks(tuple(stick.row() for stick in found), what)

        reply = ask(terminal, form)
        if reply.button == "rescan":
            continue
        if reply.button == BACK:
            return
        device = str(reply.values.get("stick.device", ""))
        try:
            wait_for(terminal, Job(lambda: usb_sticks.save(device, name, data, commands)), f"Writing {name} to {device} ...")  # noqa: B023
        except UserError as error:
            terminal.tell("Saving failed", str(error))
            continue
        terminal.tell("Saved", f"{name} is on {device}. The stick may be taken out now.")
        return
