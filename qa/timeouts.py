"""Limits in seconds of machine time (:mod:`qa.vm.machine_time`), stretched by the environment variable DOM0KIT_QA_PATIENCE.

Each is at least four times what a build host needs that is itself four times slower than an idle one. A guest that hangs
does not use up its limit: :mod:`qa.vm.guest_progress` notices.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from dom0kit.errors import UserError

INSTALL = 60 * 60
"""From power-on of the medium to the installer's last event."""
BOOT = 40 * 60
"""From power-on to a login prompt or the first boot's last event."""
COMMAND = 12 * 60
"""One command on the console or over ssh."""
DIAGNOSTIC = 3 * 60
"""One command whose output is only kept: see :meth:`qa.scenario.Scenario.diagnose`."""
REBOOT = 16 * 60
"""From the request to shut down to the machine's end."""
QEMU = 5 * 60
"""One answer of QEMU's monitor."""


def factor(env: Mapping[str, str] | None = None) -> float:
    """Return the factor of DOM0KIT_QA_PATIENCE, 1 when it is not set.

    :raises UserError: when it is no positive number.
    """
    text = (os.environ if env is None else env).get("DOM0KIT_QA_PATIENCE", "1")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        hint = "set it to a factor such as 2 for a slow machine"
        raise UserError(f"DOM0KIT_QA_PATIENCE is {text!r}, not a number above 0 and below 1000", hint)
    return value


def patient(seconds: float) -> float:
    """Return a limit in seconds, stretched by the factor."""
    return seconds * factor()
