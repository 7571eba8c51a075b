"""Optional actions on the screens; each function begins and ends on a screen that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qa import timeouts
from qa.checks.host_checks import need
from qa.errors import ScenarioFailed, TimedOut
from qa.tui.operator import Operator
from qa.tui.ssh_session import SshSession
from qa.vm.qemu_args import MANAGEMENT_MAC

OVER = "Test finished"
DHCP, SLAAC, FIXED, NONE = "By DHCP", "From the router (SLAAC)", "Static address", "None: IPv6 only"
SOON = 4
"""Seconds of machine time after which a key without an effect has none."""
STEPS = 12
"""An upper limit for the number of screens between any two of them."""
TEST = 240
"""Seconds of machine time for one test of the network; its own limit is half of it."""


def ssh_address(operator: Operator, how: str) -> str:
    """Return the address in the message about SSH access, which is shown now."""
    operator.wait_for_text(how)
    found = re.search(r"ssh root@(\S+),", operator.screen.flat)
    need(found, f"no address is named:\n{operator.screen.text}")
    assert found
    return found.group(1)


def by_key(operator: Operator, argv: Sequence[str]) -> None:
    """Log in by key from the message on; the log-in shows the same screen and closes the message for all."""
    session = SshSession(operator.machine, argv)
    try:
        session.wait_for_text("Log in with: ssh root@", limit=timeouts.COMMAND)
        operator.wait_for_text("pts/")
        session.send("\r")
        session.wait_for_text("Select the layout of the keyboard")
        operator.wait_for_text("leads")
        need(
            re.search(r"pts/\d+ leads", operator.screen.text),
            f"the last typist does not lead:\n{operator.screen.text}",
        )
        need(re.search("ssh root@.*by key", operator.screen.rows[0]), "the top line does not name the access")
    finally:
        session.close()
    operator.wait_until_gone("pts/")


def by_password(operator: Operator, argv: Callable[[str], Sequence[str]]) -> None:
    """Log in by password from the screen "What to do" and back: the button, a wrong password, the right one."""
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
    """Handle unusual disks on their screen, up to the next one: twins are named, a single path becomes a map."""
    if operator.wait_for_screen("Drivers and packages", "Warnings") == "Warnings":
        operator.press_button("Continue anyway")
        operator.wait_for_screen("Drivers and packages")
    operator.press_button("Next")
    operator.wait_for_screen("Target disk")
    operator.choose(twin)
    operator.wait_for_text("has the same serial number: compare")
    select_row(operator, f"{paths} ", "2 paths")
    operator.wait_for_text("active ready")
    select_row(operator, f"{single} ", "blank")
    operator.press_button("As multipath")
    operator.wait_until(
        lambda: bool(re.search("1 path .*blank", operator.screen.line)), "bar on the disk with one path", limit=360
    )
    operator.wait_for_text("1 path: ")
    operator.press("enter")
    operator.wait_for_screen("Guest storage")


def becomes_true_soon(operator: Operator, look: Callable[[], bool]) -> bool:
    """Return whether a condition becomes true within a few seconds."""
    try:
        operator.wait_until(look, "effect of the key", limit=SOON)
    except TimedOut:
        return False
    return True


def select_row(operator: Operator, *texts: str) -> None:
    """Move the bar of a list to the row that has all of these texts."""
    for key in ("up", "down"):
        for _ in range(40):
            if all(text in operator.screen.line for text in texts):
                return
            before = (operator.screen.cursor, operator.screen.line)
            operator.press(key)
            if not becomes_true_soon(operator, lambda before=before: (operator.screen.cursor, operator.screen.line) != before):  # type: ignore[misc]
                break
            operator.wait_until_drawn()
    raise ScenarioFailed(f"the list has no row with {texts}; the screen:\n{operator.screen.text}")


def walk_to(operator: Operator, wanted: str, step: Callable[[], None]) -> None:
    """Go from screen to screen until the wanted one is shown."""
    for _ in range(STEPS):
        if wanted in operator.screen.titles:
            return
        before = operator.screen.titles
        step()
        operator.wait_until(lambda before=before: operator.screen.titles not in ((), before), f"end of {before}")  # type: ignore[misc]
        operator.wait_until_drawn()
    raise ScenarioFailed(f"{wanted!r} is not on the way; the screen:\n{operator.screen.text}")


def onward(operator: Operator) -> None:
    """Go to the next screen, past the installer's warnings."""
    operator.press_button("Continue anyway" if "Warnings" in operator.screen.titles else "Next")


def key_maps(operator: Operator) -> None:
    """Type with German and American keys at the display, from the screen "Guest storage" and back there."""
    keyboard = Operator(operator.machine, at="display")
    for name, expected in (("German", "zy"), ("English (US)", "yz")):
        walk_to(operator, "Keyboard", lambda: operator.press("esc"))
        select_row(operator, name)
        walk_to(operator, "Guest storage", lambda: onward(operator))
        operator.go_to("Volume group name")
        typed_at_display(operator, keyboard, expected)
        operator.fill("Volume group name", "guests")


def typed_at_display(operator: Operator, keyboard: Operator, expected: str) -> None:
    """Type the keys that are y and z on an American keyboard until the key map, loaded in the background, gives ``expected``.

    The key map is loaded in the background, which may take a while.
    """

    def right() -> bool:
        operator.press("ctrl-u")
        if not becomes_true_soon(operator, lambda: "  ____" in operator.screen.line):
            return False
        keyboard.press_codes("y", "z")
        return becomes_true_soon(operator, lambda: f" {expected}_" in operator.screen.line)

    operator.wait_until(right, f"{expected!r} from the keys y and z", limit=360)


def networks(operator: Operator, *, tag: int, vlan_gateway: str) -> list[str]:
    """Test several networks between "Guest storage" and "Network test"; return what each test reported."""
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
    select_row(operator, v4)
    operator.press("tab")
    operator.wait_until_drawn()
    select_row(operator, v6 or "None: IPv4 only")
    operator.fill("VLAN", vlan)
    operator.press_button("Next")


def _test(operator: Operator, *expected: str) -> str:
    """Wait for the end of the test, which must report all of these texts; return the screen."""
    operator.wait_for_screen("Network test")
    operator.wait_for_text(OVER, limit=TEST)
    operator.wait_until_drawn()
    for text in expected:
        need(text in operator.screen.flat, f"the test does not report {text!r}:\n{operator.screen.text}")
    return operator.screen.text
