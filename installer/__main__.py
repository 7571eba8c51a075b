"""Entry point of ``python3 -m installer``; see :mod:`installer.unattended`."""

import sys

from installer.unattended import main

if __name__ == "__main__":
    sys.exit(main())
