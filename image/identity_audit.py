"""Audit an image: it must hold nothing that identifies one machine or grants access."""

from __future__ import annotations

import re
from pathlib import Path

LOCKED = re.compile(r"^[!*]")
"""A password field that no password matches begins so (shadow(5))."""


def unlocked_accounts(shadow: str) -> list[str]:
    """Accounts in shadow(5)'s text that a password, or none, would open."""
    fields = [line.split(":") for line in shadow.splitlines() if ":" in line]
    return [f"{field[0]} has a password or needs none" for field in fields if not LOCKED.match(field[1])]


def identities(tree: Path) -> list[str]:
    """Everything in a tree that two hosts would share and must not."""
    found = []
    if (machine_id := tree / "etc/machine-id").exists() and machine_id.read_text().strip():
        found.append("etc/machine-id is not empty")
    found += [f"{path.relative_to(tree)} is a host key" for path in sorted(tree.glob("etc/ssh/ssh_host_*"))]
    initiator = tree / "etc/iscsi/initiatorname.iscsi"
    if initiator.exists() and re.search(r"^InitiatorName=", initiator.read_text(), re.MULTILINE):
        found.append(f"{initiator.relative_to(tree)} names an initiator")
    for name in (
        "etc/nvme/hostid",
        "etc/nvme/hostnqn",
        "var/lib/dbus/machine-id",
        "var/lib/systemd/random-seed",
        "var/lib/systemd/credential.secret",
    ):
        if (tree / name).exists():
            found.append(f"{name} is there")
    found += [f"{path.relative_to(tree)} grants access" for path in sorted(tree.glob("root/.ssh/*"))]
    shadow = tree / "etc/shadow"
    return found + (unlocked_accounts(shadow.read_text()) if shadow.exists() else [])
