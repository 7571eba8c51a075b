"""The installer with screens, which ``dom0kit-screens.service`` starts on a live system."""

from __future__ import annotations

import sys

from installer.tui.main import main
from upgrade.outside.tasks import HOST_TASKS

if __name__ == "__main__":
    sys.exit(main(tasks=HOST_TASKS))
