"""The screens about the host itself: time, log-in. Pure but for the salt of a password's hash."""

from __future__ import annotations

from answerfiles import field_types
from answerfiles.password import make_hash
from dom0kit.errors import UserError
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import each, kind
from installer.tui.state import State
from installer.tui.toolkit.forms import Entry, Form, Gap, Problem, Row, Table, Text, Values

ZONE_HELP = """The time zone decides how times are shown. The clock itself runs in UTC.

First the part of the world, on the next screen the city. UTC is a choice of its own.

In a list, type the first letter of an entry to go there."""

CITY_HELP = """Choose the city whose clocks show your time.

NTP servers keep the clock right. Leave the field empty to use those that DHCP names, or Debian's. A host in a network without \
Internet needs the address of its own server here. Several are written with blanks between them."""

ROOT_HELP = """'root' is the administrator of the host: at the console and over SSH.

The password needs at least 8 characters that nobody guesses; four or five unrelated words are strong and easy to type. It is \
never stored, only its hash.

A public SSH key is one line that starts with ssh-ed25519, ssh-rsa or ecdsa. It is the content of the file that ends in .pub, \
for example ~/.ssh/id_ed25519.pub on your own computer. You can paste it on a serial line or over SSH.

One of the two is enough. Without a password, only the key opens the host, also at its console."""

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
"""Parts of the world of the tz database; its further folders are old names of the same zones."""


def regions(state: State) -> tuple[str, ...]:
    """UTC, and the parts of the world that are there."""
    return ("UTC", *(name for name in REGIONS if any(zone.startswith(f"{name}/") for zone in state.zones)))


def cities(state: State, region: str) -> tuple[str, ...]:
    """Zones of a part of the world."""
    return tuple(sorted(zone for zone in state.zones if zone.startswith(f"{region}/"))) or ("UTC",)


def region(state: State) -> Form:
    """The part of the world."""
    return Form(
        title="Time zone",
        items=(
            Text("In which part of the world is this machine?"),
            Gap(),
            Table("zone.region", (), tuple(Row(name, (name,)) for name in regions(state)), state.text("zone.region"), height=12),
        ),
        help=ZONE_HELP,
    )


def city(state: State) -> Form:
    """The city, and who keeps the clock right."""
    name = state.text("zone.region")
    zones = cities(state, name)
    # What stands there after the region was changed is a city of another one.
    chosen = state.text("zone.city")
    return Form(
        title="Time zone and clock",
        items=(
            Text("The clock shows UTC." if name == "UTC" else f"Which city in {name} has your time?"),
            Gap(),
            Table(
                "zone.city",
                (),
                tuple(Row(zone, (zone.partition("/")[2].replace("_", " ") or zone,)) for zone in zones),
                chosen if chosen in zones else "",
                height=9,
            ),
            Gap(),
            Entry("zone.ntp", "NTP servers (may be empty)", state.text("zone.ntp"), each(kind(field_types.server)), width=44),
        ),
        help=CITY_HELP,
    )


def take_city(state: State, values: Values) -> State | list[Problem]:
    """Servers by name or address."""
    after = state.having(values)
    wrong = each(kind(field_types.server))(after.text("zone.ntp"))
    return [Problem("zone.ntp", wrong)] if wrong else after


def root(state: State) -> Form:
    """How the administrator logs in."""
    known = bool(state.text("root.hash"))
    told = (
        "A password is set. Type a new one only to change it." if known else "Choose the password of the administrator, 'root'."
    )
    return Form(
        title="Administrator",
        items=(
            Text(told + " It is not shown."),
            Gap(),
            Entry("root.password", "Password", "", field_validators.password, password=True, width=40),
            Entry("root.again", "Once more", "", password=True, width=40),
            Gap(),
            Text("A public SSH key, if you have one: a line that begins with ssh-ed25519."),
            Gap(),
            Entry("root.key", "SSH key", state.text("root.key"), kind(field_types.ssh_key), width=62),
        ),
        help=ROOT_HELP,
    )


def take_root(state: State, values: Values) -> State | list[Problem]:
    """A strong password typed twice alike, a key, or both; only the password's hash is kept."""
    password, again = str(values.get("root.password", "")), str(values.get("root.again", ""))
    after = state.having({name: value for name, value in values.items() if name not in ("root.password", "root.again")})
    key = after.text("root.key")
    problems = []
    if password or again:
        if wrong := field_validators.password(password):
            problems.append(Problem("root.password", wrong))
        elif password != again:
            problems.append(Problem("root.again", "The two passwords differ. Type the same twice."))
    elif not key and not after.text("root.hash"):
        problems.append(Problem("root.password", "Type a password or give an SSH key, or nobody could log in."))
    if key and (wrong := kind(field_types.ssh_key)(key)):
        problems.append(Problem("root.key", wrong))
    if problems:
        return problems
    if not password:
        return after
    try:
        return after.having({"root.hash": make_hash(password)})
    except UserError as error:
        return [Problem("root.password", error.message)]
