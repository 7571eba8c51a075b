"""How the host is, as ``dom0ctl status`` and ``dom0ctl log`` show it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dom0kit.units import human_seconds, table
from firstboot.host import Host
from firstboot.network import state
from firstboot.network.layout import told_management
from firstboot.paths.commands import count_paths
from firstboot.paths.maps import summary
from firstboot.stamps import Stamps, fingerprint
from firstboot.steps import Step

LOG = "var/log/dom0kit/firstboot-events.jsonl"


def read_status(host: Host, steps: Sequence[Step]) -> dict[str, Any]:
    """All that ``status`` knows, as a value for ``--json``."""
    stamps = Stamps(host.root)
    found = host.addresses()
    return {
        "name": str(host.told.get("host_name", "")),
        "version": host.version,
        "xen": host.on_xen,
        "port": host.port,
        "vlan": told_management(host.told).get("vlan"),
        "address": state.best(found, host.families),
        "addresses": [*found[4], *found[6]],
        "bonds": host.bonds(),
        "ssh": _ssh(host),
        "paths": count_paths() if host.root == Path("/") else {},
        "steps": [step_state(step, stamps, fingerprint(host.told, step.answers)) for step in steps],
    }


def _ssh(host: Host) -> str:
    active = host.run(["systemctl", "is-active", "ssh.service"], check=False, timeout=30).output.strip()
    if host.told.get("ssh") == "off":
        return "off" if active != "active" else "running, though the answers say off"
    return "running" if active == "active" else "not running"


def step_state(step: Step, stamps: Stamps, mark: str) -> dict[str, Any]:
    """One step's state: ``done``, ``failed``, ``changed`` (done for other answers) or ``open``."""
    stamp, error = stamps.read(step.name), stamps.error(step.name)
    if error is not None:
        return {
            "name": step.name,
            "state": "failed",
            "time": error.get("time"),
            "tries": error.get("tries"),
            "error": error["error"],
        }
    if stamp is None:
        return {"name": step.name, "state": "open"}
    state = "done" if stamp.get("answers") == mark else "changed"
    return {"name": step.name, "state": state, "time": stamp.get("time"), "seconds": stamp.get("seconds")}


def status_text(status: dict[str, Any]) -> str:
    """The status for a person."""
    rows: list[tuple[str, ...]] = []
    errors = []
    for step in status["steps"]:
        seconds = step.get("seconds")
        took = "" if seconds is None else human_seconds(seconds)
        rows.append((step["name"], step["state"], when(step.get("time")), took))
        if "error" in step:
            errors.append(f"{step['name']} failed (tried {step['tries']} times): {step['error']}")
    where = status["port"] if status["vlan"] is None else f"{status['port']} (VLAN {status['vlan']})"
    head = [
        f"host      {status['name']}",
        f"version   {status['version']}",
        f"xen       {'running' if status['xen'] else 'not running'}",
        f"address   {', '.join(status['addresses']) or 'none yet'} on {where}",
        *(f"bond      {name}: {state.bond_text(bond)}" for name, bond in status["bonds"].items()),
        f"ssh       {status['ssh']}",
        *([f"paths     {summary(status['paths'])}"] if status.get("paths") else []),
    ]
    return "\n".join([*head, "", table(("step", "state", "when", "took"), rows), *(["", *errors] if errors else [])])


def log_text(lines: Iterable[str]) -> str:
    """The events of the log, one line each; lines that a power cut left broken are passed over."""
    shown = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            words = [event.get("event"), event.get("name"), event.get("state"), event.get("error"), event.get("text")]
            shown.append(f"{when(event.get('time'))}  " + "  ".join(str(word) for word in words if word))
    return "\n".join(shown)


def when(seconds: float | None) -> str:
    """A moment in local time."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
