"""Save a file to a USB stick that the user selects."""

from __future__ import annotations

from dom0kit.errors import UserError
from installer.command_log import Commands
from installer.tui.busy_screen import wait_for
from installer.tui.operations import usb_sticks
from installer.tui.pages import summary
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, Form
from installer.tui.wizard import Terminal, show_form


def save_to_stick(terminal: Terminal, commands: Commands, name: str, data: bytes, what: str) -> None:
    """Ask for a USB stick and write the file, until it succeeds or the user cancels."""
    while True:
        found = wait_for(terminal, Job(lambda: usb_sticks.find_sticks(commands)), "Searching for USB sticks ...")

        def form(found: tuple[usb_sticks.Stick, ...] = found) -> Form:
            return summary.sticks(tuple(stick.row() for stick in found), what)

        reply = show_form(terminal, form)
        if reply.button == "rescan":
            continue
        if reply.button == BACK:
            return
        device = str(reply.values.get("stick.device", ""))
        try:
            work = Job(lambda: usb_sticks.write_to_stick(device, name, data, commands))  # noqa: B023
            wait_for(terminal, work, f"Writing {name} to {device} ...")
        except UserError as error:
            terminal.show_message("Saving failed", str(error))
            continue
        terminal.show_message("Saved", f"{name} is on {device}. You can remove the stick now.")
        return
