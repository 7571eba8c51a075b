"""How long to wait: generous limits in seconds, stretched by the environment variable DOM0KIT_QA_PATIENCE."""

from __future__ import annotations

import os
from collections.abc import Mapping

from dom0kit.errors import UserError

INSTALL = 15 * 60
"""From power-on of the medium to the installer's last event."""
BOOT = 10 * 60
"""From power-on to a login prompt or the first boot's last event; emulated, on a busy machine."""
FIRMWARE = 3 * 60
"""From power-on to the kernel's first lines."""
COMMAND = 3 * 60
"""One command on the console or over ssh."""
REBOOT = 4 * 60
"""From the wish to end to the machine's end."""


def factor(env: Mapping[str, str] | None = None) -> float:
    """The factor of DOM0KIT_QA_PATIENCE, 1 when it is not set.

    :raises UserError: when it is no positive number.
    """
    text = (os.environ if env is None else env).get("DOM0KIT_QA_PATIENCE", "1")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1000:
        raise UserError(f"DOM0KIT_QA_PATIENCE is {text!r}", "give a factor such as 2 for a slow machine")
    return value


def patient(seconds: float) -> float:
    """A limit in seconds, stretched by the factor."""
    return seconds * factor()
