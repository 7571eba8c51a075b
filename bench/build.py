"""Times builds in one run, so that they can be compared: cold, after a changed file, unchanged.

Run by ``make bench``. The package cache is warm, trees and initramfs are not.
Times depend on the machine; the ratios are what counts.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from dom0kit.process import run
from dom0kit.units import human_seconds, table
from image.cache_keys import PROJECT

TOUCHED = PROJECT / "installer" / "bench_marker.py"


def build(folder: Path) -> float:
    """One ``dom0kit iso``; seconds."""
    start = time.monotonic()
    run([str(Path(sys.executable).parent / "dom0kit"), "iso", "--build", str(folder)], cwd=PROJECT)
    return time.monotonic() - start


def main() -> int:
    """Measure and print."""
    folder = PROJECT / "build" / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cold = build(folder)
    unchanged = build(folder)
    try:
        TOUCHED.write_text(f'"""Made by bench/build.py at {time.time()}."""\n')
        changed = build(folder)
    finally:
        TOUCHED.unlink(missing_ok=True)
    shutil.rmtree(folder)
    rows: list[tuple[str, ...]] = [
        (name, human_seconds(seconds), f"{seconds / cold:.2f}")
        for name, seconds in (
            ("cold, packages cached", cold),
            ("after a change in installer/", changed),
            ("unchanged", unchanged),
        )
    ]
    print(table(("build", "time", "of cold"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
