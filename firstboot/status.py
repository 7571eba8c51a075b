"""How the host is, as ``dom0ctl status`` and ``dom0ctl log`` show it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dom0kit.process import QUERY_SECONDS
from dom0kit.units import human_seconds, table
from firstboot.host import Host
from firstboot.multipath_monitor.cli import count_paths
from firstboot.multipath_monitor.map_changes import summary
from firstboot.pool.driver_factory import pool_state
from firstboot.pool.steps import pool_text
from firstboot.retry import Moment, clock, left, now
from firstboot.step_records import Stamps, fingerprint
from firstboot.steps.steps import Step
from network import observed
from network.host_json import management_settings
from pool.driver import PoolState

LOG = "var/log/dom0kit/firstboot-events.jsonl"


def read_status(host: Host, steps: Sequence[Step]) -> dict[str, Any]:
    """All that ``status`` knows, as a value for ``--json``."""
    stamps = Stamps(host.root)
    found = host.addresses()
    moment = now(host)
    return {
        "name": str(host.told.get("host_name", "")),
        "version": host.version,
        "xen": host.on_xen,
        "port": host.port,
        "vlan": management_settings(host.told).get("vlan"),
        "address": observed.best(found, host.families),
        "addresses": [*found[4], *found[6]],
        "bonds": host.bonds(),
        "ssh": _ssh(host),
        "pool": asdict(pool_state(host)),
        "paths": count_paths() if host.root == Path("/") else {},
        "steps": [step_state(step, stamps, fingerprint(host.told, step.answers, step.not_counted), moment) for step in steps],
    }


def _ssh(host: Host) -> str:
    active = host.run(["systemctl", "is-active", "ssh.service"], check=False, timeout=QUERY_SECONDS).output.strip()
    if host.told.get("ssh") == "off":
        return "off" if active != "active" else "running, though the answers say off"
    return "running" if active == "active" else "not running"


def step_state(step: Step, stamps: Stamps, mark: str, moment: Moment) -> dict[str, Any]:
    """One step's state: ``done``, ``failed``, ``changed`` (done for other answers) or ``open``.

    Of a failed one also ``error``, ``tries`` and ``next``: seconds since 1970, None when it waits for a person.
    """
    stamp, error = stamps.read(step.name), stamps.error(step.name)
    if error is not None:
        pause = left(error, moment)
        return {
            "name": step.name,
            "state": "failed",
            "time": error.get("time"),
            "tries": error.get("tries"),
            "error": error["error"],
            "next": None if pause is None else round(time.time() + pause),
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
            errors.append(f"{failure_text(step)}: {step['error']}")
    where = status["port"] if status["vlan"] is None else f"{status['port']} (VLAN {status['vlan']})"
    head = [
        f"host      {status['name']}",
        f"version   {status['version']}",
        f"xen       {'running' if status['xen'] else 'not running'}",
        f"address   {', '.join(status['addresses']) or 'none yet'} on {where}",
        *(f"bond      {name}: {observed.bond_text(bond)}" for name, bond in status["bonds"].items()),
        f"ssh       {status['ssh']}",
        *([f"paths     {summary(status['paths'])}"] if status.get("paths") else []),
        f"pool      {pool_text(PoolState(**status['pool']))}",
        *([] if status["pool"]["well"] else [f"          not well: {status['pool']['reason']}"]),
    ]
    return "\n".join([*head, "", table(("step", "state", "when", "took"), rows), *(["", *errors] if errors else [])])


def failure_text(step: dict[str, Any]) -> str:
    """That a step failed, how often, and when or how it is tried again."""
    tries = "once" if step.get("tries") == 1 else f"{step.get('tries')} times"
    again = step.get("next")
    plan = f"again by itself at {clock(again)}" if again is not None else f"again by: dom0ctl firstboot retry {step['name']}"
    return f"{step['name']} failed (tried {tries}; {plan})"


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
