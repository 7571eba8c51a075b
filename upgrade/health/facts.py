"""What the health checks look at on this host."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import Result
from firstboot.host import Host
from firstboot.multipath_monitor.cli import count_paths
from firstboot.pool.driver_factory import pool_state
from firstboot.pool.managed_host import pool_settings
from firstboot.retry import current_moment
from firstboot.status import StepState, step_state
from firstboot.step_records import StepRecords, fingerprint
from firstboot.steps.step import Step
from network import observed
from pool.driver import PoolState

PROBE_SECONDS = 120
"""Run a command that shows whether a daemon of this host answers, such as xl(1).

Kind: cap. Reason: each answers within a second on an idle machine. Expiry: the daemon counts as not answering; the check is
repeated as long as the host may still become healthy.
"""
PING_SECONDS = 2
"""Wait for a gateway's answer.

Kind: protocol. Reason: it is on the link; one that drops echo requests still answers ARP or neighbor solicitations, which counts.
Expiry: it counts as not answering; the check is repeated as long as the host may still become healthy.
"""
BANNER_SECONDS = 60.0
"""Wait for the first line of sshd.

Kind: cap. Reason: it is sent at once (RFC 4253, 4.2), by a process that sshd starts. Expiry: sshd counts as not answering; the
check is repeated as long as the host may still become healthy.
"""
FIRST_BOOT = "dom0kit-firstboot.service"
XL_AUTO = "etc/xen/auto"


@dataclass(frozen=True)
class Facts:
    """What was found at one moment.

    :param steps: first-boot steps; one for every boot that has not run in this boot is ``open``.
    :param running: whether first boot runs.
    :param addresses: of the management port by family.
    :param gateways: by address, whether it answers.
    :param ssh: the failure of each address that sshd listens at; empty text: it answers. None: switched off.
    :param xen: whether the host runs on Xen.
    :param xenstore: whether xenstored answers.
    :param xl: the failure of ``xl info``; empty when it works.
    :param paths: working and expected paths of each map by WWID.
    :param arrays: working and configured disks of each array by UUID.
    :param guests: names of guests that xl starts with the host, and whether they run.
    :param failed_units: failed units of systemd, without this project's own.
    """

    steps: Sequence[StepState]
    running: bool
    port: str
    families: tuple[int, ...]
    addresses: dict[int, list[str]]
    gateways: dict[str, bool]
    ssh: dict[str, str] | None
    xen: bool
    xenstore: bool
    xl: str
    paths: dict[str, tuple[int, int]]
    arrays: dict[str, tuple[int, int]]
    pool: PoolState
    guests: dict[str, bool] = field(default_factory=dict)
    failed_units: tuple[str, ...] = ()


def gather(host: Host, steps: Sequence[Step]) -> Facts:
    """Look at everything."""
    return Facts(
        steps=steps_of_this_boot(host, steps),
        running=is_running(host),
        port=host.port,
        families=host.families,
        addresses=host.addresses(),
        gateways=gateways(host),
        ssh=None if host.host_json.get("ssh") == "off" else ssh_failures(host),
        xen=host.on_xen,
        xenstore=host.on_xen and probe(host, ["xenstore-list", "/local/domain"]) is not None,
        xl="" if host.on_xen and probe(host, ["xl", "info"]) is not None else "xl info fails",
        paths=count_paths() if host.root == Path("/") else {},
        arrays=arrays(host),
        pool=pool_state(host),
        guests=guests(host),
        failed_units=failed_units(host),
    )


def probe(host: Host, argv: Sequence[str]) -> str | None:
    """Return a command's output; None when it fails or hangs."""
    try:
        result: Result = host.run(argv, check=False, timeout=PROBE_SECONDS)
    except UserError:
        return None
    return result.output if result.returncode == 0 else None


def steps_of_this_boot(host: Host, steps: Sequence[Step]) -> list[StepState]:
    """Return the steps' states; a step for every boot, and a failure, counts only when it has run in this one."""
    records, moment = StepRecords(host.root), current_moment(host)
    found = []
    for step in steps:
        state = step_state(step, records, fingerprint(host.host_json, step.answers, step.excluded_secrets), moment)
        boot = (records.read(step.name) or {}).get("boot") if state["state"] == "done" else moment.boot
        if "error" in state:
            boot = (records.error(step.name) or {}).get("boot")
        if boot != moment.boot and (step.always or "error" in state):
            state = {"name": step.name, "state": "open"}
        found.append(state)
    return found


def is_running(host: Host) -> bool:
    """Return whether first boot runs; systemctl(1) fails for a unit that is not active, and prints its state all the same."""
    result = host.run(["systemctl", "is-active", FIRST_BOOT], check=False, timeout=PROBE_SECONDS)
    return result.output.strip() in ("active", "activating", "reloading")


def gateways(host: Host) -> dict[str, bool]:
    """Return the default gateways of the management port, and whether each answers."""
    found = {}
    for family in host.families:
        listing = host.run(["ip", f"-{family}", "-json", "route", "show", "default"], check=False, timeout=PROBE_SECONDS).output
        for address in default_routes(listing, host.port):
            found[address] = answers(host, address)
    return found


def default_routes(listing: str, port: str) -> list[str]:
    """Return the gateways in the output of ``ip -json route show default`` that are behind a port."""
    return [str(route["gateway"]) for route in observed.records(listing) if route.get("dev") == port and "gateway" in route]


def answers(host: Host, gateway: str) -> bool:
    """Return whether a gateway answers an echo request, or the question for its hardware address."""
    ping = ["ping", "-n", "-c", "1", "-W", str(PING_SECONDS), "-I", host.port, gateway]
    if probe(host, ping) is not None:
        return True
    listing = host.run(["ip", "-json", "neigh", "show", "to", gateway, "dev", host.port], check=False, timeout=PROBE_SECONDS)
    return any("REACHABLE" in (record.get("state") or ()) for record in observed.records(listing.output))


def ssh_failures(host: Host, greet: Callable[[str, int], str] | None = None) -> dict[str, str]:
    """Return for each address and port of sshd's configuration why it does not answer; empty text when it does.

    :param greet: returns the failure; :func:`greeting_failure` except in tests.
    """
    settings = probe(host, ["sshd", "-T"]) or ""
    return {
        f"{address}:{port}": (greet or greeting_failure)(address, port)
        for address, port in listen_addresses(settings, host.address()) or [("127.0.0.1", 22)]
    }


def listen_addresses(settings: str, own: str | None) -> list[tuple[str, int]]:
    """Return where sshd can be reached, from the output of ``sshd -T``.

    :param own: the host's address, by which it is reached when sshd listens at all of that family; without it the loopback's.
    """
    found: list[tuple[str, int]] = []
    for line in settings.splitlines():
        if match := re.fullmatch(r"listenaddress \[?([0-9a-fA-F:.]+?)\]?:(\d+)", line.strip()):
            address, port = match[1], int(match[2])
            six = ":" in address
            if address in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
                address = own if own and (":" in own) == six else "::1" if six else "127.0.0.1"
            found.append((address, port))
    return found


def greeting_failure(address: str, port: int) -> str:
    """Return why sshd does not greet at an address; empty when it does."""
    try:
        with socket.create_connection((address, port), timeout=BANNER_SECONDS) as connection:
            return "" if connection.recv(64).startswith(b"SSH-") else "answers, but not as sshd"
    except OSError as error:
        return error.strerror or str(error)


def arrays(host: Host) -> dict[str, tuple[int, int]]:
    """Return the working and configured disks of each array with redundancy, by its UUID."""
    found = {}
    for folder in sorted(host.path("sys/class/block").glob("md*/md")):
        name = folder.parent.name
        below = f"sys/class/block/{name}/md"
        wanted, missing = host.read(f"{below}/raid_disks").strip(), host.read(f"{below}/degraded").strip()
        if not wanted.isdigit() or not missing.isdigit():
            continue  # RAID 0 has no file `degraded`
        export = probe(host, ["mdadm", "--detail", "--export", f"/dev/{name}"]) or ""
        uuid = next((line[8:] for line in export.splitlines() if line.startswith("MD_UUID=")), name)
        found[uuid] = (int(wanted) - int(missing), int(wanted))
    return found


def guests(host: Host) -> dict[str, bool]:
    """Return the guests that xl starts with the host, and whether they run; other toolstacks check theirs themselves."""
    if pool_settings(host.host_json)["toolstack"] != "xl":
        return {}
    folder = host.path(XL_AUTO)
    names = [
        match[1]
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if (match := re.search(r"^\s*name\s*=\s*[\"']([^\"']+)", host.read(f"{XL_AUTO}/{path.name}"), re.MULTILINE))
    ]
    if not names:
        return {}
    try:
        listing = json.loads(probe(host, ["xl", "list", "--long"]) or "[]")
        running = {str(guest["config"]["c_info"]["name"]) for guest in listing}
    except (ValueError, KeyError, TypeError):
        running = set()
    return {name: name in running for name in names}


def failed_units(host: Host) -> tuple[str, ...]:
    """Return systemd's failed units, without those that check this host."""
    listing = probe(host, ["systemctl", "--failed", "--no-legend", "--plain"]) or ""
    names = [line.split()[0] for line in listing.splitlines() if line.strip()]
    return tuple(name for name in names if name not in ("dom0kit-health.service", FIRST_BOOT))
