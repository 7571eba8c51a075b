"""``python -m qa``: the same as ``dom0kit qa``."""

from __future__ import annotations

import sys

from dom0kit.cli import Program, main
from qa.cli import register

PROGRAM = Program("dom0kit", "Test the ISO under QEMU.", "'qa' runs scenarios.", "dom0kit qa install-bios", (register,))

if __name__ == "__main__":
    sys.exit(main(PROGRAM, ["qa", *sys.argv[1:]]))
