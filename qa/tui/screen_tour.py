"""A look at the screens that the usual way leaves out: everything is chosen, looked at, and taken back."""

from __future__ import annotations

from qa.tui.operator import Person
from qa.tui.standard_path import Look


def side_screens(person: Person, look: Look) -> None:
    """From the screen of the disks and back to it; needs two disks and two network cards."""
    person.at_screen("Disk to install on")
    person.press("f1")
    person.at_screen("Help: Disk to install on")
    look("help")
    person.press("enter")
    person.gone("Help:")
    _one(person, look, "Mirror it", title="Second disk of the mirror", label="mirror", home="Disk to install on")
    person.button("Next")
    person.at_screen("Space for guests")
    _one(person, look, "Add further disks", title="Further disks for guests", label="further-disks", home="Space for guests")
    person.button("Next")
    person.at_screen("Network card")
    _one(person, look, "Join it", title="Bond", label="bond", home="Network card")
    person.button("Next")
    person.at_screen("Address of the host")
    person.press("down")
    person.until(lambda: "A fixed address" in person.screen.line, "bar on the fixed address")
    person.go_to("None: IPv4 alone")
    person.choose("A fixed address")
    person.button("Next")
    person.at_screen("Fixed IPv4 address")
    person.fill("Address/length", "192.0.2.10/24")
    person.fill("Gateway", "192.0.2.1")
    look("fixed-address")
    person.button("Next")
    person.at_screen("Fixed IPv6 address")
    look("fixed-address-6")
    person.press("esc")
    person.at_screen("Fixed IPv4 address")
    person.press("esc")
    person.at_screen("Address of the host")
    person.until(lambda: "A fixed address" in person.screen.line, "bar on the fixed address")
    person.press("up")
    person.until(lambda: "By DHCP" in person.screen.line, "bar on DHCP")
    person.go_to("A fixed address")
    person.choose("None: IPv4 alone")
    for title in ("Network card", "Space for guests", "Disk to install on"):
        person.press("esc")
        person.at_screen(title)


def _one(person: Person, look: Look, box: str, *, title: str, label: str, home: str) -> None:
    """Tick a box, look at the screen that comes by it, go back and take the tick away."""
    person.tick(box)
    person.button("Next")
    person.at_screen(title)
    look(label)
    person.press("esc")
    person.at_screen(home)
    person.tick(box, on=False)


def side_pools(person: Person, look: Look) -> None:
    """From the question about the pool and back to it: a new pool, and a token."""
    person.at_screen("Pool")
    person.choose("Make a new pool")
    person.press("enter")
    person.at_screen("New pool")
    person.fill("Name of the pool", "pool.example.org")
    person.fill("Address of the pool", "10.0.2.50")
    look("new-pool")
    person.press("esc")
    person.at_screen("Pool")
    person.choose("Join a pool")
    person.press("enter")
    person.at_screen("Join token")
    look("join-token")
    person.press("esc")
    person.at_screen("Pool")
    person.choose("it stands alone")
