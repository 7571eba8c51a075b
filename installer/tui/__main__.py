"""Entry point of ``python3 -m installer.tui``; see :mod:`installer.tui.main`."""

import sys

from installer.tui.main import main

if __name__ == "__main__":
    sys.exit(main())
