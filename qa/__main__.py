"""``python -m qa``: the same as ``dom0kit qa``."""

from __future__ import annotations

import sys

from dom0kit.cli import main

if __name__ == "__main__":
    sys.exit(main(["qa", *sys.argv[1:]], program="dom0kit"))
