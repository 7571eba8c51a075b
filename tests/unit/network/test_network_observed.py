from __future__ import annotations

import json
from typing import Any

from network.observed import addresses, best, bond, bond_text

BOND = """---- mgmt-bond ----
bond_mode: active-backup
bond may use recirculation: no, Recirc-ID : -1
lacp_status: off
lacp_fallback_ab: false
active-backup primary: <none>
active member mac: 52:54:00:00:00:02(mgmt1)

member mgmt1: enabled
  active member
  may_enable: true

member mgmt0: disabled
  may_enable: false

"""


def shown(*entries: dict[str, Any]) -> str:
    return json.dumps([{"ifname": "xenbr0", "addr_info": list(entries)}])


def test_global_addresses_that_can_be_used() -> None:
    text = shown(
        {"family": "inet", "local": "169.254.1.1", "scope": "link"},
        {"family": "inet", "local": "10.0.2.15", "scope": "global"},
        {"family": "inet6", "local": "2001:db8::1", "scope": "global", "tentative": True},
        {"family": "inet6", "local": "2001:db8::2", "scope": "global", "dadfailed": True},
        {"family": "inet6", "local": "fd00::2", "scope": "global", "dynamic": True},
        {"family": "inet6", "local": "fe80::2", "scope": "link"},
    )
    found = addresses(text)
    assert found == {4: ["10.0.2.15"], 6: ["fd00::2"]}
    assert (best(found, (4, 6)), best(found, (6,)), best(found, ())) == ("10.0.2.15", "fd00::2", None)


def test_no_addresses() -> None:
    for text in ("", "[]", "Device does not exist"):
        assert addresses(text) == {4: [], 6: []}


def test_bond() -> None:
    state = bond(BOND)
    assert state == {
        "mode": "active-backup",
        "lacp": "off",
        "members": [
            {"name": "mgmt0", "enabled": False, "active": False},
            {"name": "mgmt1", "enabled": True, "active": True},
        ],
    }
    assert bond_text(state) == "active-backup: mgmt0 down, mgmt1 active"


def test_bond_with_lacp() -> None:
    text = BOND.replace("active-backup\n", "balance-tcp\n").replace("lacp_status: off", "lacp_status: negotiated")
    assert bond_text(bond(text)) == "balance-tcp, LACP negotiated: mgmt0 down, mgmt1 active"


def test_no_bond() -> None:
    assert bond_text(bond("")) == "unknown: no members"
