"""``dom0ctl network``: change the management address interactively."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from dom0kit.errors import UserError
from dom0kit.host_json import HostJson
from firstboot.host import HOST_JSON, Host


def ask_ipv4(ask: Callable[[str], str], now: Any) -> Any:
    """Ask for the new IPv4 setting; an empty line keeps the current one.

    :param ask: prints a prompt and returns the line that was entered.
    :param now: the current value of ``ipv4``.
    :returns: the new value of ``ipv4``, not validated.
    """
    static = now if isinstance(now, dict) else {}
    kind = ask(f"IPv4: dhcp, static or none [{'static' if static else now}]: ").strip() or ("static" if static else now)
    if kind != "static":
        return kind
    address = ask(f"Address/length, as 192.0.2.10/24 [{static.get('address', '')}]: ").strip() or static.get("address", "")
    gateway = ask(f"Gateway, '-' for none [{static.get('gateway') or '-'}]: ").strip() or static.get("gateway") or "-"
    return {"address": address} if gateway == "-" else {"address": address, "gateway": gateway}


def changed(host_json: HostJson, ask: Callable[[str], str]) -> HostJson:
    """Return a copy of ``host.json`` with the new address and DNS servers."""
    value = copy.deepcopy(host_json)
    management = value.setdefault("network", {}).setdefault("management", {})
    management["ipv4"] = ask_ipv4(ask, management.get("ipv4", "dhcp"))
    servers = " ".join(management.get("dns") or ())
    typed = ask(f"Name servers, '-' for none [{servers or '-'}]: ").strip()
    if typed:
        management["dns"] = [] if typed == "-" else typed.replace(",", " ").split()
    return value


def network(host: Host, ask: Callable[[str], str], say: Callable[[str], None]) -> bool:
    """Ask for the new settings, validate and write them.

    :returns: whether anything was changed.
    :raises UserError: when the settings are invalid; nothing is written then.
    """
    import json  # noqa: PLC0415

    from pydantic import ValidationError  # noqa: PLC0415 - takes long to load; the status screen must not wait for it

    from answerfiles.model import Answers  # noqa: PLC0415

    say("An empty line keeps the value in brackets.")
    value = changed(host.host_json, ask)
    if value == host.host_json:
        say("Nothing was changed.")
        return False
    try:
        answers = Answers.model_validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{where}: {first['msg']}", "try again; nothing was changed") from error
    say("Logins over the network may lose their connection.")
    if ask("Type 'yes' to change it: ").strip().lower() != "yes":
        say("Nothing was changed.")
        return False
    host.write(HOST_JSON, answers.to_json(reveal=True), 0o600)
    return True
