"""Add drivers and packages from removable media to the running installer, and detect the hardware again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from answerfiles.field_types import VOLUME_FOLDER
from answerfiles.model import PackageSource
from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM
from installer.command_log import Commands
from installer.model.deb_package import Package
from installer.model.hardware import Facts
from installer.packages.install_live import install_here
from installer.packages.package_store import Store, folders, kernel, mounted
from installer.tui.busy_screen import wait_for
from installer.tui.pages import packages
from installer.tui.pages.packages import Volume
from installer.tui.state import State
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, Values
from installer.tui.wizard import Terminal, show_form

TITLE = "Drivers and packages"


@dataclass(frozen=True)
class PackageOperations:
    """Handlers for the packages screen.

    :param collect_facts: collects facts while it shows a busy screen.
    """

    terminal: Terminal
    commands: Commands
    collect_facts: Callable[[], Facts]
    demo: bool = False

    def add(self, state: State, values: Values) -> State:
        """Let the user choose packages and install them; a failure is shown and changes nothing."""
        if self.demo:
            self.terminal.show_message(TITLE, "Not available in the demonstration mode.")
            return state
        try:
            source = self.choose_folder()
            if not source:
                return state
            sources = tuple(dict.fromkeys((*state.keys("packages.sources"), source)))
            found = self.read_packages(sources, source)
            if show_form(self.terminal, lambda: packages.review(found, kernel())).button == BACK:
                return state
            wait_for(self.terminal, Job(lambda: install_here(found, self.commands)), "Installing the packages ...")
            facts = self.collect_facts()
        except (UserError, OSError) as error:
            self.terminal.show_message(TITLE, str(error))
            return state
        self.terminal.show_message(TITLE, f"The packages are installed.\n\n{packages.new_devices(state.facts, facts)}")
        return replace(state, facts=facts, packages=found).with_values({"packages.sources": sources})

    def choose_folder(self) -> str:
        """Return the folder that the user selects, as in answers; "" if cancelled.

        :raises UserError: when the volume cannot be read or has no packages.
        """
        while True:
            found = wait_for(self.terminal, Job(lambda: packages.find_volumes(self.commands)), "Searching for media ...")
            reply = show_form(self.terminal, lambda found=found: packages.volumes(found))  # type: ignore[misc]
            if reply.button == "rescan":
                continue
            device = reply.values.get("volume.device")
            volume = next((volume for volume in found if volume.device == device), None)
            return "" if reply.button == BACK or volume is None else self.folder_on(volume)

    def folder_on(self, volume: Volume) -> str:
        """Return the folder with packages on a volume; ask the user if there are several."""

        def count_packages() -> dict[str, int]:
            with mounted(Path(volume.device), self.commands) as root:
                return folders(root)

        found = wait_for(self.terminal, Job(count_packages), f"Reading {volume.device} ...")
        found = {name: count for name, count in found.items() if VOLUME_FOLDER.fullmatch(f"/{name}")}
        if not found:
            raise UserError(f"no .deb file found on {volume.device}", "put them at its top level, or at most two folders below")
        name = next(iter(found))
        if len(found) > 1:
            reply = show_form(self.terminal, lambda: packages.folders(found))
            if reply.button == BACK:
                return ""
            name = str(reply.values["folder.name"])
        return volume.source(name)

    def read_packages(self, sources: tuple[str, ...], fresh: str) -> tuple[Package, ...]:
        """Return the packages of all sources, copied and checked; ``fresh`` is always read again.

        :raises UserError: when they cannot be installed.
        """
        store = Store(self.commands, lambda url: SYSTEM)
        requested = [PackageSource(folder=source) for source in sources]
        return wait_for(self.terminal, Job(lambda: store.prepare(requested, fresh)), "Reading and checking the packages ...")
