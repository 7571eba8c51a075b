"""The subcommands of ``dom0ctl``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, TerminalSink, json_sink
from dom0kit.process import COMMAND_SECONDS
from firstboot.host import Host
from firstboot.multipath_monitor.cli import configure_initramfs, configure_paths, initramfs, paths
from firstboot.network.apply import arrived
from firstboot.pool import cli as pool_cli
from firstboot.pool import selftest
from firstboot.reporting import NETWORK_STEP, attach
from firstboot.retry import SERVICE, now, schedule
from firstboot.runner import Outcome, Wish, next_pause, report, run_steps, tell_systemd
from firstboot.status import LOG, log_text, read_status, status_text
from firstboot.step_records import Busy, Stamps
from firstboot.steps.steps import STEPS, Step

if TYPE_CHECKING:
    from dom0kit.cli import Add


def register(add: Add) -> None:
    """Add the subcommands of an installed host."""
    add(
        "status",
        "how this host is: name, version, address, first-boot steps",
        _configure_status,
        status,
        example="dom0ctl status --json",
    )
    add(
        "firstboot",
        "run the first-boot steps that are not done yet",
        _configure_firstboot,
        firstboot,
        example="dom0ctl firstboot retry network",
    )
    add(
        "paths",
        "disks with several paths: groups, states, what is missing",
        configure_paths,
        paths,
        example="dom0ctl paths --rescan",
    )
    add(
        "initramfs",
        "put this host's multipath and iSCSI files into its initramfs",
        configure_initramfs,
        initramfs,
        example="dom0ctl initramfs --check",
    )
    add(
        "console",
        "the screen of the console: status, and keys for shell, network, restart",
        _configure_none,
        console,
        example="dom0ctl console",
    )
    add("network", "give this host another address, by questions", _configure_none, network, example="dom0ctl network")
    pool_cli.register(add)
    selftest.register(add)
    add("log", "the events of first boot, oldest first", _configure_log, log, example="dom0ctl log --lines 20")


def _configure_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def _configure_firstboot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("run", "retry"), help="run what is not done; retry: run STEP at once")
    parser.add_argument("step", nargs="?", metavar="STEP", help="the step to retry")
    parser.add_argument("--only", metavar="STEP,...", help="run these steps alone")
    parser.add_argument("--due", action="store_true", help=argparse.SUPPRESS)


def _configure_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", "--lines", type=int, default=100, metavar="N", help="the last N events (default: 100)")


def _configure_none(parser: argparse.ArgumentParser) -> None:
    """These take no arguments."""


def console(arguments: argparse.Namespace) -> int:
    """``dom0ctl console``."""
    from firstboot import status_screen as screen  # noqa: PLC0415 - its terminal modules are of no use elsewhere

    return screen.main()


def network(arguments: argparse.Namespace) -> int:
    """``dom0ctl network``; the changed steps of first boot run at once."""
    from firstboot import reconfigure  # noqa: PLC0415

    try:
        if not reconfigure.network(Host(), input, print):
            return 0
    except EOFError:
        raise UserError("nobody answers", "run it on a terminal") from None
    return firstboot(argparse.Namespace(action="run", step=None, only=None, due=False))


def status(arguments: argparse.Namespace) -> int:
    """``dom0ctl status``."""
    value = read_status(Host(), STEPS)
    print(json.dumps(value, indent=2, sort_keys=True) if arguments.json else status_text(value))
    return 0


def log(arguments: argparse.Namespace) -> int:
    """``dom0ctl log``."""
    try:
        lines = (Path("/") / LOG).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    except PermissionError as error:
        raise UserError(f"/{LOG} may be read by root alone", "run this command as root") from error
    if text := log_text(lines[-max(arguments.lines, 1) :]):
        print(text)
    return 0


def firstboot(arguments: argparse.Namespace) -> int:
    """``dom0ctl firstboot run`` and ``dom0ctl firstboot retry STEP``; exit code 1 when a step failed."""
    if (arguments.action == "retry") != (arguments.step is not None):
        raise UserError("retry takes one step, run takes none", "dom0ctl firstboot retry network")
    steps = choose(STEPS, arguments.only)
    again = [step.name for step in (choose(STEPS, arguments.step) if arguments.step else ())]
    host, stamps = Host(), Stamps(Path("/"))
    wish = Wish(due=arguments.due or bool(again), again=again)
    try:
        with stamps.lock():
            for step in again:
                stamps.clear(step)
            outcome = _run(host, steps, wish, whole=not arguments.only)
    except Busy:
        if not arguments.due:
            raise
        tell_systemd()  # a service of Type=notify that ends without this has failed
        _say("first boot is running already; it goes on there")
        return 0
    except PermissionError as error:
        raise UserError(f"first boot changes the system: {error}", "run this command as root") from error
    return 0 if outcome.well else 1


def _run(host: Host, steps: Sequence[Step], wish: Wish, *, whole: bool) -> Outcome:
    """One run with its reports, and the timer of the next one.

    :param whole: a part of the steps says nothing about the whole host.
    """
    reporter = _reporter()
    reports = attach(host, reporter, _say)
    if online(host):
        reports.release()
    reporter.emit("started", host=host.name, version=host.version)
    outcome = run_steps(host, reporter, steps, ready=tell_systemd, say=_say, wish=wish)
    if whole:
        arrived(host)
        report(host, reporter, outcome)
    try:
        schedule(host, next_pause(host, STEPS))
    except UserError as error:
        _say(str(error))
    if whole and outcome.well and "NOTIFY_SOCKET" not in os.environ:
        # The service may have failed before a person mended it.
        host.run(["systemctl", "reset-failed", SERVICE], check=False, timeout=COMMAND_SECONDS)
    if lost := reports.close():
        _say(f"{lost} reports did not reach the webhook")
    return outcome


def online(host: Host) -> bool:
    """Was the network waited for in this boot already?"""
    stamp = Stamps(host.root).read(NETWORK_STEP)
    return stamp is not None and stamp.get("boot") == now(host).boot


def choose(steps: Sequence[Step], only: str | None) -> tuple[Step, ...]:
    """The steps that are named, in their own order; all without names."""
    if only is None:
        return tuple(steps)
    wanted = [name.strip() for name in only.split(",")]
    known = [step.name for step in steps]
    for name in wanted:
        if name not in known:
            raise UserError(f"there is no step {name!r}", f"the steps are: {', '.join(known)}")
    return tuple(step for step in steps if step.name in wanted)


def _say(text: str) -> None:
    print(f"     {text}", file=sys.stderr, flush=True)


def _reporter() -> Reporter:
    file = Path("/") / LOG
    file.parent.mkdir(parents=True, exist_ok=True)
    reporter = Reporter("firstboot", [TerminalSink()])
    for place in (file, *([VIRTIO_PORT] if VIRTIO_PORT.exists() else [])):
        try:
            reporter.sinks.append(json_sink(place))
        except OSError as error:
            _say(f"no events to {place}: {error}")
    return reporter
