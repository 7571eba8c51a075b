"""The unattended installer, which ``dom0kit-installer.service`` starts on a live system."""

from __future__ import annotations

import sys

from installer.unattended import main
from upgrade.outside.tasks import prepare

if __name__ == "__main__":
    sys.exit(main(prepare))
