"""Subcommands of ``dom0ctl`` on an installed host."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.arguments.values import whole
from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, TerminalSink, json_sink
from dom0kit.process import COMMAND_SECONDS
from firstboot.firewall import ports
from firstboot.host import Host
from firstboot.multipath_monitor.cli import configure_initramfs, configure_paths, initramfs, paths
from firstboot.network.apply import arrived
from firstboot.pool import cli as pool_cli
from firstboot.pool import selftest
from firstboot.reporting import NETWORK_STEP, attach
from firstboot.retry import SERVICE, current_moment, schedule
from firstboot.runner import Outcome, RunOptions, emit_result, notify_systemd, run_steps, seconds_to_next_retry
from firstboot.status import LOG, log_text, read_status, status_text
from firstboot.step_records import Busy, StepRecords
from firstboot.steps.step import Step
from firstboot.steps.steps import STEPS

if TYPE_CHECKING:
    from dom0kit.cli import Add


def register(add: Add) -> None:
    """Register the subcommands of an installed host."""
    add(
        "status",
        "show the state of this host: name, version, address, first-boot steps",
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
        "multipath",
        "show multipath disks: path groups, states, missing paths",
        configure_paths,
        paths,
        example="dom0ctl multipath --rescan",
    )
    add(
        "initramfs",
        "update the host-specific initramfs overlay from the multipath and iSCSI files in /etc",
        configure_initramfs,
        initramfs,
        example="dom0ctl initramfs --check",
    )
    add(
        "console",
        "run the console's status screen, with keys for shell, network and restart",
        _configure_none,
        console,
        example="dom0ctl console",
    )
    add(
        "password",
        "set root's password when the answers left it to the first start",
        _configure_none,
        password,
        example="dom0ctl password",
    )
    add("network", "change the management address interactively", _configure_none, network, example="dom0ctl network")
    ports.register(add)
    pool_cli.register(add)
    selftest.register(add)
    add("log", "show the events of first boot, oldest first", _configure_log, log, example="dom0ctl log --lines 20")


def _configure_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_firstboot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("run", "retry"), help="run: all steps that are not done; retry: STEP now")
    parser.add_argument("step", nargs="?", metavar="STEP", help="the step to retry")
    parser.add_argument("--only", metavar="STEP,...", help="run only these steps")
    parser.add_argument("--due", action="store_true", help=argparse.SUPPRESS)


def _configure_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n",
        "--lines",
        type=whole(1, 1_000_000, "a number of events"),
        default=100,
        metavar="N",
        help="show the last N events (default: 100)",
    )


def _configure_none(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def console(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl console``."""
    from firstboot import status_screen as screen  # noqa: PLC0415 - its terminal modules are of no use elsewhere

    return screen.main()


def password(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl password``."""
    from firstboot import first_password  # noqa: PLC0415

    return first_password.main(Host())


def network(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl network``, then the first-boot steps that it changed."""
    from firstboot import reconfigure  # noqa: PLC0415

    try:
        if not reconfigure.network(Host(), input, print):
            return 0
    except EOFError:
        raise UserError("standard input has ended before all questions were answered", "run this command on a terminal") from None
    return firstboot(argparse.Namespace(action="run", step=None, only=None, due=False))


def status(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl status``."""
    value = read_status(Host(), STEPS)
    print(json.dumps(value, indent=2, sort_keys=True) if arguments.json else status_text(value))
    return 0


def log(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl log``."""
    try:
        lines = (Path("/") / LOG).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    except PermissionError as error:
        raise UserError(f"/{LOG} is readable by root only", "run this command as root") from error
    if text := log_text(lines[-max(arguments.lines, 1) :]):
        print(text)
    return 0


def firstboot(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl firstboot run`` or ``dom0ctl firstboot retry STEP``.

    :returns: exit code 1 when a step failed.
    """
    if (arguments.action == "retry") != (arguments.step is not None):
        raise UserError("retry requires one step, run accepts none", "use for example: dom0ctl firstboot retry network")
    steps = choose(STEPS, arguments.only)
    again = [step.name for step in (choose(STEPS, arguments.step) if arguments.step else ())]
    host, records = Host(), StepRecords(Path("/"))
    options = RunOptions(due=arguments.due or bool(again), force=again)
    try:
        with records.lock():
            for step in again:
                records.clear(step)
            outcome = _run(host, steps, options, whole=not arguments.only)
    except Busy:
        if not arguments.due:
            raise
        notify_systemd()  # a service of Type=notify that ends without this has failed
        _say("first boot is already running in another process")
        return 0
    except PermissionError as error:
        raise UserError(f"first boot requires root: {error}", "run this command as root") from error
    return 0 if outcome.succeeded else 1


def _run(host: Host, steps: Sequence[Step], options: RunOptions, *, whole: bool) -> Outcome:
    """Run the steps, send the reports, and schedule the next retry.

    :param whole: whether all steps run; a part of them says nothing about the whole host.
    """
    reporter = _reporter()
    reports = attach(host, reporter, _say)
    if online(host):
        reports.release()
    reporter.emit("started", host=host.name, version=host.version)
    outcome = run_steps(host, reporter, steps, ready=notify_systemd, say=_say, options=options)
    if whole:
        arrived(host)
        emit_result(host, reporter, outcome)
    try:
        schedule(host, seconds_to_next_retry(host, STEPS))
    except UserError as error:
        _say(str(error))
    if whole and outcome.succeeded and "NOTIFY_SOCKET" not in os.environ:
        # The service may have failed before the cause was fixed.
        host.run(["systemctl", "reset-failed", SERVICE], check=False, timeout=COMMAND_SECONDS)
    if lost := reports.close():
        _say(f"{lost} reports did not reach the webhook")
    return outcome


def online(host: Host) -> bool:
    """Whether the step that waits for the network has run in this boot."""
    record = StepRecords(host.root).read(NETWORK_STEP)
    return record is not None and record.get("boot") == current_moment(host).boot


def choose(steps: Sequence[Step], only: str | None) -> tuple[Step, ...]:
    """Return the named steps in their own order; all steps without names.

    :param only: names separated by commas.
    :raises UserError: for an unknown name.
    """
    if only is None:
        return tuple(steps)
    wanted = [name.strip() for name in only.split(",")]
    known = [step.name for step in steps]
    for name in wanted:
        if name not in known:
            raise UserError(f"there is no step {name!r}", f"use one of: {', '.join(known)}")
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
            _say(f"cannot write events to {place}: {error}")
    return reporter
