"""``python3 -m installer``: see :mod:`installer.main`."""

import sys

from installer.main import main

if __name__ == "__main__":
    sys.exit(main())
