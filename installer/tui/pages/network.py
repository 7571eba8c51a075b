"""The screens about the network: cards, addresses, names. Pure."""

from __future__ import annotations

from answerfiles import field_types
from installer.model.hardware import Nic
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import each, kind, required
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Check, CheckList, Entry, Form, Gap, Problem, Radio, Row, Table, Text, Values

HEADER = ("Card", "MAC address", "Cable", "Driver", "Slot")
WIDTHS = (12, 17, 14, 14, 14)

CARD_HELP = """The host is managed over this network card: log-ins, the pool, and usually storage. Guests can use it too.

The card is remembered by its MAC address, so it stays the right one when cards are added or change their slot.

'not known' under Cable: the card is switched off at the moment. A cable that you plug in now is seen after 'Look again'.

A bond makes one of several cards: when a cable or a switch fails, the others go on. Tick \
it, and the next screen asks which ones."""

BOND_HELP = """Active-backup works with every switch: one card carries everything, another takes over when its cable or its \
switch fails.

Balance-slb works with every switch too and spreads guests over the cards by their MAC addresses.

LACP (802.3ad) needs switch ports that are set up for it. Ask whoever runs the switches."""

IP_HELP = """How the host gets its address. If you do not know, leave DHCP: a server in your network gives the address, the \
gateway and the name servers. Servers mostly have fixed addresses; whoever runs the network gives you one.

VLAN: a number from 1 to 4094, when the switch port carries several networks with tags. Leave it empty otherwise.

IPv6 is used beside IPv4. 'From the router' (SLAAC) is the usual way."""

STATIC_HELP = """The address is written with the length of its network behind a slash: 192.0.2.10/24. The netmask 255.255.255.0 \
is /24, 255.255.0.0 is /16, 255.255.255.128 is /25.

The gateway is the router to all other networks. It is inside the host's own network. Without one the host reaches only its \
own network.

When DHCP answered on this card, its address, length and gateway stand in the fields to begin with: the address is lent, so put \
one in its place that nobody else uses. Ctrl-U empties a field. The next screen tries it, and sees when another machine has it."""

NAME_HELP = """The host's name, best with its domain: xen1.example.org. Lower-case letters, digits and '-'; dots \
between the parts.

Name servers (DNS) are given by address, several with blanks between them. With DHCP they may stay empty: the server names \
them. With a fixed address, those that DHCP named are proposed.

Search domains are added to short names, so that 'ping xen2' finds xen2.example.org."""

CABLE = {True: "connected", False: "no cable", None: "not known"}


def nic_row(nic: Nic) -> Row:
    """A card as a row of the list."""
    return Row(nic.mac, (nic.name, nic.mac, CABLE[nic.carrier], nic.driver or "not known", nic.slot))


def rows(nics: tuple[Nic, ...]) -> tuple[Row, ...]:
    """Cards with a cable first."""
    return tuple(nic_row(nic) for nic in sorted(nics, key=lambda nic: (nic.carrier is not True, nic.carrier is False, nic.name)))


def card(state: State) -> Form:
    """The card of the management network."""
    found = rows(state.facts.nics)
    bond = (Gap(), Check("card.bond", "Join it with further cards to a bond", state.on("card.bond"))) if len(found) > 1 else ()
    return Form(
        title="Network card",
        items=(
            Text("Over which network card shall the host be managed?"),
            Gap(),
            Table("card.key", HEADER, found, state.text("card.key"), WIDTHS, height=8)
            if found
            else Text("No network card was found."),
            *bond,
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("rescan", "Look again")),
        help=CARD_HELP,
    )


def take_card(state: State, values: Values) -> State | list[Problem]:
    """There must be one."""
    if state.nic(str(values.get("card.key", ""))) is None:
        return [Problem("", "A host needs a network card. Its driver may be missing; see the log (Ctrl-T).")]
    return state.having(values)


def other_cards(state: State) -> tuple[Nic, ...]:
    """Cards that can join the bond."""
    return tuple(nic for nic in state.facts.nics if nic.mac != state.text("card.key"))


def bond(state: State) -> Form:
    """The further cards of the bond, and how they share the work."""
    first = state.nic(state.text("card.key"))
    name = first.name if first else state.text("card.key")
    return Form(
        title="Bond",
        items=(
            Text(f"Which cards shall work together with {name}? Mark them with the space bar."),
            Gap(),
            CheckList("bond.cards", HEADER, rows(other_cards(state)), state.keys("bond.cards"), WIDTHS, height=6),
            Gap(),
            Radio(
                "bond.mode",
                (
                    ("active-backup", "Active-backup: one works, the others wait (any switch)"),
                    ("balance-slb", "Balance-slb: guests are spread over the cards (any switch)"),
                    ("lacp", "LACP (802.3ad): the switch must be set up for it"),
                ),
                state.text("bond.mode"),
            ),
        ),
        help=BOND_HELP,
    )


def take_bond(state: State, values: Values) -> State | list[Problem]:
    """At least two cards in all, at most eight."""
    after = state.having(values)
    if len(after.cards()) < 2:
        return [Problem("bond.cards", "Mark at least one card, or go back and leave the bond out.")]
    if len(after.cards()) > 8:
        return [Problem("bond.cards", "A bond has at most eight cards.")]
    return after


def no_bond(state: State) -> bool:
    """Skipped without a bond."""
    return not state.on("card.bond")


def ip(state: State) -> Form:
    """Where addresses come from."""
    return Form(
        title="Address of the host",
        items=(
            Text("IPv4"),
            Radio(
                "ip.v4",
                (("dhcp", "By DHCP"), ("static", "A fixed address"), ("none", "None: IPv6 alone")),
                state.text("ip.v4"),
            ),
            Gap(),
            Text("IPv6"),
            Radio(
                "ip.v6",
                (
                    ("none", "None: IPv4 alone"),
                    ("autoconf", "From the router (SLAAC)"),
                    ("dhcp", "By DHCPv6"),
                    ("static", "A fixed address"),
                ),
                state.text("ip.v6"),
            ),
            Gap(),
            Entry("ip.vlan", "VLAN (empty: none)", state.text("ip.vlan"), field_validators.vlan, width=6),
        ),
        help=IP_HELP,
    )


def take_ip(state: State, values: Values) -> State | list[Problem]:
    """One of the two at least."""
    after = state.having(values)
    if after.text("ip.v4") == after.text("ip.v6") == "none":
        return [Problem("ip.v4", "The host needs an address: choose another than None for one of the two.")]
    if wrong := field_validators.vlan(after.text("ip.vlan")):
        return [Problem("ip.vlan", wrong)]
    return after


def proposed(state: State, name: str, told: str, *, here: bool = True) -> str:
    """What stands in a field: what was typed, also when that is nothing; before that what DHCP told.

    :param here: whether what DHCP told holds for this field.
    """
    known = here and name not in state.values and not state.text("ip.vlan")
    return state.text(f"lease.{told}") if known else state.text(name)


def _static_form(state: State, version: int, prefix: str) -> Form:
    example = ("192.0.2.10/24", "192.0.2.1") if version == 4 else ("2001:db8::10/64", "2001:db8::1")
    address = proposed(state, f"{prefix}.address", "address", here=version == 4)
    gateway = proposed(state, f"{prefix}.gateway", "gateway", here=version == 4)
    text = f"Address with the length of its network, as {example[0]}. Gateway without it, as {example[1]}."
    if address and address == state.text("lease.address"):
        text = "This is what DHCP gave the card just now. Put an address of your own in its place; length and gateway mostly fit."
    return Form(
        title=f"Fixed IPv{version} address",
        items=(
            Text(text),
            Gap(),
            Entry(f"{prefix}.address", "Address/length", address, field_validators.address(version), width=46),
            Gap(),
            Entry(f"{prefix}.gateway", "Gateway", gateway, field_validators.gateway(version), width=46),
        ),
        help=STATIC_HELP,
    )


def _take_static(state: State, values: Values, version: int, prefix: str) -> State | list[Problem]:
    after = state.having(values)
    address, gateway = after.text(f"{prefix}.address"), after.text(f"{prefix}.gateway")
    problems = []
    if wrong := required(field_validators.address(version), "Type the host's address.")(address):
        problems.append(Problem(f"{prefix}.address", wrong))
    if wrong := field_validators.gateway(version)(gateway):
        problems.append(Problem(f"{prefix}.gateway", wrong))
    if not problems and (wrong := field_validators.gateway_inside(address, gateway)):
        problems.append(Problem(f"{prefix}.gateway", wrong))
    return problems or after


def static4(state: State) -> Form:
    """A fixed IPv4 address."""
    return _static_form(state, 4, "static")


def take_static4(state: State, values: Values) -> State | list[Problem]:
    """An address, and a gateway inside its network or none."""
    return _take_static(state, values, 4, "static")


def no_static4(state: State) -> bool:
    """Skipped unless the IPv4 address is fixed."""
    return state.text("ip.v4") != "static"


def static6(state: State) -> Form:
    """A fixed IPv6 address."""
    return _static_form(state, 6, "static6")


def take_static6(state: State, values: Values) -> State | list[Problem]:
    """An address, and a gateway inside its network or none."""
    return _take_static(state, values, 6, "static6")


def no_static6(state: State) -> bool:
    """Skipped unless the IPv6 address is fixed."""
    return state.text("ip.v6") != "static"


def names(state: State) -> Form:
    """The host's name, and who knows the others'."""
    from_dhcp = "dhcp" in (state.text("ip.v4"), state.text("ip.v6"))
    fixed = state.text("ip.v4") == "static" and not from_dhcp
    servers = proposed(state, "name.dns", "dns", here=fixed)
    domains = proposed(state, "name.search", "search", here=fixed)
    return Form(
        title="Name of the host",
        items=(
            Text("What shall the host be called? Best with its domain, as xen1.example.org."),
            Gap(),
            Entry("name.host", "Host name", proposed(state, "name.host", "host"), field_validators.host_name, width=50),
            Gap(),
            Text(
                "Name servers (DNS) by address"
                + (": leave empty to take those of DHCP." if from_dhcp else ", several with blanks.")
            ),
            Gap(),
            Entry("name.dns", "Name servers", servers, each(kind(field_types.dns_server)), width=50),
            Entry("name.search", "Search domains", domains, each(kind(field_types.host_name)), width=50),
        ),
        help=NAME_HELP,
    )


def take_names(state: State, values: Values) -> State | list[Problem]:
    """A name is needed, the rest may be empty."""
    after = state.having(values)
    tests = (
        ("name.host", required(field_validators.host_name, "The host needs a name, as xen1.example.org.")),
        ("name.dns", each(kind(field_types.dns_server))),
        ("name.search", each(kind(field_types.host_name))),
    )
    problems = [Problem(name, wrong) for name, test in tests if (wrong := test(after.text(name)))]
    return problems or after
