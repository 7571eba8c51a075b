"""Screens for the management network: network cards, bond, addresses, names (pure)."""

from __future__ import annotations

from answerfiles import field_types
from installer.model.hardware import Nic
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import each, kind, required
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Check, CheckList, Entry, Form, Gap, Problem, Radio, Row, Table, Text, Values

HEADER = ("Card", "MAC address", "Cable", "Driver", "Slot")
WIDTHS = (12, 17, 14, 14, 14)

CARD_HELP = """This network card carries management traffic: log-ins, the pool, and usually storage. Guests can use it too.

The card is identified by its MAC address, so it stays the same when cards are added or change their slot.

'unknown' under Cable: the card is down. If you plug in a cable now, choose 'Rescan'.

A bond combines several cards: when a cable or a switch fails, the others take over. Tick \
the box to select them on the next screen."""

BOND_HELP = """Active-backup works with every switch: one card carries all traffic, another takes over when its cable or \
switch fails.

Balance-slb also works with every switch and distributes guests over the cards by their MAC addresses.

LACP (802.3ad) needs switch ports configured for it. Ask your network administrator."""

IP_HELP = """How the host gets its address. If in doubt, keep DHCP: a server in your network assigns the address, the \
gateway and the name servers. Servers usually have static addresses; ask your network administrator.

VLAN: a number from 1 to 4094 if the switch port carries tagged networks. Leave it empty otherwise.

IPv6 is used in addition to IPv4. 'From the router' (SLAAC) is the usual way."""

STATIC_HELP = """Enter the address with its prefix length: 192.0.2.10/24. The netmask 255.255.255.0 \
is /24, 255.255.0.0 is /16, 255.255.255.128 is /25.

The gateway is the router to all other networks, inside the host's own network. Without one, the host reaches only its \
own network.

If DHCP answered on this card, the fields contain its address, prefix length and gateway. The address is leased: replace it \
by an unused one. Ctrl-U clears a field. The next screen tests the address and detects whether another machine uses it."""

NAME_HELP = """The host name, preferably with its domain: xen1.example.org. Use lower-case letters, digits and '-', with dots \
between the parts.

Name servers (DNS) are addresses separated by blanks. With DHCP they can stay empty: the server provides \
them. With a static address, those from DHCP are proposed.

Search domains are appended to short names, so that 'ping xen2' finds xen2.example.org."""

CABLE = {True: "connected", False: "no cable", None: "unknown"}


def nic_row(nic: Nic) -> Row:
    """Return a network card as a row of the list."""
    return Row(nic.mac, (nic.name, nic.mac, CABLE[nic.carrier], nic.driver or "unknown", nic.slot))


def rows(nics: tuple[Nic, ...]) -> tuple[Row, ...]:
    """Return the network cards as rows, connected ones first, functions over USB (those of a BMC) last."""

    def place(nic: Nic) -> tuple[bool, bool, bool, str]:
        return nic.is_usb_function, nic.carrier is not True, nic.carrier is False, nic.name

    return tuple(nic_row(nic) for nic in sorted(nics, key=place))


def card(state: State) -> Form:
    """Build the screen for the management network card."""
    found = rows(state.facts.nics)
    bond = (Gap(), Check("card.bond", "Bond it with other cards", state.is_checked("card.bond"))) if len(found) > 1 else ()
    return Form(
        title="Network card",
        items=(
            Text("Select the network card for management."),
            Gap(),
            Table("card.key", HEADER, found, state.text("card.key"), WIDTHS, height=8)
            if found
            else Text("No network card was found."),
            *bond,
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("rescan", "Rescan")),
        help=CARD_HELP,
    )


def submit_card(state: State, values: Values) -> State | list[Problem]:
    """Require a network card."""
    if state.nic(str(values.get("card.key", ""))) is None:
        return [Problem("", "No network card was found. Its driver may be missing; see the log (Ctrl-T).")]
    return state.with_values(values)


def other_cards(state: State) -> tuple[Nic, ...]:
    """Return the network cards that can join the bond."""
    return tuple(nic for nic in state.facts.nics if nic.mac != state.text("card.key"))


def bond(state: State) -> Form:
    """Build the screen for the other network cards of the bond and its mode."""
    first = state.nic(state.text("card.key"))
    name = first.name if first else state.text("card.key")
    return Form(
        title="Bond",
        items=(
            Text(f"Select the network cards to bond with {name}, using the space bar."),
            Gap(),
            CheckList("bond.cards", HEADER, rows(other_cards(state)), state.keys("bond.cards"), WIDTHS, height=6),
            Gap(),
            Radio(
                "bond.mode",
                (
                    ("active-backup", "Active-backup: one active, others on standby (any switch)"),
                    ("balance-slb", "Balance-slb: guests distributed over the cards (any switch)"),
                    ("lacp", "LACP (802.3ad): the switch must be configured for it"),
                ),
                state.text("bond.mode"),
            ),
        ),
        help=BOND_HELP,
    )


def submit_bond(state: State, values: Values) -> State | list[Problem]:
    """Require two to eight network cards in total."""
    after = state.with_values(values)
    if len(after.cards()) < 2:
        return [Problem("bond.cards", "Select at least one card, or go back and untick the bond.")]
    if len(after.cards()) > 8:
        return [Problem("bond.cards", "A bond can have at most 8 network cards.")]
    return after


def skip_bond(state: State) -> bool:
    """Return whether no bond was chosen."""
    return not state.is_checked("card.bond")


def ip(state: State) -> Form:
    """Build the screen for the address configuration methods."""
    return Form(
        title="Host address",
        items=(
            Text("IPv4"),
            Radio(
                "ip.v4",
                (("dhcp", "By DHCP"), ("static", "Static address"), ("none", "None: IPv6 only")),
                state.text("ip.v4"),
            ),
            Gap(),
            Text("IPv6"),
            Radio(
                "ip.v6",
                (
                    ("none", "None: IPv4 only"),
                    ("autoconf", "From the router (SLAAC)"),
                    ("dhcp", "By DHCPv6"),
                    ("static", "Static address"),
                ),
                state.text("ip.v6"),
            ),
            Gap(),
            Entry("ip.vlan", "VLAN (empty: none)", state.text("ip.vlan"), field_validators.vlan, width=6),
        ),
        help=IP_HELP,
    )


def submit_ip(state: State, values: Values) -> State | list[Problem]:
    """Require an IPv4 or IPv6 address."""
    after = state.with_values(values)
    if after.text("ip.v4") == after.text("ip.v6") == "none":
        return [Problem("ip.v4", "The host needs an address: choose a method for IPv4 or IPv6.")]
    if wrong := field_validators.vlan(after.text("ip.vlan")):
        return [Problem("ip.vlan", wrong)]
    return after


def proposed(state: State, name: str, lease_field: str, *, applies: bool = True) -> str:
    """Return the content of a field: the user's input, even if empty; before that, the DHCP lease's.

    :param applies: whether the DHCP lease applies to this field.
    """
    known = applies and name not in state.values and not state.text("ip.vlan")
    return state.text(f"lease.{lease_field}") if known else state.text(name)


def _static_form(state: State, version: int, prefix: str) -> Form:
    example = ("192.0.2.10/24", "192.0.2.1") if version == 4 else ("2001:db8::10/64", "2001:db8::1")
    address = proposed(state, f"{prefix}.address", "address", applies=version == 4)
    gateway = proposed(state, f"{prefix}.gateway", "gateway", applies=version == 4)
    text = f"Address with prefix length, for example {example[0]}. Gateway without it, for example {example[1]}."
    if address and address == state.text("lease.address"):
        text = "These values come from DHCP. Replace the address by an unused one; prefix length and gateway usually fit."
    return Form(
        title=f"Static IPv{version} address",
        items=(
            Text(text),
            Gap(),
            Entry(f"{prefix}.address", "Address/prefix", address, field_validators.address(version), width=46),
            Gap(),
            Entry(f"{prefix}.gateway", "Gateway", gateway, field_validators.gateway(version), width=46),
        ),
        help=STATIC_HELP,
    )


def _submit_static(state: State, values: Values, version: int, prefix: str) -> State | list[Problem]:
    after = state.with_values(values)
    address, gateway = after.text(f"{prefix}.address"), after.text(f"{prefix}.gateway")
    problems = []
    if wrong := required(field_validators.address(version), "Enter the host's address.")(address):
        problems.append(Problem(f"{prefix}.address", wrong))
    if wrong := field_validators.gateway(version)(gateway):
        problems.append(Problem(f"{prefix}.gateway", wrong))
    if not problems and (wrong := field_validators.gateway_inside(address, gateway)):
        problems.append(Problem(f"{prefix}.gateway", wrong))
    return problems or after


def static4(state: State) -> Form:
    """Build the screen for a static IPv4 address."""
    return _static_form(state, 4, "static")


def submit_static4(state: State, values: Values) -> State | list[Problem]:
    """Require an address; the gateway is optional but must be in its network."""
    return _submit_static(state, values, 4, "static")


def skip_static4(state: State) -> bool:
    """Return whether the IPv4 address is not static."""
    return state.text("ip.v4") != "static"


def static6(state: State) -> Form:
    """Build the screen for a static IPv6 address."""
    return _static_form(state, 6, "static6")


def submit_static6(state: State, values: Values) -> State | list[Problem]:
    """Require an address; the gateway is optional but must be in its network."""
    return _submit_static(state, values, 6, "static6")


def skip_static6(state: State) -> bool:
    """Return whether the IPv6 address is not static."""
    return state.text("ip.v6") != "static"


def names(state: State) -> Form:
    """Build the screen for host name, name servers and search domains."""
    from_dhcp = "dhcp" in (state.text("ip.v4"), state.text("ip.v6"))
    fixed = state.text("ip.v4") == "static" and not from_dhcp
    servers = proposed(state, "name.dns", "dns", applies=fixed)
    domains = proposed(state, "name.search", "search", applies=fixed)
    return Form(
        title="Host name",
        items=(
            Text("Enter the host name, preferably with its domain, such as xen1.example.org."),
            Gap(),
            Entry("name.host", "Host name", proposed(state, "name.host", "host"), field_validators.host_name, width=50),
            Gap(),
            Text(
                "Addresses of name servers (DNS)"
                + ("; leave empty to use those from DHCP." if from_dhcp else ", separated by blanks.")
            ),
            Gap(),
            Entry("name.dns", "Name servers", servers, each(kind(field_types.dns_server)), width=50),
            Entry("name.search", "Search domains", domains, each(kind(field_types.host_name)), width=50),
        ),
        help=NAME_HELP,
    )


def submit_names(state: State, values: Values) -> State | list[Problem]:
    """Require a host name; the other fields are optional."""
    after = state.with_values(values)
    tests = (
        ("name.host", required(field_validators.host_name, "Enter a host name such as xen1.example.org.")),
        ("name.dns", each(kind(field_types.dns_server))),
        ("name.search", each(kind(field_types.host_name))),
    )
    problems = [Problem(name, wrong) for name, test in tests if (wrong := test(after.text(name)))]
    return problems or after
