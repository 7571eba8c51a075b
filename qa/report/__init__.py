"""The report on all scenarios: a table on the terminal, a page with everything that was recorded, a summary for the docs.

``artifacts/report.html`` shows what is in the folder of artifacts and needs nothing from elsewhere: the consoles of each
scenario are in ``artifacts/report-data/SCENARIO.js``, which the page loads when the scenario is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.metadata import Metadata


def write(artifacts: Path, names: Collection[str], scenarios: Sequence[Metadata] | None = None) -> Path | None:
    """Write the report and print its table; see :func:`qa.report.writer.write`."""
    # The command line imports this package for its options alone, without the template engine.
    from qa.report.writer import write as write_report  # noqa: PLC0415

    return write_report(artifacts, names, scenarios)
