"""A tour of the screens off the standard path: each option is selected, viewed and reverted."""

from __future__ import annotations

from qa.tui.operator import Operator
from qa.tui.standard_path import Look


def visit_option_screens(operator: Operator, look: Look) -> None:
    """Visit the optional screens from the screen of the disks and back; needs two disks and two network cards."""
    operator.wait_for_screen("Target disk")
    operator.press("f1")
    operator.wait_for_screen("Help: Target disk")
    look("help")
    operator.press("enter")
    operator.wait_until_gone("Help:")
    _one(operator, look, "Mirror it", title="Second mirror disk", label="mirror", home="Target disk")
    operator.press_button("Next")
    operator.wait_for_screen("Guest storage")
    _one(operator, look, "Add additional disks", title="Additional guest disks", label="further-disks", home="Guest storage")
    operator.press_button("Next")
    operator.wait_for_screen("Network card")
    _one(operator, look, "Bond it", title="Bond", label="bond", home="Network card")
    operator.press_button("Next")
    operator.wait_for_screen("Host address")
    operator.press("down")
    operator.wait_until(lambda: "Static address" in operator.screen.line, "bar on the static address")
    operator.go_to("None: IPv4 only")
    operator.choose("Static address")
    operator.press_button("Next")
    operator.wait_for_screen("Static IPv4 address")
    operator.fill("Address/prefix", "192.0.2.10/24")
    operator.fill("Gateway", "192.0.2.1")
    look("fixed-address")
    operator.press_button("Next")
    operator.wait_for_screen("Static IPv6 address")
    look("fixed-address-6")
    operator.press("esc")
    operator.wait_for_screen("Static IPv4 address")
    operator.press("esc")
    operator.wait_for_screen("Host address")
    operator.wait_until(lambda: "Static address" in operator.screen.line, "bar on the static address")
    operator.press("up")
    operator.wait_until(lambda: "By DHCP" in operator.screen.line, "bar on DHCP")
    operator.go_to("Static address")
    operator.choose("None: IPv4 only")
    for title in ("Network card", "Guest storage", "Target disk"):
        operator.press("esc")
        operator.wait_for_screen(title)


def _one(operator: Operator, look: Look, box: str, *, title: str, label: str, home: str) -> None:
    """Tick a box, look at the screen that it adds, go back and clear the box."""
    operator.tick(box)
    operator.press_button("Next")
    operator.wait_for_screen(title)
    look(label)
    operator.press("esc")
    operator.wait_for_screen(home)
    operator.tick(box, on=False)


def visit_pool_screens(operator: Operator, look: Look) -> None:
    """Visit the screens of a new pool and of a token, from the question about the pool and back."""
    operator.wait_for_screen("Pool")
    operator.choose("Create a new pool")
    operator.press("enter")
    operator.wait_for_screen("New pool")
    operator.fill("Pool name", "pool.example.org")
    operator.fill("Pool address", "10.0.2.50")
    look("new-pool")
    operator.press("esc")
    operator.wait_for_screen("Pool")
    operator.choose("Join an existing pool")
    operator.press("enter")
    operator.wait_for_screen("Join token")
    look("join-token")
    operator.press("esc")
    operator.wait_for_screen("Pool")
    operator.choose("a standalone host")
