"""The console of an installed host: a status screen that refreshes itself, and actions by key.

Viewing needs no login. Every action that changes the host requires root's password: commands run
through su(1) started as nobody, so that PAM authenticates and this program handles no password.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dom0kit.process import QUERY_SECONDS, run
from dom0kit.units import human_bytes
from firstboot.host import Host
from firstboot.image_status import image_problems
from firstboot.multipath_monitor import uevents
from firstboot.pool.steps import pool_text
from firstboot.status import Status, StepState, failure_text, read_status
from firstboot.steps.steps import STEPS
from pool.driver import PoolState

SECONDS = 15.0
"""Interval at which the status screen is refreshed.

Kind: pace. Reason: a refresh runs several commands. Expiry: the next refresh.
"""
SOON = 2.0
"""Pause between a uevent of a path and the next refresh of the status screen.

Kind: pace. Reason: multipathd must have processed the path. Expiry: the refresh.
"""
WIDTH, HEIGHT = 80, 24
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "su", "-l", "root")
LSBLK = ("lsblk", "--json", "--bytes", "--output", "NAME,TYPE,SIZE,MODEL,STATE,MOUNTPOINTS")
FAILED = ("systemctl", "--failed", "--no-legend", "--plain")


@dataclass(frozen=True)
class Action:
    """An action of the console.

    :param argv: the command, which has the terminal to itself. Empty: the console ends, and its
        caller starts a login; login(1) hangs the terminal up and must be the first process of its
        session.
    :param question: confirmation question; empty for none.
    :param stay: keep the output on the screen until Enter is pressed.
    """

    key: str
    label: str
    argv: tuple[str, ...]
    question: str = ""
    stay: bool = False


ACTIONS = (
    Action("1", "Shell", ()),
    Action("2", "Network", (*AS_NOBODY, "-c", "dom0ctl network"), stay=True),
    Action("3", "Restart", (*AS_NOBODY, "-c", "systemctl reboot"), "Restart this host? All guests on it will be stopped."),
    Action("4", "Power off", (*AS_NOBODY, "-c", "systemctl poweroff"), "Power this host off? All guests on it will be stopped."),
)


def disk_lines(text: str, paths: Mapping[str, Sequence[int]] = {}) -> list[str]:
    """Return one line per disk, multipath map and array from :data:`LSBLK`.

    :param paths: working and expected paths of each map by WWID: the listing does not contain lost
        paths.
    """
    try:
        trees = json.loads(text or "{}").get("blockdevices", [])
    except ValueError:
        return []
    maps: dict[tuple[str, str], list[str]] = {}
    lines = []
    for disk in trees:
        below = [child for child in disk.get("children") or () if child.get("type") == "mpath"]
        state = str(disk.get("state") or "")
        for child in below:
            maps.setdefault((str(child["name"]), human_bytes(int(child.get("size") or 0))), []).append(state)
        if disk.get("type") == "disk" and not below and int(disk.get("size") or 0) and not str(disk["name"]).startswith("zram"):
            words = [str(disk["name"]), human_bytes(int(disk["size"])), str(disk.get("model") or "").strip()]
            lines.append("  ".join(word for word in words if word) + ("" if state in ("running", "live", "") else f"  {state}"))
    for (name, size), states in maps.items():
        well, wanted = paths.get(name) or (sum(state == "running" for state in states), len(states))
        lines.append(f"{name}  {size}  {well} of {wanted} paths work")
    return lines


def array_lines(mdstat: str) -> list[str]:
    """Return the arrays of /proc/mdstat that miss a disk or are rebuilding."""
    lines, name = [], ""
    for line in mdstat.splitlines():
        if " : active" in line:
            name = line.split(" ", 1)[0]
        elif name and "[" in line and "_" in line.rsplit("[", 1)[1]:
            lines.append(f"{name}: a disk of the array is missing")
        elif name and ("recovery" in line or "resync" in line):
            lines.append(f"{name}: {' '.join(line.split()[1:4])}")
    return lines


def problems(status: Status, failed_units: str, arrays: Iterable[str]) -> list[str]:
    """Return the problems, the most important first."""
    found = [line for step in status["steps"] if "error" in step for line in _failure_lines(step)]
    found += [f"disk {wwid} has {well} of {wanted} paths" for wwid, (well, wanted) in status["paths"].items() if well < wanted]
    found += list(arrays)
    if not status["pool"]["well"]:
        found.append(f"pool: {status['pool']['reason']}")
    found += [f"service {line.split()[0]} failed" for line in failed_units.splitlines() if line.strip()]
    image = status.get("image")
    if image is not None:
        found += image_problems(image)
    if not status["xen"]:
        found.append("Xen is not running: guests cannot be started")
    return found


def _failure_lines(step: StepState) -> list[str]:
    """Return a failed step as two rows: the reason, and the retry."""
    return [f"{step['name']}: {str(step['error']).partition(chr(10))[0]}", failure_text(step)]


def screen(
    status: Status,
    pool: str,
    disks: Sequence[str],
    bad: Sequence[str],
    *,
    now: str,
) -> list[str]:
    """Return the rows of the screen; rows that do not fit are marked as cut off."""
    width, height = WIDTH, HEIGHT
    open_steps = [step["name"] for step in status["steps"] if step["state"] in ("open", "changed")]
    lines = [
        f" {status['name']}".ljust(width - len(now) - 1) + now,
        "-" * width,
        f" Version    dom0kit {status['version']}",
        f" Address    {', '.join(status['addresses']) or 'none yet'} on {status['port']}",
        *([f" Log-in     ssh root@{status['address']}"] if status.get("address") and status.get("ssh") == "running" else []),
        f" Pool       {pool}",
    ]
    lines += [f" {'Disks' if not index else '     '}      {line}" for index, line in enumerate(some(disks, 5))]
    lines.append("")
    if bad:
        lines += [" Problems:", *(f"  * {line}" for line in some(bad, 6))]
    elif open_steps:
        lines.append(f" First boot is in progress: {', '.join(open_steps)}")
    else:
        lines.append(" No problems.")
    lines = lines[: height - 2]
    lines += [""] * (height - 2 - len(lines))
    lines += ["-" * width, " " + "   ".join(f"{action.key} {action.label}" for action in ACTIONS)]
    return [line if len(line) <= width else line[: width - 1] + "~" for line in lines]


def some(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines, and the number of those left out."""
    return list(lines) if len(lines) <= most else [*lines[: most - 1], f"and {len(lines) - most + 1} more; see 'dom0ctl status'"]


def read_screen(host: Host) -> list[str]:
    """Return the current screen of this host."""
    status = read_status(host, STEPS)
    arrays = array_lines(host.read("proc/mdstat"))
    bad = problems(status, host.run(FAILED, check=False, timeout=QUERY_SECONDS).output, arrays)
    disks = disk_lines(host.run(LSBLK, check=False, timeout=QUERY_SECONDS).output, status["paths"])
    return screen(status, pool_text(PoolState(**status["pool"])), disks, bad, now=time.strftime("%Y-%m-%d %H:%M "))


def show(lines: Sequence[str]) -> None:
    """Draw from the upper left corner, without a cursor."""
    sys.stdout.write("\x1b[?25l\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J")
    sys.stdout.flush()


def uevent_sockets() -> list[socket.socket]:
    """Return a socket for the kernel's uevents, if this process may open one."""
    try:
        return [uevents.listen()]
    except OSError:
        return []


def wait_key(seconds: float, lines: Sequence[socket.socket] = ()) -> str:
    """Wait for a key; see :func:`unbuffered_keys`.

    :param seconds: time limit.
    :returns: the key; empty without one, and shortly after a path to a disk has changed.
    """
    end = time.monotonic() + seconds
    while True:
        ready = select.select([sys.stdin, *lines], [], [], max(0.0, end - time.monotonic()))[0]
        if sys.stdin in ready:
            return os.read(sys.stdin.fileno(), 1).decode(errors="replace")
        if not ready:
            return ""
        if any(uevents.receive(line) for line in lines if line in ready):
            end = min(end, time.monotonic() + SOON)


@contextmanager
def unbuffered_keys() -> Iterator[Callable[[], None]]:
    """Read keys without Enter and without echo, including those pressed while the screen is drawn.

    :returns: a function that restores the terminal for line input; the next call switches it back.
    """
    usual = termios.tcgetattr(sys.stdin)
    taken = False

    def toggle() -> None:
        nonlocal taken
        if taken:
            # Discard what was typed before a question.
            termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, usual)
        else:
            tty.setcbreak(sys.stdin, termios.TCSANOW)
        taken = not taken

    toggle()
    try:
        yield toggle
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, usual)


def perform(action: Action, ask: Callable[[str], str] = input) -> None:
    """Run an action, with the terminal to itself."""
    sys.stdout.write("\x1b[?25h\x1b[2J\x1b[H")
    sys.stdout.flush()
    try:
        if action.question and ask(f"{action.question} Type 'yes': ").strip().lower() != "yes":
            return
        if action.argv[0] == AS_NOBODY[0]:
            print(f"{action.label}: root's password is required.", flush=True)
        env = {"TERM": "linux", "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")}
        code = subprocess.run(action.argv, check=False, env=env).returncode
        if code:
            ask("The action failed. Press Enter.")
        elif action.stay:
            ask("Press Enter.")
    except (EOFError, KeyboardInterrupt):
        return


def main() -> int:
    """Show the screen until a login is requested: exit code 0. Exit code 1 without a terminal."""
    if not sys.stdin.isatty():
        print("the console requires a terminal; use 'dom0ctl status'", file=sys.stderr)
        return 1
    lines = uevent_sockets()
    with unbuffered_keys() as toggle:
        while True:
            try:
                # A new object each time, because Host caches host.json.
                show(read_screen(Host(run=run)))
                key = wait_key(SECONDS, lines)
            except KeyboardInterrupt:
                continue
            action = next((action for action in ACTIONS if action.key == key), None)
            if action is None:
                continue
            if not action.argv:
                sys.stdout.write("\x1b[?25h\x1b[2J\x1b[H")
                return 0
            toggle()
            perform(action)
            toggle()
