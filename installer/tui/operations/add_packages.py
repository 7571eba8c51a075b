"""Adds drivers and packages from a stick to the running installer, and looks at the machine again."""

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
from installer.tui.pages import packages
from installer.tui.pages.packages import Volume
from installer.tui.state import State
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.busy_screen import wait_for
from installer.tui.toolkit.forms import BACK, Values
from installer.tui.toolkit.wizard import Terminal, ask

TITLE = "Drivers and packages"


@dataclass(frozen=True)
class PackageEffects:
    """Acts for the screen of packages.

    :param look: collects facts; shows that time passes.
    """

    terminal: Terminal
    commands: Commands
    look: Callable[[], Facts]
    demo: bool = False

    def add(self, state: State, values: Values) -> State:
        """From the choice of a stick to what has appeared; whatever fails is told and changes nothing."""
        if self.demo:
            self.terminal.tell(TITLE, "There is none in the demonstration.")
            return state
        try:
            source = self.choose()
            if not source:
                return state
            sources = tuple(dict.fromkeys((*state.keys("packages.sources"), source)))
            found = self.read(sources, source)
            if ask(self.terminal, lambda: packages.review(found, kernel())).button == BACK:
                return state
            wait_for(self.terminal, Job(lambda: install_here(found, self.commands)), "Installing the packages here ...")
            facts = self.look()
        except (UserError, OSError) as error:
            self.terminal.tell(TITLE, str(error))
            return state
        self.terminal.tell(TITLE, f"The packages are installed here.\n\n{packages.appeared(state.facts, facts)}")
        return replace(state, facts=facts, packages=found).having({"packages.sources": sources})

    def choose(self) -> str:
        """The folder that a person chooses, as answers name it; empty when none.

        :raises UserError: when the stick cannot be read or has no packages.
        """
        while True:
            there = wait_for(self.terminal, Job(lambda: packages.find_volumes(self.commands)), "Looking for sticks and CDs ...")
            reply = ask(self.terminal, lambda there=there: packages.volumes(there))  # type: ignore[misc]
            if reply.button == "rescan":
                continue
            device = reply.values.get("volume.device")
            volume = next((volume for volume in there if volume.device == device), None)
            return "" if reply.button == BACK or volume is None else self.folder(volume)

    def folder(self, volume: Volume) -> str:
        """The folder with packages on a volume, asked for when there are several."""

        def look() -> dict[str, int]:
            with mounted(Path(volume.device), self.commands) as root:
                return folders(root)

        found = wait_for(self.terminal, Job(look), f"Reading {volume.device} ...")
        found = {name: count for name, count in found.items() if VOLUME_FOLDER.fullmatch(f"/{name}")}
        if not found:
            raise UserError(f"there is no .deb file on {volume.device}", "they must be at its top, or at most two folders below")
        name = next(iter(found))
        if len(found) > 1:
            reply = ask(self.terminal, lambda: packages.folders(found))
            if reply.button == BACK:
                return ""
            name = str(reply.values["folder.name"])
        return volume.source(name)

    def read(self, sources: tuple[str, ...], fresh: str) -> tuple[Package, ...]:
        """The packages of all sources, copied and checked; those of ``fresh`` are read in any case.

        :raises UserError: when they cannot be installed.
        """
        store = Store(self.commands, lambda url: SYSTEM)
        asked = [PackageSource(folder=source) for source in sources]
        return wait_for(self.terminal, Job(lambda: store.prepare(asked, fresh)), "Reading and checking the packages ...")
