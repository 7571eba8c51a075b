"""What people do to the screens beside answering them; each function begins and ends on a screen that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from qa.failure import ScenarioFailed
from qa.host_checks import need
from qa.tui.operator import Person
from qa.tui.standard_path import FIRST, Choices
from qa.tui.terminal_emulator import TITLE

BODY = slice(1, 20)
"""The rows of a form."""
LIVE = ("Test of the network",)
"""Screens that change by themselves."""
TERMINAL = "/dev/ttyS0"
NETWORK_MISTAKES = (
    ("Address/length", "10.0.2.15", "Add the length of the network behind a slash, as 192.0.2.10/24."),
    ("Address/length", "10.0.2.15/33", "Write the address and its network's length, as 192.0.2.10/24."),
    ("Address/length", "10.0.2.300/24", "Write the address and its network's length, as 192.0.2.10/24."),
    ("Address/length", "10.0.2.255/24", "10.0.2.255 is the network's broadcast address; take a lower one."),
    ("Address/length", "fd00::1/64", "This is an address of IPv6; here goes one of IPv4, as 192.0.2.10/24."),
)
GATEWAY_MISTAKES = (
    ("10.0.3.1", "The gateway must be inside the host's network 10.0.2.0/24."),
    ("10.0.2.15", "The gateway is another machine: it cannot have the host's own address."),
    ("10.0.2.2/24", "The gateway is an address alone, without slash and length."),
)
NAME_MISTAKES = (
    ("", "The host needs a name, as xen1.example.org."),
    ("Xen1.example.org", "Write it in lower case: xen1.example.org"),
    ("xen_1", "A host name has lower-case letters, digits, '-' and '.', at most 63 characters between dots."),
)
PASSWORD_MISTAKES = (
    ("", "", "Type a password or give an SSH key, or nobody could log in."),
    ("short", "short", "The password has 5 characters, it needs 8. Several words are strong and easy to type."),
    ("password", "password", "The password is one of those that everybody tries first."),
    ("one horse two", "one house two", "The two passwords differ. Type the same twice."),
)


def body(person: Person) -> str:
    """The form that is shown, without what stands above and below it."""
    return "\n".join(row.rstrip() for row in person.screen.rows[BODY])


def title(text: str) -> str:
    """The title of a form."""
    found = TITLE.search(text)
    return found.group(1) if found else ""


def harmless_keys(person: Person) -> None:
    """Keys that end or stop programs elsewhere change nothing here."""
    before = body(person)
    for key in ("ctrl-c", "ctrl-z", "ctrl-backslash"):
        person.press(key)
    person.settle()
    if title(before) not in LIVE:
        need(body(person) == before, f"Ctrl-C, Ctrl-Z or Ctrl-\\ changed the screen to:\n{person.screen.text}")


def help_of(person: Person) -> str:
    """Open the screen's help and close it; the form as it was and is again.

    :raises ScenarioFailed: when there is no help, or the form is another one afterwards.
    """
    before, name = body(person), title(body(person))
    person.press("ctrl-g")
    person.at_screen(f"Help: {name}")
    need("There is no help" not in person.screen.flat, f"the screen {name} has no help")
    person.press("enter")
    person.gone("Help:")
    person.settle()
    if name not in LIVE:
        need(body(person) == before, f"after its help the screen {name} is another one:\n{person.screen.text}")
    return before


def back(person: Person) -> dict[str, str]:
    """From the summary to the first screen by Esc; each form by its title."""
    found: dict[str, str] = {}
    while True:
        name = title(body(person))
        found[name] = body(person)
        if name == FIRST:
            return found
        person.press("esc")
        person.until(lambda name=name: title(body(person)) not in ("", name), f"screen before {name!r}")  # type: ignore[misc]
        person.settle()


def forth(person: Person) -> dict[str, str]:
    """From the first screen to the summary without another answer; each form by its title."""
    found: dict[str, str] = {}
    while True:
        name = title(body(person))
        found[name] = body(person)
        if name == "Summary":
            return found
        person.button("Next")
        person.until(lambda name=name: title(body(person)) not in ("", name), f"screen after {name!r}")  # type: ignore[misc]
        person.settle()


def known(text: str) -> str:
    """A form without what is meant to differ: password fields, and where a long text is scrolled to."""
    lines = [line for line in text.splitlines() if not re.search(r"│ (Password|Once more) |'root'|password is set", line)]
    return re.sub(r"[↑↓█▒]", " ", "\n".join(line for line in lines if line.strip("│ ")))


def compare(seen: Mapping[str, str], again: Mapping[str, str]) -> None:
    """Each form is as it was when it was left.

    :raises ScenarioFailed: for the first that differs, or is missing.
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


def windows(person: Person) -> None:
    """Log and shell by Ctrl-T, a terminal that changes its size meanwhile; then the form as it was."""
    before = body(person)
    person.press("ctrl-t")
    person.see("[2 log]")
    person.press("ctrl-t")
    person.see("[3 shell]")
    for command, answer in (
        ("echo six times seven is $((6*7))", "six times seven is 42"),
        (f"stty -F {TERMINAL} rows 40 cols 132; echo wide-$((1+1))", "wide-2"),
        (f"stty -F {TERMINAL} rows 24 cols 80; echo narrow-$((1+1))", "narrow-2"),
    ):
        person.send_line(command)
        person.see(answer)
    person.press("ctrl-t")
    person.see("[1 installer]")
    person.until(lambda: body(person) == before, "the form as it was before")


def lost_console(person: Person) -> None:
    """The line hangs up and comes back: the same form."""
    before = body(person)
    person.press("ctrl-t", "ctrl-t")
    person.see("[3 shell]")
    person.send_line(
        f"tmux -S /run/dom0kit/tmux select-window -t installer:1; tmux -S /run/dom0kit/tmux detach-client -t {TERMINAL}"
    )
    person.until(lambda: body(person) == before and "[1 installer]" in person.screen.text, "the form on a line that came back")


def refused(person: Person, screen: str, sentence: str, *, button: str = "Next") -> None:
    """The button does not go on but says what is wrong; a message in front of the form is closed."""
    person.button(button)
    person.see(sentence)
    if "Please mend this" in person.screen.titles:
        person.press("enter")
        person.gone("Please mend this")
    person.settle()
    need(screen in person.screen.titles, f"the screen is not {screen} any more:\n{person.screen.text}")


def refused_in_words(person: Person, screen: str, sentence: str, *, button: str = "Next") -> None:
    """The button leads to a message, and from there back to the screen."""
    person.button(button)
    person.see(sentence)
    person.press("enter")
    person.gone(sentence)
    person.at_screen(screen)


def wrong_network(person: Person, wanted: Choices) -> None:
    """From the network card to the time zone, with mistakes about addresses and names."""
    person.at_screen("Network card")
    person.press("enter")
    person.at_screen("Address of the host")
    person.press("down")
    person.until(lambda: "A fixed address" in person.screen.line, "bar on the fixed address")
    person.fill("VLAN", "4095")
    refused(person, "Address of the host", "A VLAN is a number from 1 to 4094; leave it empty for an untagged network.")
    person.fill("VLAN", "")
    person.button("Next")
    person.at_screen("Fixed IPv4 address")
    person.see("This is what DHCP gave the card")
    person.fill("Address/length", "")
    refused(person, "Fixed IPv4 address", "Type the host's address.")
    for label, text, sentence in NETWORK_MISTAKES:
        person.fill(label, text)
        refused(person, "Fixed IPv4 address", sentence)
    person.fill("Address/length", "10.0.2.15/24")
    for text, sentence in GATEWAY_MISTAKES:
        person.fill("Gateway", text)
        refused(person, "Fixed IPv4 address", sentence)
    person.fill("Gateway", "10.0.2.2")
    person.button("Next")
    person.at_screen("Test of the network")
    person.button("Next")
    person.at_screen("Name of the host")
    for text, sentence in NAME_MISTAKES:
        person.fill("Host name", text)
        refused(person, "Name of the host", sentence)
    person.fill("Host name", wanted.name)
    person.fill("Name servers", "dns.example.org")
    refused(person, "Name of the host", "dns.example.org:")
    person.fill("Name servers", wanted.dns)
    person.button("Next")


def wrong_password(person: Person) -> None:
    """From the time zone to the administrator's password, with mistakes about it."""
    person.at_screen("Time zone")
    person.press("enter")
    person.at_screen("Time zone and clock")
    person.button("Next")
    person.at_screen("Administrator")
    for first, second, sentence in PASSWORD_MISTAKES:
        person.fill("Password", first, hidden=True)
        person.fill("Once more", second, hidden=True)
        refused(person, "Administrator", sentence)
