"""The pictures in README.md and docs/, each with the scenario among whose artifacts it is."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from qa.report.artifacts import read_json

SCREENS = (
    "address", "administrator", "bond", "card", "city", "disk", "fixed-address", "fixed-address-6", "further-disks", "guests",
    "help", "installed", "join-token", "keyboard", "last-question", "mirror", "name", "new-pool", "packages", "pool", "progress",
    "region", "summary", "test", "warnings", "what",
)  # fmt: skip
"""The installer's screens."""


@dataclass(frozen=True)
class Shown:
    """A picture in the documentation.

    :param target: relative to the project.
    :param pattern: of the file's name among the scenario's artifacts; the last one that matches is taken.
    """

    target: str
    scenario: str
    pattern: str


PICTURES = (
    Shown("docs/installer.png", "install-uefi", "screen-install-*-finished.png"),
    *(Shown(f"docs/screens/{name}.png", "tui-uefi-vga", f"screen-install-{name}.png") for name in SCREENS),
    Shown("docs/screens/host-console.png", "tui-uefi-vga", "screen-host-host-console.png"),
)


def scenarios() -> list[str]:
    """Return the scenarios that make pictures, each once."""
    return list(dict.fromkeys(shown.scenario for shown in PICTURES))


def sources(artifacts: Path) -> list[tuple[Path, str]]:
    """Return each picture's file among the artifacts with its target.

    :raises UserError: when a scenario has not passed, or did not leave a picture.
    """
    for name in scenarios():
        if read_json(artifacts / name / "result.json").get("result") != "passed":
            raise UserError(f"the scenario {name}, which makes pictures, has not passed", f"run: dom0kit qa {name}")
    found = []
    for shown in PICTURES:
        files = sorted((artifacts / shown.scenario).glob(shown.pattern))
        if not files:
            raise UserError(
                f"the scenario {shown.scenario} left no picture {shown.pattern} for {shown.target}",
                f"run: dom0kit qa {shown.scenario}",
            )
        found.append((files[-1], shown.target))
    return found


def publish(artifacts: Path, project: Path) -> list[str]:
    """Copy all pictures into the documentation; none when one is missing.

    :return: the targets, relative to the project.
    """
    found = sources(artifacts)
    for source, target in found:
        (project / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, project / target)
    return [target for _, target in found]
