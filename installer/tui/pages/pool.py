"""The screens about the pool: alone, a new one, one that is there. Pure."""

from __future__ import annotations

import ipaddress

from answerfiles import field_types
from dom0kit.errors import UserError
from installer.tui.pages import field_validators
from installer.tui.pages.field_validators import kind, required
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Entry, Form, Gap, Problem, Radio, Text, Values
from pool.join.token import read_token

POOL_HELP = """Several hosts make a pool: they are managed together, and guests move between them.

The first host makes the pool; the others join it. A host that stands alone now can do either later.

Ganeti manages guests and can make pools. xl is Xen's own command for single hosts; choose it when you want nothing else."""

CREATE_HELP = """The name is that of the pool, not of this host: one with a domain, as pool.example.org.

The address is the pool's own, a further one in the management network. It follows the pool's master from host to host; nothing \
else may have it. It may stay empty when the name server knows the name already."""

JOIN_HELP = """The token holds all that this host needs: where the pool is, how it is known, and a key that lets this host in.

Make it on the pool's master with 'dom0ctl pool token create'. It is one line of about 120 characters. Paste it on a serial line \
or over SSH, or put it into a text file on a USB stick and choose 'From a stick'.

It has a checksum: a character that is missing or wrong is found at once. It is a secret, like a password."""

XAPI_HELP = """The address is that of the pool's master; user and password are those that XenCenter or xe would use.

The fingerprint says which machine is the master: the SHA-256 of its certificate. 'Fetch it' asks the machine at the address; \
compare what it shows with the master's own:

openssl x509 -in /etc/xensource/xapi-ssl.pem -noout -fingerprint -sha256"""


def pool(state: State) -> Form:
    """Alone or in a pool, and what manages guests."""
    tools = [("ganeti", "Ganeti: makes pools, now or later"), ("xl", "xl: Xen's own command, for single hosts")]
    if "xapi" in dict(state.toolstacks):
        tools.insert(1, ("xapi", "XAPI: XenServer's, for pools of XenServer and XCP-ng"))
    return Form(
        title="Pool",
        items=(
            Text("Shall this host belong to a pool of hosts?"),
            Gap(),
            Radio(
                "pool.kind",
                (
                    ("alone", "No, it stands alone"),
                    ("create", "Make a new pool with this host as its first"),
                    ("join", "Join a pool that is there"),
                ),
                state.text("pool.kind"),
            ),
            Gap(),
            Text("What shall manage the guests?"),
            Gap(),
            Radio("pool.toolstack", tuple(tools), state.text("pool.toolstack")),
            Gap(),
            Text("A pool that is there is asked at once. The host makes or joins its pool by itself when it starts first."),
        ),
        help=POOL_HELP,
    )


def take_pool(state: State, values: Values) -> State | list[Problem]:
    """Xen's own command knows no pools."""
    if values.get("pool.kind") != "alone" and values.get("pool.toolstack") == "xl":
        return [Problem("pool.toolstack", "xl knows no pools. Choose another one, or 'stands alone'.")]
    return state.having(values)


def pool_name(text: str) -> str:
    """A pool's name; Ganeti looks it up, and a name without a domain is found nowhere."""
    return field_validators.host_name(text) or ("" if "." in text else "Write the name with its domain, as pool.example.org.")


def pool_address(text: str) -> str:
    """The pool's own address, or nothing."""
    if not text.strip():
        return ""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return "Write an address alone, as 192.0.2.50; without slash and length."
    if address.version != 4:
        return "Ganeti's pools have an IPv4 address here, as 192.0.2.50."
    return (
        "" if not (address.is_multicast or address.is_loopback or address.is_unspecified) else "No machine can have this address."
    )


def create(state: State) -> Form:
    """Name and address of a new pool."""
    ganeti = state.text("pool.toolstack") == "ganeti"
    address = (
        Text("Its own address in the management network, which follows the master:"),
        Gap(),
        Entry("pool.address", "Address of the pool", state.text("pool.address"), pool_address, width=20),
    )
    return Form(
        title="New pool",
        items=(
            Text("How shall the pool be called? It is another name than the host's."),
            Gap(),
            Entry("pool.name", "Name of the pool", state.text("pool.name"), pool_name),
            *((Gap(), *address) if ganeti else ()),
        ),
        help=CREATE_HELP,
    )


def take_create(state: State, values: Values) -> State | list[Problem]:
    """A name that is not the host's; an address that is not the host's and inside its network."""
    after = state.having(values)
    name, address = after.text("pool.name"), after.text("pool.address") if "pool.address" in values else ""
    problems = []
    if wrong := required(pool_name, "The pool needs a name, as pool.example.org.")(name):
        problems.append(Problem("pool.name", wrong))
    elif name == after.text("name.host"):
        problems.append(Problem("pool.name", "This is the host's name. The pool needs one of its own."))
    if wrong := pool_address(address) or beside_host(after, address):
        problems.append(Problem("pool.address", wrong))
    return problems or after


def beside_host(state: State, address: str) -> str:
    """Why a pool's address does not go with the host's; empty when it does, or the host's comes from DHCP."""
    if not address or state.text("ip.v4") != "static":
        return ""
    try:
        host = ipaddress.ip_interface(state.text("static.address"))
    except ValueError:
        return ""
    if ipaddress.ip_address(address) == host.ip:
        return "This is the host's address. The pool needs one of its own."
    return "" if ipaddress.ip_address(address) in host.network else f"The address must be in the host's network {host.network}."


def token_wrong(text: str) -> str:
    """What is wrong with a token as it was typed; empty when nothing is, or nothing was typed."""
    if not text.strip():
        return ""
    try:
        read_token(text)
    except UserError as error:
        return f"{field_validators.sentence(error.message)} {field_validators.sentence(error.hint)}"
    return ""


def described(text: str) -> str:
    """A good token in words that are no secret."""
    token = read_token(text)
    return f"{token} of the pool at {', '.join(token.addresses)}"


def token(state: State) -> Form:
    """The join token."""
    known = state.text("pool.join.token")
    told = f"There is the {described(known)}. Give another one only to change it." if known else "Paste the join token, one line."
    return Form(
        title="Join token",
        items=(
            Text(told),
            Gap(),
            Text("It is made on the pool's master: dom0ctl pool token create"),
            Gap(),
            Entry("pool.typed", "Token", state.text("pool.typed"), token_wrong, width=64),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("stick", "From a stick")),
        help=JOIN_HELP,
    )


def take_token(state: State, values: Values) -> State | list[Problem]:
    """A token whose checksum is right."""
    typed = "".join(str(values.get("pool.typed", "")).split())
    if wrong := token_wrong(typed):
        return [Problem("pool.typed", wrong)]
    if not typed and not state.text("pool.join.token"):
        return [Problem("pool.typed", "Without a token there is no way into the pool. Paste it, or read it from a stick.")]
    return state.having({"pool.typed": "", "pool.join.token": typed or state.text("pool.join.token")})


def xapi(state: State) -> Form:
    """Where a pool of XAPI's is, and who this host comes as."""
    known = (
        "A password is set. Type a new one only to change it." if state.text("pool.password") else "The password is not shown."
    )
    return Form(
        title="Pool of XAPI",
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
        buttons=((NEXT, "Next"), (BACK, "Back"), ("fetch", "Fetch it")),
        help=XAPI_HELP,
    )


def take_xapi(state: State, values: Values) -> State | list[Problem]:
    """All four are needed."""
    secret = str(values.get("pool.secret", ""))
    after = state.having({name: value for name, value in values.items() if name != "pool.secret"})
    wrong = {
        "pool.master": required(kind(field_types.server), "Type the master's name or address.")(after.text("pool.master")),
        "pool.user": "" if after.text("pool.user") else "Type the user's name; mostly it is root.",
        "pool.secret": "" if secret or after.text("pool.password") else "Type the user's password.",
        "pool.fingerprint": required(kind(field_types.digest), "Type the fingerprint, or choose 'Fetch it' and compare.")(
            after.text("pool.fingerprint")
        ),
    }
    if problems := [Problem(name, text) for name, text in wrong.items() if text]:
        return problems
    return after.having({"pool.password": secret}) if secret else after


def confirm_fingerprint(server: str, fingerprint: str) -> Form:
    """Whether the certificate that was shown is the right one."""
    pairs = ":".join(fingerprint[place : place + 2].upper() for place in range(0, 64, 2))
    return Form(
        title="Fingerprint",
        items=(
            Text(f"{server} shows a certificate with this SHA-256:"),
            Gap(),
            Text(f"{pairs[:48]}\n{pairs[48:]}"),
            Gap(),
            Text("Compare it with the master's own, which F1 tells how to get. Is it the same?"),
        ),
        buttons=(("no", "No"), ("yes", "Yes, it is")),
        help=XAPI_HELP,
    )


def no_create(state: State) -> bool:
    """Skipped unless a pool is to be made."""
    return state.text("pool.kind") != "create"


def no_token(state: State) -> bool:
    """Skipped unless a pool of Ganeti is to be joined."""
    return state.text("pool.kind") != "join" or state.text("pool.toolstack") != "ganeti"


def no_xapi(state: State) -> bool:
    """Skipped unless a pool of XAPI is to be joined."""
    return state.text("pool.kind") != "join" or state.text("pool.toolstack") != "xapi"
