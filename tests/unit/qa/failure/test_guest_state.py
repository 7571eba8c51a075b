"""The script that asks a guest about itself, and its output."""

from __future__ import annotations

import pytest

from qa.failure import guest_state
from qa.failure.guest_state import GuestState
from qa.scans.console_scan import findings

STATUS = """\
x multipath.service - paths
     Loaded: loaded (/etc/systemd/system/multipath.service; static)
     Active: failed (Result: exit-code) since Mon 2026-11-30 05:40:00 UTC; 12s ago
   Main PID: 411 (code=exited, status=3)
"""


def test_the_output_is_taken_apart() -> None:
    output = f"motd\n=dom0kit-unit multipath.service\n{STATUS}=dom0kit-warnings\nw1\n=dom0kit-journal\nj1\nj2\n"
    state = guest_state.parse(output)
    assert state == GuestState({"multipath.service": STATUS.splitlines()}, ["w1"], ["j1", "j2"])


def test_an_interrupted_output_gives_what_is_there() -> None:
    assert guest_state.parse("=dom0kit-warnings\nw1") == GuestState({}, ["w1"], [])
    assert guest_state.parse("") == GuestState()


def test_the_reason_of_a_failed_unit() -> None:
    assert guest_state.unit_reason(STATUS.splitlines()) == "result exit-code, code=exited, status=3"
    assert guest_state.unit_reason(["nothing"]) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Debian GNU/Linux 13 xen1 hvc0\n\nxen1 login: ", "login"),
        ("xen1 login: \n[   12.1] a message of the kernel\n", "login"),
        ("BusyBox v1.37\n(initramfs) ", "shell"),
        ("root@xen1:~# ", "shell"),
        ("tame-40-\nQ1Z0<\nQ1Z|output\nQ1Z=0\n", "shell"),
        ("tame-40-\n[  20.0] reboot\nxen1 login: \n1\n2\n3\n4\n5\n", ""),
        ("Choose a disk\n< Next >  < Back >\n", ""),
        ("", ""),
    ],
)
def test_what_waits_on_a_console(text: str, kind: str) -> None:
    assert guest_state.prompt(text) == kind


def test_the_script_is_short_enough_for_a_terminals_line() -> None:
    assert len(guest_state.script(guest_state.CONSOLE_LINES)) < 1000


def test_a_journal_that_is_asked_for_adds_no_finding() -> None:
    line = "[  3.0] foo[1]: segfault at 0 ip 0"
    assert findings(line)
    assert not findings(f"E9Z|{line}\nE9Z|Kernel panic - not syncing\n")
