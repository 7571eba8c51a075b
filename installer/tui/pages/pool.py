"""Screens for the pool: standalone host, new pool, existing pool (pure)."""

from __future__ import annotations

import ipaddress

from answerfiles import field_types
from dom0kit.errors import UserError
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import kind, required
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Entry, Form, Gap, Problem, Radio, Text, Values
from pool.join.token import read_token

POOL_HELP = """A pool is a group of hosts that are managed together; guests can move between them.

The first host creates the pool; the others join it. A standalone host can do either later.

Ganeti manages guests and supports pools. xl is Xen's own command for single hosts; choose it if you need nothing else."""

CREATE_HELP = """The name of the pool, which differs from the host name and has a domain, such as pool.example.org.

The address belongs to the pool: an additional one in the management network, which always points to the pool master. Nothing \
else may use it. It can stay empty if the name server already knows the pool's name."""
JOIN_HELP = """The token contains what this host needs: the pool's addresses, its fingerprint, and a key that admits this host.

Create it on the pool master with 'dom0ctl pool token create'. It is one line of about 120 characters. Paste it on a serial line \
or over SSH, or save it in a text file on a USB stick and choose 'From USB'.

Its checksum detects missing or wrong characters. It is a secret, like a password."""

XAPI_HELP = """The address of the pool master, and the user and password that XenCenter or xe use.

The fingerprint identifies the master: the SHA-256 of its certificate. 'Fetch' asks the machine at the address for it; \
compare it with the output of this command on the master:

openssl x509 -in /etc/xensource/xapi-ssl.pem -noout -fingerprint -sha256"""


def pool(state: State) -> Form:
    """Build the screen for pool membership and toolstack."""
    tools = [("ganeti", "Ganeti: supports pools, now or later"), ("xl", "xl: Xen's own command, for single hosts")]
    if "xapi" in dict(state.toolstacks):
        tools.insert(1, ("xapi", "XAPI: XenServer's toolstack, for pools of XenServer and XCP-ng"))
    return Form(
        title="Pool",
        items=(
            Text("Select whether this host belongs to a pool."),
            Gap(),
            Radio(
                "pool.kind",
                (
                    ("alone", "No, a standalone host"),
                    ("create", "Create a new pool with this host as its first member"),
                    ("join", "Join an existing pool"),
                ),
                state.text("pool.kind"),
            ),
            Gap(),
            Text("Select the toolstack that manages the guests."),
            Gap(),
            Radio("pool.toolstack", tuple(tools), state.text("pool.toolstack")),
            Gap(),
            Text("An existing pool is contacted immediately. The host creates or joins the pool on first boot."),
        ),
        help=POOL_HELP,
    )


def submit_pool(state: State, values: Values) -> State | list[Problem]:
    """Reject xl with a pool."""
    if values.get("pool.kind") != "alone" and values.get("pool.toolstack") == "xl":
        return [Problem("pool.toolstack", "xl does not support pools. Choose another toolstack, or 'standalone host'.")]
    return state.with_values(values)


def pool_name(text: str) -> str:
    """Validate a pool name: Ganeti resolves it, so it needs a domain."""
    return field_validators.host_name(text) or ("" if "." in text else "Add the domain to the name, as in pool.example.org.")


def pool_address(text: str) -> str:
    """Validate the pool's own address; it may be empty."""
    if not text.strip():
        return ""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return "Enter an address without a prefix length, such as 192.0.2.50."
    if address.version != 4:
        return "A Ganeti pool needs an IPv4 address, such as 192.0.2.50."
    return (
        ""
        if not (address.is_multicast or address.is_loopback or address.is_unspecified)
        else "This address cannot be assigned to a machine."
    )


def create(state: State) -> Form:
    """Build the screen for name and address of a new pool."""
    ganeti = state.text("pool.toolstack") == "ganeti"
    address = (
        Text("Its own address in the management network, which points to the master:"),
        Gap(),
        Entry("pool.address", "Pool address", state.text("pool.address"), pool_address, width=20),
    )
    return Form(
        title="New pool",
        items=(
            Text("Enter a name for the pool that differs from the host name."),
            Gap(),
            Entry("pool.name", "Pool name", state.text("pool.name"), pool_name),
            *((Gap(), *address) if ganeti else ()),
        ),
        help=CREATE_HELP,
    )


def submit_create(state: State, values: Values) -> State | list[Problem]:
    """Require a name and an address that differ from the host's; the address must be in its network."""
    after = state.with_values(values)
    name, address = after.text("pool.name"), after.text("pool.address") if "pool.address" in values else ""
    problems = []
    if wrong := required(pool_name, "Enter a pool name such as pool.example.org.")(name):
        problems.append(Problem("pool.name", wrong))
    elif name == after.text("name.host"):
        problems.append(Problem("pool.name", "This is the host name. The pool needs a name of its own."))
    if wrong := pool_address(address) or address_conflict(after, address):
        problems.append(Problem("pool.address", wrong))
    return problems or after


def address_conflict(state: State, address: str) -> str:
    """Return why a pool address conflicts with the host's; "" if it does not, or the host uses DHCP."""
    if not address or state.text("ip.v4") != "static":
        return ""
    try:
        host = ipaddress.ip_interface(state.text("static.address"))
    except ValueError:
        return ""
    if ipaddress.ip_address(address) == host.ip:
        return "This is the host's address. The pool needs an address of its own."
    return "" if ipaddress.ip_address(address) in host.network else f"The address must be in the host's network {host.network}."


def token_problem(text: str) -> str:
    """Return what is wrong with a token; "" if it is valid or empty."""
    if not text.strip():
        return ""
    try:
        read_token(text)
    except UserError as error:
        return f"{field_validators.sentence(error.message)} {field_validators.sentence(error.hint)}"
    return ""


def describe_token(text: str) -> str:
    """Return a description of a valid token without its secret."""
    token = read_token(text)
    return f"{token} of the pool at {', '.join(token.addresses)}"


def token(state: State) -> Form:
    """Build the screen for the join token."""
    known = state.text("pool.join.token")
    text = (
        f"Current: {describe_token(known)}. Enter another one only to change it." if known else "Paste the join token, one line."
    )
    return Form(
        title="Join token",
        items=(
            Text(text),
            Gap(),
            Text("Create it on the pool master: dom0ctl pool token create"),
            Gap(),
            Entry("pool.typed", "Token", state.text("pool.typed"), token_problem, width=64),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("stick", "From USB")),
        help=JOIN_HELP,
    )


def submit_token(state: State, values: Values) -> State | list[Problem]:
    """Require a token with a valid checksum."""
    typed = "".join(str(values.get("pool.typed", "")).split())
    if wrong := token_problem(typed):
        return [Problem("pool.typed", wrong)]
    if not typed and not state.text("pool.join.token"):
        return [Problem("pool.typed", "A token is required to join the pool. Paste it, or read it from a USB stick.")]
    return state.with_values({"pool.typed": "", "pool.join.token": typed or state.text("pool.join.token")})


def xapi(state: State) -> Form:
    """Build the screen for the XAPI pool and its credentials."""
    known = (
        "A password is set. Enter a new one only to change it."
        if state.text("pool.password")
        else "The password is not displayed."
    )
    return Form(
        title="XAPI pool",
        items=(
            Entry("pool.master", "Master", state.text("pool.master"), kind(field_types.server)),
            Entry("pool.user", "User", state.text("pool.user"), width=20),
            Gap(),
            Text(known),
            Entry("pool.secret", "Password", "", password=True, width=30),
            Gap(),
            Text("SHA-256 of the master's certificate, 64 hexadecimal digits:"),
            Entry("pool.fingerprint", "Fingerprint", state.text("pool.fingerprint"), kind(field_types.digest), width=60),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("fetch", "Fetch")),
        help=XAPI_HELP,
    )


def submit_xapi(state: State, values: Values) -> State | list[Problem]:
    """Require all four fields."""
    secret = str(values.get("pool.secret", ""))
    after = state.with_values({name: value for name, value in values.items() if name != "pool.secret"})
    wrong = {
        "pool.master": required(kind(field_types.server), "Enter the master's name or address.")(after.text("pool.master")),
        "pool.user": "" if after.text("pool.user") else "Enter the user name, usually root.",
        "pool.secret": "" if secret or after.text("pool.password") else "Enter the user's password.",
        "pool.fingerprint": required(kind(field_types.digest), "Enter the fingerprint, or choose 'Fetch' and compare it.")(
            after.text("pool.fingerprint")
        ),
    }
    if problems := [Problem(name, text) for name, text in wrong.items() if text]:
        return problems
    return after.with_values({"pool.password": secret}) if secret else after


def confirm_fingerprint(server: str, fingerprint: str) -> Form:
    """Build the screen that asks whether a certificate is correct."""
    pairs = ":".join(fingerprint[place : place + 2].upper() for place in range(0, 64, 2))
    return Form(
        title="Fingerprint",
        items=(
            Text(f"{server} has a certificate with this SHA-256:"),
            Gap(),
            Text(f"{pairs[:48]}\n{pairs[48:]}"),
            Gap(),
            Text("Compare it with the fingerprint on the master (F1 explains how)."),
        ),
        buttons=(("no", "No"), ("yes", "Yes, it matches")),
        help=XAPI_HELP,
    )


def skip_create(state: State) -> bool:
    """Return whether no pool is to be created."""
    return state.text("pool.kind") != "create"


def skip_token(state: State) -> bool:
    """Return whether no Ganeti pool is to be joined."""
    return state.text("pool.kind") != "join" or state.text("pool.toolstack") != "ganeti"


def skip_xapi(state: State) -> bool:
    """Return whether no XAPI pool is to be joined."""
    return state.text("pool.kind") != "join" or state.text("pool.toolstack") != "xapi"
