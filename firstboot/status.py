"""State of the host for ``dom0ctl status`` and ``dom0ctl log``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, TypedDict, cast

from dom0kit.process import QUERY_SECONDS
from dom0kit.units import human_seconds, table
from firstboot.first_password import is_wanted
from firstboot.host import Host
from firstboot.image_status import ImageStatus, image_lines, read_image_status
from firstboot.multipath_monitor.cli import count_paths
from firstboot.multipath_monitor.map_changes import summary
from firstboot.pool.driver_factory import pool_state
from firstboot.pool.steps import pool_text
from firstboot.retry import Moment, current_moment, seconds_left, time_text
from firstboot.step_records import StepRecords, fingerprint
from firstboot.steps.step import Step
from firstboot.updates_status import UpdatesStatus, image_age, read_updates_status, replaced_lines
from network import observed
from network.host_json import management_settings
from pool.driver import PoolState


class StepState(TypedDict, total=False):
    """One step of first boot.

    :ivar state: ``done``, ``failed``, ``changed`` (done for other answers) or ``open``.
    :ivar time: seconds since 1970 of the last try.
    :ivar seconds: duration of a finished step.
    :ivar tries: number of tries of a failed step.
    :ivar error: the reason of a failed step.
    :ivar next: seconds since 1970 of the next try of a failed step; None without automatic retry.
    """

    name: str
    state: str
    time: float | None
    seconds: float | None
    tries: int | None
    error: str
    next: float | None


class PoolStateJson(TypedDict):
    """The state of the pool: the fields of :class:`pool.driver.PoolState`."""

    toolstack: str
    pool: str
    role: Literal["alone", "master", "candidate", "member"]
    master: str
    hosts: int
    well: bool
    reason: str


class Status(TypedDict):
    """What ``dom0ctl status --json`` prints.

    :ivar image: which image runs, and whether it is confirmed; None when that is not known.
    :ivar updates: the image's age, newer images, services that run replaced files.
    :ivar xen: whether the host runs on Xen.
    :ivar password_wanted: whether the consoles still ask for root's password.
    :ivar address: the address to log in at; None without one.
    :ivar paths: working and expected paths of each multipath map by WWID.
    """

    name: str
    version: str
    image: ImageStatus | None
    updates: UpdatesStatus
    xen: bool
    port: str
    vlan: int | None
    address: str | None
    addresses: list[str]
    bonds: dict[str, observed.Bond]
    ssh: str
    password_wanted: bool
    pool: PoolStateJson
    paths: dict[str, tuple[int, int]]
    steps: list[StepState]


LOG = "var/log/dom0kit/firstboot-events.jsonl"


def read_status(host: Host, steps: Sequence[Step]) -> Status:
    """Return the whole status as a JSON value."""
    records = StepRecords(host.root)
    found = host.addresses()
    moment = current_moment(host)
    return {
        "name": str(host.host_json.get("host_name", "")),
        "version": host.version,
        "image": read_image_status(host.root),
        "updates": read_updates_status(host.root),
        "xen": host.on_xen,
        "port": host.port,
        "vlan": management_settings(host.host_json).get("vlan"),
        "address": observed.best(found, host.families),
        "addresses": [*found[4], *found[6]],
        "bonds": host.bonds(),
        "ssh": _ssh(host),
        "password_wanted": is_wanted(host),
        "pool": cast("PoolStateJson", asdict(pool_state(host))),
        "paths": count_paths() if host.root == Path("/") else {},
        "steps": [
            step_state(step, records, fingerprint(host.host_json, step.answers, step.excluded_secrets), moment) for step in steps
        ],
    }


def _ssh(host: Host) -> str:
    active = host.run(["systemctl", "is-active", "ssh.service"], check=False, timeout=QUERY_SECONDS).output.strip()
    if host.host_json.get("ssh") == "off":
        return "off" if active != "active" else "running, although the answers set ssh: off"
    return "running" if active == "active" else "not running"


def step_state(step: Step, records: StepRecords, mark: str, moment: Moment) -> StepState:
    """Return one step's state.

    ``done``, ``failed``, ``changed`` (done for other answers) or ``open``.

    A failed step also has ``error``, ``tries`` and ``next``: seconds since 1970, None without
    automatic retry.
    """
    record, error = records.read(step.name), records.error(step.name)
    if error is not None:
        pause = seconds_left(error, moment)
        return {
            "name": step.name,
            "state": "failed",
            "time": error.get("time"),
            "tries": error.get("tries"),
            "error": error["error"],
            "next": None if pause is None else round(time.time() + pause),
        }
    if record is None:
        return {"name": step.name, "state": "open"}
    state = "done" if record.get("answers") == mark else "changed"
    return {"name": step.name, "state": state, "time": record.get("time"), "seconds": record.get("seconds")}


def status_text(status: Status) -> str:
    """Return the status as text."""
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
        *labelled("image", image_and_newer(status)),
        f"xen       {'running' if status['xen'] else 'not running'}",
        f"address   {', '.join(status['addresses']) or 'none'} on {where}",
        *(f"bond      {name}: {observed.bond_text(bond)}" for name, bond in status["bonds"].items()),
        f"ssh       {status['ssh']}",
        *labelled("restart", replaced_lines(updates) if (updates := status.get("updates")) else []),
        *(["root      no password yet; the consoles ask for it: dom0ctl password"] if status.get("password_wanted") else []),
        *([f"paths     {summary(status['paths'])}"] if status.get("paths") else []),
        f"pool      {pool_text(PoolState(**status['pool']))}",
        *([] if status["pool"]["well"] else [f"          degraded: {status['pool']['reason']}"]),
    ]
    return "\n".join([*head, "", table(("step", "state", "when", "took"), rows), *(["", *errors] if errors else [])])


def image_and_newer(status: Status) -> list[str]:
    """Return lines about the running image, its age, and newer ones."""
    lines = [] if (image := status.get("image")) is None else image_lines(image)
    return [*lines, *(image_age(updates, time.time()) if lines and (updates := status.get("updates")) else [])]


def labelled(label: str, lines: Sequence[str]) -> list[str]:
    """Return lines of the status with a label in front of the first."""
    return [f"{'' if index else label:<10}{line}" for index, line in enumerate(lines)]


def failure_text(step: StepState) -> str:
    """Return that a step failed, how often, and when or how it is retried."""
    tries = "once" if step.get("tries") == 1 else f"{step.get('tries')} times"
    again = step.get("next")
    plan = f"automatic retry at {time_text(again)}" if again is not None else f"run dom0ctl firstboot retry {step['name']}"
    return f"{step['name']} failed (tried {tries}; {plan})"


def log_text(lines: Iterable[str]) -> str:
    """Return the events of the log as one line each; damaged lines are skipped."""
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
    """Return a time since 1970 as local date and time."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
