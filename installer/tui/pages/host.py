"""Screens for the host itself: time zone, clock, root's log-in. Pure except for the password salt."""

from __future__ import annotations

from answerfiles import field_types
from answerfiles.password import make_hash
from dom0kit.errors import UserError
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import each, kind
from installer.tui.state import State
from installer.tui.toolkit.forms import Check, Entry, Form, Gap, Problem, Row, Table, Text, Values

ZONE_HELP = """The time zone controls how times are displayed. The hardware clock runs in UTC.

Select a region here and a city on the next screen, or UTC.

In a list, type the first letter of an entry to jump to it."""

CITY_HELP = """Select the city that has your local time.

NTP servers keep the clock accurate. Leave the field empty to use those from DHCP, or Debian's. A host without Internet access \
needs the address of a local server. Separate several servers by blanks."""

ROOT_HELP = """'root' is the administrator of the host, at the console and over SSH.

The password needs at least 8 characters and must be hard to guess; four or five unrelated words are strong and easy to type. \
Only its hash is stored.

A public SSH key is one line that begins with ssh-ed25519, ssh-rsa or ecdsa. It is the content of the file that ends in .pub, \
for example ~/.ssh/id_ed25519.pub on your own computer. You can paste it on a serial line or over SSH.

With 'Ask at first start' no password is stored: the host's consoles ask for one until it was set. Until then, root \
can log in with the key only.

One of the two is enough. Without a password, root can log in with the key only, and not at the console."""

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
"""Regions of the tz database; its other folders hold old names of the same zones."""


def regions(state: State) -> tuple[str, ...]:
    """Return UTC and the regions that the tz database has."""
    return ("UTC", *(name for name in REGIONS if any(zone.startswith(f"{name}/") for zone in state.zones)))


def cities(state: State, region: str) -> tuple[str, ...]:
    """Return the zones of a region, sorted."""
    return tuple(sorted(zone for zone in state.zones if zone.startswith(f"{region}/"))) or ("UTC",)


def region(state: State) -> Form:
    """Build the region screen."""
    return Form(
        title="Time zone",
        items=(
            Text("Select the region of this machine."),
            Gap(),
            Table("zone.region", (), tuple(Row(name, (name,)) for name in regions(state)), state.text("zone.region"), height=12),
        ),
        help=ZONE_HELP,
    )


def city(state: State) -> Form:
    """Build the city and NTP server screen."""
    name = state.text("zone.region")
    zones = cities(state, name)
    # After a change of the region, the value is a city of another region.
    chosen = state.text("zone.city")
    return Form(
        title="Time zone and clock",
        items=(
            Text("The time zone is UTC." if name == "UTC" else f"Select a city in {name} with your local time."),
            Gap(),
            Table(
                "zone.city",
                (),
                tuple(Row(zone, (zone.partition("/")[2].replace("_", " ") or zone,)) for zone in zones),
                chosen if chosen in zones else "",
                height=9,
            ),
            Gap(),
            Entry("zone.ntp", "NTP servers (optional)", state.text("zone.ntp"), each(kind(field_types.server)), width=44),
        ),
        help=CITY_HELP,
    )


def submit_city(state: State, values: Values) -> State | list[Problem]:
    """Store the city and the NTP servers, given by name or address."""
    after = state.with_values(values)
    wrong = each(kind(field_types.server))(after.text("zone.ntp"))
    return [Problem("zone.ntp", wrong)] if wrong else after


def root(state: State) -> Form:
    """Build the screen for root's password and SSH key."""
    known = bool(state.text("root.hash"))
    text = (
        "A password is set. Enter a new one only to change it." if known else "Choose a password for the administrator, 'root'."
    )
    return Form(
        title="Administrator",
        items=(
            Text(text + " It is not displayed."),
            Gap(),
            Entry("root.password", "Password", "", field_validators.password, password=True, width=40),
            Entry("root.again", "Repeat password", "", password=True, width=40),
            Check("root.ask", "Ask for it at the host's first start instead", state.is_checked("root.ask")),
            Gap(),
            Text("A public SSH key (optional): one line that begins with ssh-ed25519, for example."),
            Gap(),
            Entry("root.key", "SSH key", state.text("root.key"), kind(field_types.ssh_key), width=62),
        ),
        help=ROOT_HELP,
    )


def submit_root(state: State, values: Values) -> State | list[Problem]:
    """Require a strong password entered twice, a key, or both; keep only the password's hash."""
    password, again = str(values.get("root.password", "")), str(values.get("root.again", ""))
    after = state.with_values({name: value for name, value in values.items() if name not in ("root.password", "root.again")})
    key = after.text("root.key")
    problems = []
    if after.is_checked("root.ask"):
        if password or again:
            problems.append(Problem("root.ask", "Leave the password empty, or let the host ask for it; not both."))
        after = after.with_values({"root.hash": ""})
    elif password or again:
        if wrong := field_validators.password(password):
            problems.append(Problem("root.password", wrong))
        elif password != again:
            problems.append(Problem("root.again", "The two passwords differ."))
    elif not key and not after.text("root.hash"):
        problems.append(Problem("root.password", "Enter a password or an SSH key; without either, no log-in is possible."))
    if key and (wrong := kind(field_types.ssh_key)(key)):
        problems.append(Problem("root.key", wrong))
    if problems:
        return problems
    if not password:
        return after
    try:
        return after.with_values({"root.hash": make_hash(password)})
    except UserError as error:
        return [Problem("root.password", error.message)]
