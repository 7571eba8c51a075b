"""Time zones and key maps that an image has: read from its tree at build time, kept in its manifest.

``python3 -m image.known_names TREE >answerfiles/known_names/image_names.json`` renews the list that the package carries.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError

ZONES = "usr/share/zoneinfo"
XKB = "usr/share/X11/xkb"
NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
BLOCK = re.compile(
    r"((?:\b(?:default|partial|hidden|alphanumeric_keys|modifier_keys|keypad_keys|function_keys|alternate_group)\s+)*)"
    r'xkb_symbols\s+"([^"]+)"'
)


def collect(tree: Path) -> dict[str, Any]:
    """Return the names of an image's tree as :class:`answerfiles.known_names.ImageNames` reads them.

    :raises UserError: when the tree has no zones or no layouts: every answer file would be refused.
    """
    zones = zone_names(tree / ZONES)
    layouts = layout_names(tree / XKB)
    if not zones or not layouts:
        raise UserError(f"{tree} has {len(zones)} time zones and {len(layouts)} keyboard layouts", "add tzdata and console-setup")
    return {"zones": zones, "old_zones": old_zones(tree / ZONES / "tzdata.zi", frozenset(zones)), "layouts": layouts}


def zone_names(folder: Path) -> list[str]:
    """Return the zones of a tz database, which are files in the format TZif (RFC 8536)."""
    found = []
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        # Names are relative: links that point out of the tree are those of NO_ZONES.
        if name not in NO_ZONES and not name.startswith(("posix/", "right/")) and path.is_file():
            with path.open("rb") as stream:
                if stream.read(4) == b"TZif":
                    found.append(name)
    return sorted(found)


def old_zones(path: Path, zones: frozenset[str]) -> dict[str, str]:
    """Return zones that the tree lacks with their present names: the links (``L TARGET NAME``) of tzdata.zi (zic(8))."""
    links = [line.split() for line in path.read_text().splitlines() if line.startswith("L ")]
    return {name: target for _, target, name in sorted(links, key=lambda link: link[2]) if name not in zones and target in zones}


def layout_names(folder: Path) -> dict[str, list[str]]:
    """Return the layouts of an XKB database with their variants: what ckbcomp(1) finds in ``symbols/``."""
    listed = re.search(r"^! layout\n(.*?)\n\n", (folder / "rules/base.lst").read_text(), re.DOTALL | re.MULTILINE)
    names = [line.split()[0] for line in listed[1].splitlines()] if listed else []
    paths = {name: folder / "symbols" / name for name in names}
    return {name: variants(path.read_text()) for name, path in sorted(paths.items()) if path.is_file()}


def variants(text: str) -> list[str]:
    """Return the blocks of a symbols file that are not hidden ones, which only others include."""
    plain = re.sub(r"//.*", "", text)
    return sorted({match[2] for match in BLOCK.finditer(plain) if "hidden" not in match[1]})


if __name__ == "__main__":
    json.dump(collect(Path(sys.argv[1])), sys.stdout, indent=1)
    print()
