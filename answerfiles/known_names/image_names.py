"""The time zones and key maps that an image has: its own list from the manifest, or the one that the package carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

BUNDLED = Path(__file__).with_name("image_names.json")


@dataclass(frozen=True)
class ImageNames:
    """Names that answers may use.

    :param zones: zones of the tz database.
    :param old_zones: names that the tz database gave up, with their present ones.
    :param layouts: layouts of the XKB database with their variants.
    """

    zones: frozenset[str]
    old_zones: dict[str, str]
    layouts: dict[str, frozenset[str]]


def parse(value: Any) -> ImageNames:
    """Return the names of a manifest's ``names``.

    :raises ValueError, KeyError, TypeError, AttributeError: when it has another form.
    """
    return ImageNames(
        zones=frozenset(str(name) for name in value["zones"]),
        old_zones={str(old): str(new) for old, new in value["old_zones"].items()},
        layouts={str(layout): frozenset(map(str, kinds)) for layout, kinds in value["layouts"].items()},
    )


@cache
def bundled() -> ImageNames:
    """Return the names of the image that this version of the package builds, on whatever machine it runs."""
    return parse(json.loads(BUNDLED.read_text()))
