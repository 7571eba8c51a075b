"""Write the reference page of refusals: ``python -m programs.refusals_page``, run in the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from dom0kit.fs import write_atomic
from dom0kit.refusals import render_page
from installer.model import refusals as installer
from pool.refusals import POOL

PAGE = "docs/reference/refusals.md"
TABLES = (installer.INSTALLATION, POOL)
"""All tables with codes, in the order of the page."""
HEAD = """# Refusals

<!-- made by 'make docs' from the tables of refusals in the source -->

When dom0kit rejects a request, the message ends its first line with a code in brackets, such as `[disk-not-empty]`. Codes are
stable; the wording of messages is not.
"""


def main(project: Path) -> int:
    """Write the page; return the exit code."""
    (project / PAGE).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(project / PAGE, render_page(TABLES, HEAD))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
