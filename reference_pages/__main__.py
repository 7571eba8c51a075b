"""Write every generated page: ``python -m reference_pages [FOLDER]``, which is ``docs/reference`` without FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from reference_pages.page import PROJECT, Page
from reference_pages.registry import PAGES


def renew(page: Page, folder: Path) -> None:
    """Write a page when its text is not current.

    :raises UserError: when the source or the present page is not fit for it.
    """
    path = folder / page.name
    present = path.read_text() if path.exists() else ""
    made = page.render(present)
    if made != present:
        write_atomic(path, made)


def main(arguments: list[str]) -> int:
    """Renew all pages; return 1 when one cannot be made, after the others."""
    folder = Path(arguments[0]) if arguments else PROJECT / "docs/reference"
    failed = 0
    for page in PAGES:
        try:
            renew(page, folder)
        except (OSError, UserError) as error:
            print(f"error: {page.name}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
