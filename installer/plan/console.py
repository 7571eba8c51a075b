"""The serial port of the host's console, where the answers leave it open."""

from __future__ import annotations

from answerfiles.model import Answers
from installer.model.hardware import Facts


def with_console(answers: Answers, facts: Facts) -> Answers:
    """Return the answers with the port on which the installer itself has its console, unless they name one.

    A host whose menu and log-in are on a port that the machine does not have looks like one that does not start.
    """
    serial = answers.serial_console
    if isinstance(serial, str) or "port" in serial.model_fields_set or not facts.console:
        return answers
    return answers.model_copy(update={"serial_console": serial.model_copy(update={"port": facts.console})})
