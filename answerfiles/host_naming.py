"""Host names for many machines by one file: ``dhcp``, or a template such as ``xen-{serial}`` that each machine fills (pure).

What makes a name unique comes from the machine. A template whose source is empty, or whose result is no host name, names no
host; nothing is cut or replaced to make it fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import HOST_NAME, Kind, own_host_name

DHCP = "dhcp"
PLACES = ("serial", "uuid", "mac", "asset")
PLACE = re.compile(r"\{([^{}]*)\}")
SOURCES = {
    "serial": "the firmware's serial number of the system",
    "uuid": "the firmware's UUID of the system",
    "mac": "the MAC address of the management network's first card",
    "asset": "the firmware's asset tag of the chassis",
    DHCP: "the name that the DHCP server gave to the installer on the management network's card",
}


class NoName(Exception):
    """A rule names no host on this machine; the text says why."""


def is_rule(text: str) -> bool:
    """Return whether a host name comes from the machine: ``dhcp`` or a template."""
    return text == DHCP or "{" in text


def fill(rule: str, values: Mapping[str, str]) -> str:
    """Return the host name that a rule gives on a machine; a plain name is returned as it is.

    :param values: the machine's ``serial``, ``uuid``, ``mac``, ``asset`` and ``dhcp``; empty where it has none.
    :raises NoName: when a value is empty, or the result is not a legal host name.
    """
    if not is_rule(rule):
        return rule
    names = [DHCP] if rule == DHCP else PLACE.findall(rule)
    if empty := [name for name in names if not values.get(name)]:
        raise NoName(f"{rule!r} names no host: this machine has no {empty[0]} ({SOURCES[empty[0]]})")
    name = values[DHCP] if rule == DHCP else PLACE.sub(lambda match: values[match.group(1)].replace(":", ""), rule)
    if name.lower().partition(".")[0] == "localhost":
        raise NoName(f"{rule!r} gives {name.lower()!r} on this machine, which is the name of every machine for itself")
    try:
        return own_host_name(name.lower())
    except PydanticCustomError as error:
        raise NoName(f"{rule!r} gives {name.lower()!r} on this machine; allowed: {error.message()}") from None


def described(text: str) -> str:
    """Return a host name for a sentence; a rule stands for a host that the machine names."""
    if text == DHCP:
        return "a host with the name that DHCP gives it"
    return f"a host named {text}" if is_rule(text) else text


def _template(value: str) -> str:
    """Check a template: known places, and a legal host name around them."""
    for name in PLACE.findall(value):
        if name not in PLACES:
            raise refuse("host_name", f"in braces one of {', '.join(PLACES)}, as xen-{{serial}}; not {{{name}}}")
    sample = PLACE.sub("0a", value.lower())
    if "{" in sample or "}" in sample:
        raise refuse("host_name", "each of serial, uuid, mac and asset in one pair of braces, as xen-{serial}")
    own_host_name(sample)
    return value.lower()


def name_or_rule(value: str) -> str:
    """Check a host name, ``dhcp``, or a template."""
    if value.lower() == DHCP:
        return DHCP
    return _template(value) if "{" in value or "}" in value else own_host_name(value)


def template(value: str) -> str:
    """Check a template with at least one place."""
    if not PLACE.search(value):
        raise refuse("host_name", "a template with something of the machine in it, as xen-{mac}")
    return _template(value)


def _unquoted(value: Any) -> Any:
    """Explain ``{serial}`` without quotes, which YAML reads as a mapping."""
    if isinstance(value, dict) and len(value) == 1 and set(value) <= {*PLACES} and list(value.values()) == [None]:
        name = next(iter(value))
        raise refuse("host_name", f"a template that starts with a brace in quotes: '{{{name}}}'")
    return value


_PATTERN = rf"[dD][hH][cC][pP]|{HOST_NAME.pattern}|[A-Za-z0-9.-]*(?:\{{(?:{'|'.join(PLACES)})\}}[A-Za-z0-9.-]*)+"
NameOrRule = Annotated[
    str,
    BeforeValidator(_unquoted),
    AfterValidator(name_or_rule),
    Kind(
        "a host name, as xen1.example.org, 'dhcp', or a template, as xen-{serial}",
        {"type": "string", "pattern": f"^(?:{_PATTERN})$"},
    ),
]
NameTemplate = Annotated[
    str,
    BeforeValidator(_unquoted),
    AfterValidator(template),
    Kind("a template, as xen-{mac}", {"type": "string", "pattern": r"\{(?:" + "|".join(PLACES) + r")\}"}),
]
