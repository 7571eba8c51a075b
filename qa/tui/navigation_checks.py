"""Checks of navigation and validation; each function begins and ends on a screen that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qa.checks.host_checks import need
from qa.errors import ScenarioFailed
from qa.tui.operator import Operator
from qa.tui.standard_path import FIRST, Choices
from qa.tui.terminal_emulator import TITLE

BODY = slice(1, 20)
"""The rows of a form."""
LIVE = ("Network test",)
"""Screens that change by themselves."""
TERMINAL = "/dev/ttyS0"
WRONG_VLAN = "The VLAN must be a number from 1 to 4094, or empty for an untagged network."
NO_ADDRESS = "Enter the host's address."
WRONG_SERVER = "dns.example.org"
"""A name server that is no address."""
NETWORK_MISTAKES = (
    ("Address/prefix", "10.0.2.15", "The prefix length is missing; write for example 192.0.2.10/24."),
    ("Address/prefix", "10.0.2.15/33", "This is not an address with a prefix length; write for example 192.0.2.10/24."),
    ("Address/prefix", "10.0.2.300/24", "This is not an address with a prefix length; write for example 192.0.2.10/24."),
    ("Address/prefix", "10.0.2.255/24", "10.0.2.255 is the broadcast address; choose a lower address."),
    ("Address/prefix", "fd00::1/64", "This is an IPv6 address; enter an IPv4 address such as 192.0.2.10/24."),
)
GATEWAY_MISTAKES = (
    ("10.0.3.1", "The gateway must be in the host's network 10.0.2.0/24."),
    ("10.0.2.15", "The gateway must not be the host's own address."),
    ("10.0.2.2/24", "Enter the gateway without a prefix length."),
)
NAME_MISTAKES = (
    ("", "Enter a host name such as xen1.example.org."),
    ("Xen1.example.org", "Use lower case: xen1.example.org"),
    ("xen_1", "A host name of lower-case letters, digits, '-' and '.', at most 63 characters between dots."),
)
PASSWORD_MISTAKES = (
    ("", "", "Enter a password or an SSH key; without either, no log-in is possible."),
    ("short", "short", "The password has 5 characters, it needs 8. Several words are strong and easy to type."),
    ("password", "password", "The password is one of those that everybody tries first."),
    ("one horse two", "one house two", "The two passwords differ."),
)


def body(operator: Operator) -> str:
    """Return the form that is shown, without the lines above and below it."""
    return "\n".join(row.rstrip() for row in operator.screen.rows[BODY])


def title(text: str) -> str:
    """Return the title of a form."""
    found = TITLE.search(text)
    return found.group(1) if found else ""


def harmless_keys(operator: Operator) -> None:
    """Check that keys which end or stop other programs change nothing here."""
    before = body(operator)
    for key in ("ctrl-c", "ctrl-z", "ctrl-backslash"):
        operator.press(key)
    operator.wait_until_drawn()
    if title(before) not in LIVE:
        need(body(operator) == before, f"Ctrl-C, Ctrl-Z or Ctrl-\\ changed the screen to:\n{operator.screen.text}")


def help_of(operator: Operator) -> str:
    """Open the screen's help and close it; return the form, which must be unchanged.

    :raises ScenarioFailed: when there is no help, or the form has changed afterwards.
    """
    before, name = body(operator), title(body(operator))
    operator.press("ctrl-g")
    operator.wait_for_screen(f"Help: {name}")
    need("No help is available" not in operator.screen.flat, f"the screen {name} has no help")
    operator.press("enter")
    operator.wait_until_gone("Help:")
    operator.wait_until_drawn()
    if name not in LIVE:
        need(body(operator) == before, f"its help changed the screen {name}:\n{operator.screen.text}")
    return before


def back(operator: Operator) -> dict[str, str]:
    """Go from the summary to the first screen by Esc; return each form by its title."""
    found: dict[str, str] = {}
    while True:
        name = title(body(operator))
        found[name] = body(operator)
        if name == FIRST:
            return found
        operator.press("esc")
        operator.wait_until(lambda name=name: title(body(operator)) not in ("", name), f"screen before {name!r}")  # type: ignore[misc]
        operator.wait_until_drawn()


def forth(operator: Operator) -> dict[str, str]:
    """Go from the first screen to the summary without changing an answer; return each form by its title."""
    found: dict[str, str] = {}
    while True:
        name = title(body(operator))
        found[name] = body(operator)
        if name == "Summary":
            return found
        operator.press_button("Next")
        operator.wait_until(lambda name=name: title(body(operator)) not in ("", name), f"screen after {name!r}")  # type: ignore[misc]
        operator.wait_until_drawn()


def known(text: str) -> str:
    """Return a form without the parts that may differ: password fields, and the position in a long text."""
    lines = [line for line in text.splitlines() if not re.search(r"│ (Password|Repeat password) |'root'|password is set", line)]
    return re.sub(r"[↑↓█▒]", " ", "\n".join(line for line in lines if line.strip("│ ")))


def compare(seen: Mapping[str, str], again: Mapping[str, str]) -> None:
    """Check that each form is as it was when it was left.

    :raises ScenarioFailed: for the first form that differs or is missing.
    """
    for first in seen.values():
        name = title(first)
        if name in LIVE:
            continue
        need(name in again, f"the screen {name} was left out")
        if known(again[name]) != known(first):
            raise ScenarioFailed(f"what was typed on {name} is lost:\n{first}\n-- now --\n{again[name]}")
    if "Administrator" in again:
        need("A password is set" in again["Administrator"], f"the password is forgotten:\n{again['Administrator']}")


def windows(operator: Operator) -> None:
    """Switch to log and shell by Ctrl-T, change the terminal's size, and check that the form is unchanged."""
    before = body(operator)
    operator.press("ctrl-t")
    operator.wait_for_text("[2 log]")
    operator.press("ctrl-t")
    operator.wait_for_text("[3 shell]")
    for command, answer in (
        ("echo six times seven is $((6*7))", "six times seven is 42"),
        (f"stty -F {TERMINAL} rows 40 cols 132; echo wide-$((1+1))", "wide-2"),
        (f"stty -F {TERMINAL} rows 24 cols 80; echo narrow-$((1+1))", "narrow-2"),
    ):
        operator.send_line(command)
        operator.wait_for_text(answer)
    operator.press("ctrl-t")
    operator.wait_for_text("[1 installer]")
    operator.wait_until(lambda: body(operator) == before, "the form as it was before")


def lost_console(operator: Operator) -> None:
    """Disconnect the line and connect it again; check that the form is unchanged."""
    before = body(operator)
    operator.press("ctrl-t", "ctrl-t")
    operator.wait_for_text("[3 shell]")
    operator.send_line(
        f"tmux -S /run/dom0kit/tmux select-window -t installer:1; tmux -S /run/dom0kit/tmux detach-client -t {TERMINAL}"
    )
    operator.wait_until(
        lambda: body(operator) == before and "[1 installer]" in operator.screen.text, "the form on a line that came back"
    )


def refused(operator: Operator, screen: str, sentence: str, *, button: str = "Next") -> None:
    """Check that the button stays on the screen and shows what is wrong; close a message in front of the form."""
    operator.press_button(button)
    operator.wait_for_text(sentence)
    if "Please correct the following" in operator.screen.titles:
        operator.press("enter")
        operator.wait_until_gone("Please correct the following")
    operator.wait_until_drawn()
    need(screen in operator.screen.titles, f"the screen is not {screen} any more:\n{operator.screen.text}")


def refused_in_words(operator: Operator, screen: str, sentence: str, *, button: str = "Next") -> None:
    """Check that the button leads to a message, and from there back to the screen."""
    operator.press_button(button)
    operator.wait_for_text(sentence)
    operator.press("enter")
    operator.wait_until_gone(sentence)
    operator.wait_for_screen(screen)


def wrong_network(operator: Operator, wanted: Choices) -> None:
    """Enter invalid addresses and names, from the network card to the time zone."""
    operator.wait_for_screen("Network card")
    operator.press("enter")
    operator.wait_for_screen("Host address")
    operator.press("down")
    operator.wait_until(lambda: "Static address" in operator.screen.line, "bar on the static address")
    operator.fill("VLAN", "4095")
    refused(operator, "Host address", WRONG_VLAN)
    operator.fill("VLAN", "")
    operator.press_button("Next")
    operator.wait_for_screen("Static IPv4 address")
    operator.wait_for_text("These values come from DHCP")
    operator.fill("Address/prefix", "")
    refused(operator, "Static IPv4 address", NO_ADDRESS)
    for label, text, sentence in NETWORK_MISTAKES:
        operator.fill(label, text)
        refused(operator, "Static IPv4 address", sentence)
    operator.fill("Address/prefix", "10.0.2.15/24")
    for text, sentence in GATEWAY_MISTAKES:
        operator.fill("Gateway", text)
        refused(operator, "Static IPv4 address", sentence)
    operator.fill("Gateway", "10.0.2.2")
    operator.press_button("Next")
    operator.wait_for_screen("Network test")
    operator.press_button("Next")
    operator.wait_for_screen("Host name")
    for text, sentence in NAME_MISTAKES:
        operator.fill("Host name", text)
        refused(operator, "Host name", sentence)
    operator.fill("Host name", wanted.name)
    operator.fill("Name servers", WRONG_SERVER)
    refused(operator, "Host name", f"{WRONG_SERVER}:")
    operator.fill("Name servers", wanted.dns)
    operator.press_button("Next")


def wrong_password(operator: Operator) -> None:
    """Enter invalid passwords, from the time zone to the administrator's password."""
    operator.wait_for_screen("Time zone")
    operator.press("enter")
    operator.wait_for_screen("Time zone and clock")
    operator.press_button("Next")
    operator.wait_for_screen("Administrator")
    for first, second, sentence in PASSWORD_MISTAKES:
        operator.fill("Password", first, hidden=True)
        operator.fill("Repeat password", second, hidden=True)
        refused(operator, "Administrator", sentence)
