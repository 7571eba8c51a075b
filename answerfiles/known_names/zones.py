"""Time zones by present and former names (pure)."""

from __future__ import annotations

from answerfiles.known_names.image_names import ImageNames


def present_name(zone: str, names: ImageNames) -> str | None:
    """Return the name by which an image has a zone; None when it has none."""
    if zone in names.zones:
        return zone
    new = names.old_zones.get(zone)
    return new if new in names.zones else None


def note(zone: str, names: ImageNames) -> str:
    """Return a sentence when a zone has a former name; "" otherwise."""
    new = present_name(zone, names)
    return f"the zone's present name is {new!r}, which is used" if new not in (None, zone) else ""
