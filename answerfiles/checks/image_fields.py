"""Fields whose values an image must have: time zones and key maps."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pydantic import ValidationInfo

from answerfiles.checks.refusal import did_you_mean, is_installed, refuse
from answerfiles.known_names import key_maps, zones
from answerfiles.known_names.image_names import ImageNames, bundled

if TYPE_CHECKING:
    from answerfiles.model import Answers

ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
KEY_MAP = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


@cache
def _zone_guess(value: str) -> str:
    names = bundled()
    return did_you_mean(value.replace(" ", "_"), sorted({*names.zones, *names.old_zones}))


@cache
def _key_map_guess(value: str) -> str:
    return did_you_mean(value, key_maps.suggestions(bundled()))


def zone(value: str, info: ValidationInfo) -> str:
    """Check a time zone of the image; return its present name.

    An installed host's answers are read by whatever version is installed then: there the spelling alone counts.
    """
    if ZONE.fullmatch(value):
        present = zones.present_name(value, bundled())
        if present is not None or is_installed(info):
            return present or value
    raise refuse("zone", f"a time zone of the tz database, e.g. Europe/Berlin or UTC{_zone_guess(value[:60])}")


def key_map(value: str, info: ValidationInfo) -> str:
    """Check that the image has a key map; return its name without kbd's folder and suffix."""
    plain = key_maps.plain_name(value)
    if KEY_MAP.fullmatch(plain) and (is_installed(info) or key_maps.is_known(plain, bundled())):
        return plain
    raise refuse("key_map", f"a key map's name, as us, de or fr-latin1{_key_map_guess(plain[:60])}")


def missing_names(answers: Answers, names: ImageNames) -> list[str]:
    """Return a sentence for each name in the answers that an image lacks.

    :param names: the image's own list, from its manifest.
    """
    missing = []
    if zones.present_name(answers.time.zone, names) is None:
        missing.append(f"the image has no time zone {answers.time.zone} (time.zone)")
    if not key_maps.is_known(answers.keyboard, names):
        missing.append(f"the image has no key map {answers.keyboard} (keyboard)")
    return missing
