"""The page ``refusals.md``, generated from the tables of refusals."""

from __future__ import annotations

from installer.model import refusals as installer
from pool.refusals import POOL
from upgrade.outside.refusals import OUTSIDE

TABLES = (installer.INSTALLATION, OUTSIDE, POOL)
"""All tables with codes, in the order of the page."""
HEAD = """# Refusals

<!-- made by 'make docs' from the tables of refusals in the source -->

When dom0kit rejects a request, the message ends its first line with a code in brackets, such as `[disk-not-empty]`. Codes are
stable; the wording of messages is not.
"""


def page() -> str:
    """Return the page: a section with a table for each component."""
    lines = [HEAD.rstrip("\n")]
    for table in TABLES:
        lines += ["", f"## {table.title}", "", table.summary, "", "| code | meaning | what to do |", "|---|---|---|"]
        lines += [f"| `{refusal.code}` | {refusal.meaning} | {refusal.hint} |" for refusal in table.refusals]
    return "\n".join(lines) + "\n"
