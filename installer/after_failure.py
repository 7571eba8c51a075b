"""What becomes of the machine after a failure, as the answers say."""

from __future__ import annotations

from pathlib import Path

from installer.host_tasks import start_disk
from installer.model.hardware import MEDIUM
from installer.session import END, Session

FAILURE_NOTE = Path("/run/dom0kit/failed")
ON_CONSOLES = "/usr/lib/dom0kit/bin/on-consoles"


def after_failure(session: Session) -> None:
    """Act as the answers say after a failure; a waiting machine repeats the error on its consoles every ten minutes."""
    if not Path(MEDIUM).is_dir():
        return
    command = END.get(session.on_failure)
    if command is not None:
        session.say(f"on_failure: {session.on_failure}")
        if session.on_failure == "reboot" and session.start_on_failure:
            start_disk(session.start_on_failure, session)
        session.commands(command, check=False)
        return
    text = f"\nThe installation failed: {session.failure}\n  log: {session.log}\n"
    FAILURE_NOTE.write_text(session.reports.redactor(text))
    words = ["systemd-run", "--quiet", "--unit=dom0kit-failed", "--on-active=20s", "--on-unit-active=10min"]
    session.commands([*words, ON_CONSOLES, "cat", FAILURE_NOTE], check=False)
