"""``dom0ctl network``: give the host another address, by questions on a terminal."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from dom0kit.errors import UserError
from firstboot.host import HOST_JSON, Host


def ask_ipv4(ask: Callable[[str], str], now: Any) -> Any:
    """What the answers shall say about IPv4; an empty line keeps what is there.

    :returns: the new value of ``ipv4``, checked by nobody yet.
    """
    static = now if isinstance(now, dict) else {}
    kind = ask(f"IPv4: dhcp, static or none [{'static' if static else now}]: ").strip() or ("static" if static else now)
    if kind != "static":
        return kind
    address = ask(f"Address/length, as 192.0.2.10/24 [{static.get('address', '')}]: ").strip() or static.get("address", "")
    gateway = ask(f"Gateway, '-' for none [{static.get('gateway') or '-'}]: ").strip() or static.get("gateway") or "-"
    return {"address": address} if gateway == "-" else {"address": address, "gateway": gateway}


def changed(told: dict[str, Any], ask: Callable[[str], str]) -> dict[str, Any]:
    """``host.json`` with the new address and DNS servers; the old one is left alone."""
    value = copy.deepcopy(told)
    management = value.setdefault("network", {}).setdefault("management", {})
    management["ipv4"] = ask_ipv4(ask, management.get("ipv4", "dhcp"))
    servers = " ".join(management.get("dns") or ())
    typed = ask(f"Name servers, '-' for none [{servers or '-'}]: ").strip()
    if typed:
        management["dns"] = [] if typed == "-" else typed.replace(",", " ").split()
    return value


def network(host: Host, ask: Callable[[str], str], say: Callable[[str], None]) -> bool:
    """Ask, check, write. Was anything changed?

    :raises UserError: when what was typed cannot be; nothing is written then.
    """
    import json  # noqa: PLC0415

    from pydantic import ValidationError  # noqa: PLC0415 - takes long to load; the status screen must not wait for it

    from answerfiles.model import Answers  # noqa: PLC0415

    say("An empty line keeps what stands in brackets.")
    value = changed(host.told, ask)
    if value == host.told:
        say("Nothing was changed.")
        return False
    try:
        answers = Answers.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where}: {first['msg']}", "nothing was changed; try again") from error
    say("Whoever is logged in over the network may lose the connection.")
    if ask("Type 'yes' to change it: ").strip().lower() != "yes":
        say("Nothing was changed.")
        return False
    host.write(HOST_JSON, answers.to_json(reveal=True), 0o600)
    return True
