"""Write the page of time limits: ``python -m pipeline.time_limits``, run in the project's folder."""

from __future__ import annotations

import sys
from pathlib import Path

from dom0kit.fs import write_atomic
from pipeline.time_limits.page import PAGE, collect, render


def main(project: Path) -> int:
    """Write the page; 1 when a limit has no reason."""
    limits, wrong = collect(project)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    (project / PAGE).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(project / PAGE, render(limits))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
