"""A look at the screens that the usual way leaves out: everything is chosen, looked at, and taken back."""

from __future__ import annotations

from qa.tui.operator import Operator
from qa.tui.standard_path import Look


def visit_option_screens(operator: Operator, look: Look) -> None:
    """From the screen of the disks and back to it; needs two disks and two network cards."""
    operator.wait_for_screen("Disk to install on")
    operator.press("f1")
    operator.wait_for_screen("Help: Disk to install on")
    look("help")
    operator.press("enter")
    operator.wait_until_gone("Help:")
    _one(operator, look, "Mirror it", title="Second disk of the mirror", label="mirror", home="Disk to install on")
    operator.press_button("Next")
    operator.wait_for_screen("Space for guests")
    _one(operator, look, "Add further disks", title="Further disks for guests", label="further-disks", home="Space for guests")
    operator.press_button("Next")
    operator.wait_for_screen("Network card")
    _one(operator, look, "Join it", title="Bond", label="bond", home="Network card")
    operator.press_button("Next")
    operator.wait_for_screen("Address of the host")
    operator.press("down")
    operator.wait_until(lambda: "A fixed address" in operator.screen.line, "bar on the fixed address")
    operator.go_to("None: IPv4 alone")
    operator.choose("A fixed address")
    operator.press_button("Next")
    operator.wait_for_screen("Fixed IPv4 address")
    operator.fill("Address/length", "192.0.2.10/24")
    operator.fill("Gateway", "192.0.2.1")
    look("fixed-address")
    operator.press_button("Next")
    operator.wait_for_screen("Fixed IPv6 address")
    look("fixed-address-6")
    operator.press("esc")
    operator.wait_for_screen("Fixed IPv4 address")
    operator.press("esc")
    operator.wait_for_screen("Address of the host")
    operator.wait_until(lambda: "A fixed address" in operator.screen.line, "bar on the fixed address")
    operator.press("up")
    operator.wait_until(lambda: "By DHCP" in operator.screen.line, "bar on DHCP")
    operator.go_to("A fixed address")
    operator.choose("None: IPv4 alone")
    for title in ("Network card", "Space for guests", "Disk to install on"):
        operator.press("esc")
        operator.wait_for_screen(title)


def _one(operator: Operator, look: Look, box: str, *, title: str, label: str, home: str) -> None:
    """Tick a box, look at the screen that comes by it, go back and take the tick away."""
    operator.tick(box)
    operator.press_button("Next")
    operator.wait_for_screen(title)
    look(label)
    operator.press("esc")
    operator.wait_for_screen(home)
    operator.tick(box, on=False)


def visit_pool_screens(operator: Operator, look: Look) -> None:
    """From the question about the pool and back to it: a new pool, and a token."""
    operator.wait_for_screen("Pool")
    operator.choose("Make a new pool")
    operator.press("enter")
    operator.wait_for_screen("New pool")
    operator.fill("Name of the pool", "pool.example.org")
    operator.fill("Address of the pool", "10.0.2.50")
    look("new-pool")
    operator.press("esc")
    operator.wait_for_screen("Pool")
    operator.choose("Join a pool")
    operator.press("enter")
    operator.wait_for_screen("Join token")
    look("join-token")
    operator.press("esc")
    operator.wait_for_screen("Pool")
    operator.choose("it stands alone")
