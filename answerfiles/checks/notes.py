"""Warnings about values that are read as something else: old names of zones and key maps (pure)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from answerfiles.field_paths import Path, dotted
from answerfiles.known_names import key_maps, zones
from answerfiles.known_names.image_names import bundled
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Position


def notes(value: dict[str, Any], place: Callable[[Path, bool], Position]) -> list[Problem]:
    """Return a warning for each value of valid answers that is replaced by its present name."""
    found: list[Problem] = []
    for path, note in (
        (("time", "zone"), lambda name: zones.note(name, bundled())),
        (("keyboard",), key_maps.note),
    ):
        here: Any = value
        for part in path:
            here = here.get(part) if isinstance(here, dict) else None
        if isinstance(here, str) and (text := note(here)):
            found.append(Problem(place(path, False), dotted(path), text, "old-name", f"write {present(path, here)}", "warning"))
    return found


def present(path: Path, name: str) -> str:
    """Return the present name of a zone or key map."""
    if path == ("keyboard",):
        return "-".join(part for part in key_maps.xkb_layout(name) if part)
    return zones.present_name(name, bundled()) or name
