"""What people do at the screens now and then; each function begins and ends on a screen that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from qa import timeouts
from qa.failure import ScenarioFailed, TimedOut
from qa.host_checks import need
from qa.tui import navigation_checks
from qa.tui.operator import Person
from qa.tui.ssh_session import Remote
from qa.vm.qemu_args import MANAGEMENT_MAC

OVER = "The test is over"
DHCP, SLAAC, FIXED, NONE = "By DHCP", "From the router (SLAAC)", "A fixed address", "None: IPv6 alone"
SOON = 4
"""Seconds after which a key that has done nothing will do nothing."""
STEPS = 12
"""More screens than there are between any two of the walk."""
TEST = 240
"""Seconds for one test of the network: its own limit is half of it."""


def told_address(person: Person, how: str) -> str:
    """The address in the message about access over SSH, which is shown now."""
    person.see(how)
    found = re.search(r"ssh root@(\S+),", person.screen.flat)
    need(found, f"no address is named:\n{person.screen.text}")
    assert found
    return found.group(1)


def by_key(person: Person, argv: Sequence[str]) -> None:
    """From the message on; a log-in sees it too and closes it for all."""
    somebody = Remote(person.machine, argv)
    try:
        somebody.see("Log in with: ssh root@", limit=timeouts.COMMAND)
        person.see("pts/")
        somebody.send("\r")
        somebody.see("Which keyboard is connected")
        person.see("leads")
        need(re.search(r"pts/\d+ leads", person.screen.text), f"who typed last does not lead:\n{person.screen.text}")
        need(re.search("ssh root@.*by key", person.screen.rows[0]), "the top line does not name the access")
    finally:
        somebody.close()
    person.gone("pts/")


def by_password(person: Person, argv: Callable[[str], Sequence[str]]) -> None:
    """On the screen "What to do", and back there: the button, a wrong password, the right one."""
    person.button("SSH access")
    address = told_address(person, "password")
    found = re.search(r"password ([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})", person.screen.flat)
    need(found, f"no password is named:\n{person.screen.text}")
    assert found
    person.press("enter")
    person.at_screen("What to do")
    somebody = Remote(person.machine, argv(address))
    try:
        somebody.see("assword:", limit=timeouts.COMMAND)
        somebody.send("not-the-password\r")
        somebody.see("Permission denied")
        somebody.send(found.group(1) + "\r")
        somebody.see("Install a new host", limit=timeouts.COMMAND)
        somebody.send("\x1b[B")
        person.until(lambda: "Rescue" in person.screen.line, "bar that was moved over SSH")
        somebody.send("\x1b[A")
        person.until(lambda: "Install" in person.screen.line, "bar that was moved back")
    finally:
        somebody.close()
    person.gone("pts/")
    person.go_to("Install a new host")


def odd_disks(person: Person, *, twin: str, paths: str, single: str) -> None:
    """On the screen of the disks, up to the next one: twins are refused, paths are told, a single path becomes a map."""
    if person.at_screen("Drivers and packages", "Before you go on") == "Before you go on":
        person.button("Go on all the same")
        person.at_screen("Drivers and packages")
    person.button("Next")
    person.at_screen("Disk to install on")
    person.choose(twin)
    person.see("have one serial number")
    navigation_checks.refused(person, "Disk to install on", " cannot be chosen: it and")
    person.go_to(twin)
    bar_to(person, f"{paths} ", "2 paths")
    person.see("active ready")
    bar_to(person, f"{single} ", "blank")
    person.button("As multipath")
    person.until(lambda: bool(re.search("1 path .*blank", person.screen.line)), "bar on the disk with one path", limit=360)
    person.see("1 path: ")
    person.press("enter")
    person.at_screen("Space for guests")


def soon(person: Person, look: Callable[[], bool]) -> bool:
    """Whether something becomes true of the screen within a few seconds."""
    try:
        person.until(look, "what would come soon", limit=SOON)
    except TimedOut:
        return False
    return True


def bar_to(person: Person, *texts: str) -> None:
    """Move the bar of a list to the row that has all of these texts, whatever the other rows have."""
    for key in ("up", "down"):
        for _ in range(40):
            if all(text in person.screen.line for text in texts):
                return
            before = (person.screen.cursor, person.screen.line)
            person.press(key)
            if not soon(person, lambda before=before: (person.screen.cursor, person.screen.line) != before):  # type: ignore[misc]
                break
            person.settle()
    raise ScenarioFailed(f"the list has no row with {texts}; the screen:\n{person.screen.text}")


def walk_to(person: Person, wanted: str, step: Callable[[], None]) -> None:
    """From screen to screen, whatever there is on the way."""
    for _ in range(STEPS):
        if wanted in person.screen.titles:
            return
        before = person.screen.titles
        step()
        person.until(lambda before=before: person.screen.titles not in ((), before), f"end of {before}")  # type: ignore[misc]
        person.settle()
    raise ScenarioFailed(f"{wanted!r} is not on the way; the screen:\n{person.screen.text}")


def onward(person: Person) -> None:
    """To the next screen, past what the installer warns of."""
    person.button("Go on all the same" if "Before you go on" in person.screen.titles else "Next")


def key_maps(person: Person) -> None:
    """On the screen "Space for guests", and back there: German and American keys at the display."""
    hands = Person(person.machine, at="display")
    for name, expected in (("German", "zy"), ("English (US)", "yz")):
        walk_to(person, "Keyboard", lambda: person.press("esc"))
        bar_to(person, name)
        walk_to(person, "Space for guests", lambda: onward(person))
        person.go_to("Name of the volume group")
        typed_at_display(person, hands, expected)
        person.fill("Name of the volume group", "guests")


def typed_at_display(person: Person, hands: Person, expected: str) -> None:
    """The keys that are y and z on an American keyboard; the key map is loaded in the background and may take a while."""

    def right() -> bool:
        person.press("ctrl-u")
        if not soon(person, lambda: "  ____" in person.screen.line):
            return False
        hands.press_codes("y", "z")
        return soon(person, lambda: f" {expected}_" in person.screen.line)

    person.until(right, f"{expected!r} from the keys y and z", limit=360)


def networks(person: Person, *, tag: int, vlan_gateway: str) -> list[str]:
    """From "Space for guests" to "Test of the network", again and again; what each test said."""
    person.button("Next")
    person.at_screen("Network card")
    person.choose(MANAGEMENT_MAC)
    person.button("Next")
    said: list[str] = []
    inside = vlan_gateway.rsplit(".", 1)[0]
    for v4, v6, vlan, address, gateway, expected in (
        (FIXED, "", "", "10.77.0.50/24", "10.77.0.1", ("[ok] IPv4 address 10.77.0.50/24 (fixed)", "10.77.0.1 answers")),
        (FIXED, "", "", "10.77.0.50/24", "10.77.0.9", ("[ok] IPv4", "[!!] The gateway 10.77.0.9 does not answer")),
        (FIXED, "", "", "10.77.0.1/24", "", ("[!!] No IPv4", "Another machine seems to have this address")),
        (FIXED, "", str(tag), f"{inside}.10/24", vlan_gateway, ("[ok] IPv4", f"{vlan_gateway} answers")),
        (DHCP, SLAAC, "", "", "", ("[ok] IPv4 address 10.77.0.", "[ok] IPv6 address fd77:", "by the router", "gateway fe80")),
    ):
        person.at_screen("Address of the host")
        _addresses(person, v4, v6, vlan)
        if address:
            person.at_screen("Fixed IPv4 address")
            if not said:
                person.see("This is what DHCP gave the card")
            person.fill("Address/length", address)
            person.fill("Gateway", gateway)
            person.button("Next")
        said.append(_test(person, *expected))
        for title in ("Fixed IPv4 address", "Address of the host") if address else ("Address of the host",):
            person.press("esc")
            person.at_screen(title)
    person.press("esc")
    person.at_screen("Network card")
    person.tick("Join it")
    person.button("Next")
    person.at_screen("Bond")
    person.press("space")
    person.button("Next")
    person.at_screen("Address of the host")
    _addresses(person, DHCP, "None: IPv4 alone", "")
    said.append(_test(person, "[ok] IPv4 address 10.77.0.", "by DHCP", "10.77.0.1 answers"))
    return said


def _addresses(person: Person, v4: str, v6: str, vlan: str) -> None:
    """Fill in the screen of the addresses; the bar of the first list has the focus."""
    bar_to(person, v4)
    person.press("tab")
    person.settle()
    bar_to(person, v6 or "None: IPv4 alone")
    person.fill("VLAN", vlan)
    person.button("Next")


def _test(person: Person, *expected: str) -> str:
    """Wait for the end of the test; all of this must be said then."""
    person.at_screen("Test of the network")
    person.see(OVER, limit=TEST)
    person.settle()
    for text in expected:
        need(text in person.screen.flat, f"the test does not say {text!r}:\n{person.screen.text}")
    return person.screen.text
