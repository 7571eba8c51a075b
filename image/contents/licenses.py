"""Licenses of Debian packages, from their machine-readable copyright files (DEP-5, copyright-format 1.0).

Names that mean the same as an identifier of SPDX become that identifier; all others stay as Debian writes them, and so do
expressions such as ``GPL-2+ or Artistic``. A file in another format says nothing that a program could rely on.
"""

from __future__ import annotations

import re
from pathlib import Path

SAME = (
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause", "CC0-1.0", "CC-BY-4.0", "curl", "FSFAP", "FSFUL",
    "FSFULLR", "FTL", "ISC", "MIT-0", "MPL-2.0", "OFL-1.1", "OpenSSL", "Unlicense", "Zlib",
)  # fmt: skip
"""Identifiers of SPDX that DEP-5 uses as well. ``MIT`` is not one of them: DEP-5 warns that several licenses are called so."""
OTHER = {"apache-2": "Apache-2.0", "expat": "MIT"}
"""Names of DEP-5, in lower case, and the identifiers that mean the same."""
VERSIONS = {"AGPL": ("3.0",), "GPL": ("1.0", "2.0", "3.0"), "LGPL": ("2.0", "2.1", "3.0"), "GFDL": ("1.1", "1.2", "1.3")}
"""Versions of the licenses that SPDX has with the endings ``-only`` and ``-or-later``."""
GNU = re.compile(r"(AGPL|LGPL|GPL|GFDL)-(\d(?:\.\d)?)(\+?)", re.IGNORECASE)
KNOWN = {name.lower(): name for name in SAME} | OTHER
IDENTIFIERS = frozenset(KNOWN.values()) | {
    f"{family}-{version}-{ending}"
    for family, versions in VERSIONS.items()
    for version in versions
    for ending in ("only", "or-later")
}
"""All identifiers of SPDX that :func:`spdx_id` returns."""
FORMAT = re.compile(r"^Format:.*copyright-format", re.MULTILINE)
LICENSE = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
LONGEST = 100
"""Characters of a name: a longer one is a sentence in the wrong place."""


def spdx_id(name: str) -> str | None:
    """Return SPDX's identifier of a license that DEP-5 names; None when there is none, or it is an expression (pure).

    >>> spdx_id("LGPL-2.1+")
    'LGPL-2.1-or-later'
    """
    if match := GNU.fullmatch(name):
        version = match[2] if "." in match[2] else f"{match[2]}.0"
        found = f"{match[1].upper()}-{version}-{'or-later' if match[3] else 'only'}"
        return found if found in IDENTIFIERS else None
    return KNOWN.get(name.lower())


def parse(text: str) -> tuple[str, ...]:
    """Return the licenses that a copyright file names, sorted, each once; () when it has another format (pure)."""
    if not FORMAT.search(text[:1000]):
        return ()
    names = {re.sub(r"\s+", " ", match[1]) for match in LICENSE.finditer(text)}
    return tuple(sorted({spdx_id(name) or name for name in names if len(name) <= LONGEST}))


def of_package(tree: Path, name: str) -> tuple[str, ...]:
    """Return the licenses of a package in a tree; () when they are not known."""
    try:
        return parse((tree / "usr/share/doc" / name / "copyright").read_text(errors="replace"))
    except OSError:
        return ()
