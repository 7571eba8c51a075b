"""The display and keyboard of an installed host, and the checks of its status screen."""

from __future__ import annotations

import re

from qa import timeouts
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import HOST_NAME
from qa.tui.keys import QCODES, key_events, qcode_of
from qa.vm.machine import Machine
from qa.vm.polling import poll

READ_SCREEN = "fold -w $(stty -F /dev/tty1 size | cut -d' ' -f2) /dev/vcs1; true"
AT_ONCE = 3
"""Characters between two pauses: a keyboard's queue holds 16 bytes."""
NAME_SERVER = "10.0.2.4"
"""The name server that the checks set."""


class HostDisplay:
    """The text console of a host: its text is read by ssh, its keys are pressed by QMP."""

    def __init__(self, machine: Machine, ssh: Ssh) -> None:
        self.machine, self.ssh = machine, ssh

    @property
    def text(self) -> str:
        """Return the display's text, rows without blanks at their ends."""
        rows = self.ssh.execute(READ_SCREEN).output.splitlines()
        return "\n".join(row.rstrip() for row in rows).strip()

    def wait_for_text(self, *texts: str, limit: float = timeouts.COMMAND) -> str:
        """Wait until the display shows all of these texts; return what it shows.

        :param limit: seconds of machine time.
        :raises TimedOut: when it does not show them within the limit, with what it shows.
        """
        screens: list[str] = []

        def shows_all() -> bool:
            screens.append(self.text)
            return all(text in screens[-1] for text in texts)

        what = f"{' and '.join(map(repr, texts))} on the display"
        poll(shows_all, what, limit=limit, pause=self.machine.sleep, evidence=lambda: f"it shows:\n{screens[-1]}")
        return screens[-1]

    def press(self, *codes: str) -> None:
        """Press keys, by QEMU's codes."""
        for number, code in enumerate(codes, 1):
            self.machine.qmp("input-send-event", {"events": key_events(code)})
            self.machine.rest(0.5 if number % AT_ONCE == 0 else 0.1)

    def type_hidden_line(self, text: str) -> None:
        """Type a line that is not echoed."""
        self.press(*map(qcode_of, text), QCODES["enter"])

    def type_line(self, text: str) -> None:
        """Type a line, and press Enter when the display shows all of it.

        :raises TimedOut: when a key was lost.
        """
        self.press(*map(qcode_of, text))
        self.wait_for_text(text)
        self.press(QCODES["enter"])


def check_keys(display: HostDisplay, password: str) -> None:
    """Check every key of the status screen except for power-off; the host restarts at the end.

    :raises ScenarioFailed: when a key does something else, or works without root's password.
    """
    display.wait_for_text("1 Shell", "4 Power off", "No problems.")
    display.press("1")
    display.wait_for_text("login:")
    display.type_line("root")
    display.wait_for_text("Password:")
    display.type_hidden_line(password)
    # The shell's prompt; the status screen has 'root@' with the address.
    display.wait_for_text(f"root@{HOST_NAME.partition('.')[0]}:")
    display.type_line("touch /run/from-the-console")
    display.type_line("exit")
    display.wait_for_text("1 Shell")
    display.ssh.succeed("test -e /run/from-the-console")

    display.press("2")
    display.wait_for_text("root's password is required", "Password:")
    display.type_hidden_line("not-the-password")
    display.wait_for_text("The action failed. Press Enter.")
    display.press(QCODES["enter"])
    display.wait_for_text("1 Shell")
    display.press("2")
    display.wait_for_text("Password:")
    display.type_hidden_line(password)
    display.wait_for_text("IPv4:")
    display.press(QCODES["enter"])
    display.wait_for_text("Name servers")
    display.type_line(NAME_SERVER)
    display.wait_for_text("Type 'yes' to change it:")
    display.type_line("yes")
    display.wait_for_text("Press Enter.", limit=timeouts.BOOT)
    display.press(QCODES["enter"])
    display.wait_for_text("1 Shell")
    hand_over = display.ssh.succeed("cat /etc/dom0kit/host.json")
    need(NAME_SERVER in hand_over, "the name server that was typed at the console is not in host.json")

    display.press("3")
    display.wait_for_text("Restart this host?")
    display.type_hidden_line("no")
    display.wait_for_text("1 Shell")
    display.press("3")
    display.wait_for_text("Restart this host?")
    display.type_hidden_line("yes")
    display.wait_for_text("Password:")
    display.type_hidden_line(password)


def power_off(display: HostDisplay, password: str) -> None:
    """Power the host off by its key."""
    shown = display.wait_for_text("1 Shell", "4 Power off")
    need(not re.search("Problems:", shown), f"after the restart the host is degraded:\n{shown}")
    display.press("4")
    display.wait_for_text("Power this host off?")
    display.type_hidden_line("yes")
    display.wait_for_text("Password:")
    display.type_hidden_line(password)
