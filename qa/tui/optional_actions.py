"""What people do at the screens now and then; each function begins and ends on a screen that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qa import timeouts
from qa.failure import ScenarioFailed, TimedOut
from qa.host_checks import need
from qa.tui import navigation_checks
from qa.tui.operator import Operator
from qa.tui.ssh_session import SshSession
from qa.vm.qemu_args import MANAGEMENT_MAC

OVER = "Test finished"
DHCP, SLAAC, FIXED, NONE = "By DHCP", "From the router (SLAAC)", "Static address", "None: IPv6 only"
SOON = 4
"""Seconds after which a key that has done nothing will do nothing."""
STEPS = 12
"""More screens than there are between any two of the walk."""
TEST = 240
"""Seconds for one test of the network: its own limit is half of it."""


def ssh_address(operator: Operator, how: str) -> str:
    """The address in the message about access over SSH, which is shown now."""
    operator.wait_for_text(how)
    found = re.search(r"ssh root@(\S+),", operator.screen.flat)
    need(found, f"no address is named:\n{operator.screen.text}")
    assert found
    return found.group(1)


def by_key(operator: Operator, argv: Sequence[str]) -> None:
    """From the message on; a log-in sees it too and closes it for all."""
    session = SshSession(operator.machine, argv)
    try:
        session.wait_for_text("Log in with: ssh root@", limit=timeouts.COMMAND)
        operator.wait_for_text("pts/")
        session.send("\r")
        session.wait_for_text("Select the layout of the keyboard")
        operator.wait_for_text("leads")
        need(re.search(r"pts/\d+ leads", operator.screen.text), f"who typed last does not lead:\n{operator.screen.text}")
        need(re.search("ssh root@.*by key", operator.screen.rows[0]), "the top line does not name the access")
    finally:
        session.close()
    operator.wait_until_gone("pts/")


def by_password(operator: Operator, argv: Callable[[str], Sequence[str]]) -> None:
    """On the screen "What to do", and back there: the button, a wrong password, the right one."""
    operator.press_button("SSH access")
    address = ssh_address(operator, "password")
    found = re.search(r"password ([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})", operator.screen.flat)
    need(found, f"no password is named:\n{operator.screen.text}")
    assert found
    operator.press("enter")
    operator.wait_for_screen("What to do")
    session = SshSession(operator.machine, argv(address))
    try:
        session.wait_for_text("assword:", limit=timeouts.COMMAND)
        session.send("not-the-password\r")
        session.wait_for_text("Permission denied")
        session.send(found.group(1) + "\r")
        session.wait_for_text("Install a new host", limit=timeouts.COMMAND)
        session.send("\x1b[B")
        operator.wait_until(lambda: "Rescue" in operator.screen.line, "bar that was moved over SSH")
        session.send("\x1b[A")
        operator.wait_until(lambda: "Install" in operator.screen.line, "bar that was moved back")
    finally:
        session.close()
    operator.wait_until_gone("pts/")
    operator.go_to("Install a new host")


def odd_disks(operator: Operator, *, twin: str, paths: str, single: str) -> None:
    """On the screen of the disks, up to the next one: twins are refused, paths are told, a single path becomes a map."""
    if operator.wait_for_screen("Drivers and packages", "Warnings") == "Warnings":
        operator.press_button("Continue anyway")
        operator.wait_for_screen("Drivers and packages")
    operator.press_button("Next")
    operator.wait_for_screen("Target disk")
    operator.choose(twin)
    operator.wait_for_text("the same serial number as")
    navigation_checks.refused(operator, "Target disk", " cannot be selected: it has the same serial")
    operator.go_to(twin)
    bar_to(operator, f"{paths} ", "2 paths")
    operator.wait_for_text("active ready")
    bar_to(operator, f"{single} ", "blank")
    operator.press_button("As multipath")
    operator.wait_until(
        lambda: bool(re.search("1 path .*blank", operator.screen.line)), "bar on the disk with one path", limit=360
    )
    operator.wait_for_text("1 path: ")
    operator.press("enter")
    operator.wait_for_screen("Guest storage")


def soon(operator: Operator, look: Callable[[], bool]) -> bool:
    """Whether something becomes true of the screen within a few seconds."""
    try:
        operator.wait_until(look, "what would come soon", limit=SOON)
    except TimedOut:
        return False
    return True


def bar_to(operator: Operator, *texts: str) -> None:
    """Move the bar of a list to the row that has all of these texts, whatever the other rows have."""
    for key in ("up", "down"):
        for _ in range(40):
            if all(text in operator.screen.line for text in texts):
                return
            before = (operator.screen.cursor, operator.screen.line)
            operator.press(key)
            if not soon(operator, lambda before=before: (operator.screen.cursor, operator.screen.line) != before):  # type: ignore[misc]
                break
            operator.wait_until_drawn()
    raise ScenarioFailed(f"the list has no row with {texts}; the screen:\n{operator.screen.text}")


def walk_to(operator: Operator, wanted: str, step: Callable[[], None]) -> None:
    """From screen to screen, whatever there is on the way."""
    for _ in range(STEPS):
        if wanted in operator.screen.titles:
            return
        before = operator.screen.titles
        step()
        operator.wait_until(lambda before=before: operator.screen.titles not in ((), before), f"end of {before}")  # type: ignore[misc]
        operator.wait_until_drawn()
    raise ScenarioFailed(f"{wanted!r} is not on the way; the screen:\n{operator.screen.text}")


def onward(operator: Operator) -> None:
    """To the next screen, past what the installer warns of."""
    operator.press_button("Continue anyway" if "Warnings" in operator.screen.titles else "Next")


def key_maps(operator: Operator) -> None:
    """On the screen "Guest storage", and back there: German and American keys at the display."""
    keyboard = Operator(operator.machine, at="display")
    for name, expected in (("German", "zy"), ("English (US)", "yz")):
        walk_to(operator, "Keyboard", lambda: operator.press("esc"))
        bar_to(operator, name)
        walk_to(operator, "Guest storage", lambda: onward(operator))
        operator.go_to("Volume group name")
        typed_at_display(operator, keyboard, expected)
        operator.fill("Volume group name", "guests")


def typed_at_display(operator: Operator, keyboard: Operator, expected: str) -> None:
    """The keys that are y and z on an American keyboard; the key map is loaded in the background and may take a while."""

    def right() -> bool:
        operator.press("ctrl-u")
        if not soon(operator, lambda: "  ____" in operator.screen.line):
            return False
        keyboard.press_codes("y", "z")
        return soon(operator, lambda: f" {expected}_" in operator.screen.line)

    operator.wait_until(right, f"{expected!r} from the keys y and z", limit=360)


def networks(operator: Operator, *, tag: int, vlan_gateway: str) -> list[str]:
    """From "Guest storage" to "Network test", again and again; what each test said."""
    operator.press_button("Next")
    operator.wait_for_screen("Network card")
    operator.choose(MANAGEMENT_MAC)
    operator.press_button("Next")
    said: list[str] = []
    inside = vlan_gateway.rsplit(".", 1)[0]
    for v4, v6, vlan, address, gateway, expected in (
        (FIXED, "", "", "10.77.0.50/24", "10.77.0.1", ("[ok] IPv4 address 10.77.0.50/24 (static)", "10.77.0.1 answers")),
        (FIXED, "", "", "10.77.0.50/24", "10.77.0.9", ("[ok] IPv4", "[!!] The gateway 10.77.0.9 does not answer")),
        (FIXED, "", "", "10.77.0.1/24", "", ("[!!] No IPv4", "Another machine seems to use this address")),
        (FIXED, "", str(tag), f"{inside}.10/24", vlan_gateway, ("[ok] IPv4", f"{vlan_gateway} answers")),
        (DHCP, SLAAC, "", "", "", ("[ok] IPv4 address 10.77.0.", "[ok] IPv6 address fd77:", "from the router", "gateway fe80")),
    ):
        operator.wait_for_screen("Host address")
        _addresses(operator, v4, v6, vlan)
        if address:
            operator.wait_for_screen("Static IPv4 address")
            if not said:
                operator.wait_for_text("These values come from DHCP")
            operator.fill("Address/prefix", address)
            operator.fill("Gateway", gateway)
            operator.press_button("Next")
        said.append(_test(operator, *expected))
        for title in ("Static IPv4 address", "Host address") if address else ("Host address",):
            operator.press("esc")
            operator.wait_for_screen(title)
    operator.press("esc")
    operator.wait_for_screen("Network card")
    operator.tick("Bond it")
    operator.press_button("Next")
    operator.wait_for_screen("Bond")
    operator.press("space")
    operator.press_button("Next")
    operator.wait_for_screen("Host address")
    _addresses(operator, DHCP, "None: IPv4 only", "")
    said.append(_test(operator, "[ok] IPv4 address 10.77.0.", "by DHCP", "10.77.0.1 answers"))
    return said


def _addresses(operator: Operator, v4: str, v6: str, vlan: str) -> None:
    """Fill in the screen of the addresses; the bar of the first list has the focus."""
    bar_to(operator, v4)
    operator.press("tab")
    operator.wait_until_drawn()
    bar_to(operator, v6 or "None: IPv4 only")
    operator.fill("VLAN", vlan)
    operator.press_button("Next")


def _test(operator: Operator, *expected: str) -> str:
    """Wait for the end of the test; all of this must be said then."""
    operator.wait_for_screen("Network test")
    operator.wait_for_text(OVER, limit=TEST)
    operator.wait_until_drawn()
    for text in expected:
        need(text in operator.screen.flat, f"the test does not say {text!r}:\n{operator.screen.text}")
    return operator.screen.text
