"""``python3 -m installer.screens``: see :mod:`installer.screens.main`."""

import sys

from installer.screens.main import main

if __name__ == "__main__":
    sys.exit(main())
