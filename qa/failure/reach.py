"""Query a running guest about its state, by ssh or on its serial console, within limits and without raising errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from dom0kit.process import run
from qa import timeouts
from qa.failure import guest_state
from qa.failure.evidence import DIAGNOSIS as MARK
from qa.failure.guest_state import GuestState
from qa.guest.ssh_access import Credentials, Ssh, run_and_drain
from qa.vm.machine import Machine
from qa.vm.running import RUNNING
from qa.vm.serial_console import Console, parse, script

Report = tuple[GuestState | None, str]
"""The guest's report, None when there is none; and the channel that it came by, or the reason."""
BANNER_SECONDS = 30
"""Seconds in which the guest's sshd must answer: a guest that hangs never answers."""
ANSWER = 60.0
"""Seconds of machine time for one answer on the console."""
LOGINS_TRIED = 2
"""Log-ins on the console before it is given up: an explanation must not take longer than the scenario."""
LONG_ANSWER = 180.0
"""Seconds of machine time for a log-in, and for all of the script's output."""
BEGIN_INPUT = "\x15"
"""Ctrl-U: discards what was typed on the line before."""


def neighbors(listing: str, macs: Sequence[str]) -> list[str]:
    """Return the addresses of network cards in the output of ``ip -j neighbor show``; the IPv4 ones come first.

    :param macs: hardware addresses in lower case.
    """
    found = []
    for entry in json.loads(listing or "[]"):
        address = str(entry.get("dst", ""))
        if entry.get("lladdr", "").lower() in macs:
            found.append(f"{address}%{entry['dev']}" if address.startswith("fe80:") else address)
    return sorted(found, key=lambda address: (":" in address, "%" in address, address))


def ssh_clients(machine: Machine, credentials: Credentials) -> list[Ssh]:
    """Return the ssh clients that may reach a machine: by its forwarded port, or by the addresses in its lab network."""
    spec = machine.spec
    clients = [Ssh(credentials, nic.ssh_port) for nic in spec.nics if nic.ssh_port is not None]
    macs = [nic.mac.lower() for nic in spec.nics if nic.tap]
    if spec.netns and macs:
        listing = run(["ip", "-n", spec.netns, "-j", "neighbor", "show"], check=False).output
        clients += [Ssh(credentials, address=address, netns=spec.netns) for address in neighbors(listing, macs)]
    return clients


@contextmanager
def unchecked() -> Iterator[None]:
    """Read the channels of all running machines without raising for what they show."""
    channels = [(machine.channels, machine.channels.checking) for machine in RUNNING if machine.started]
    for line, _ in channels:
        line.checking = False
    try:
        yield
    finally:
        for line, before in channels:
            line.checking = before


def short_argv(argv: Sequence[str]) -> list[str]:
    """Return an ssh command line that waits for the server only shortly; ssh(1) takes the first value of an option."""
    place = list(argv).index("ssh") + 1
    return [*argv[:place], "-o", f"ConnectTimeout={BANNER_SECONDS}", *argv[place:]]


def ask_by_ssh(machine: Machine, credentials: Credentials) -> Report:
    """Return the guest's report by ssh, None when it does not answer; and the reason."""
    reason = "it has no forwarded port and no address in its lab network"
    command = guest_state.script(guest_state.SSH_LINES)
    for client in ssh_clients(machine, credentials):
        answer = run_and_drain(short_argv(client.argv(command)), "journal", timeouts.DIAGNOSTIC)
        if answer.code == 0:
            return guest_state.parse(answer.output), ""
        reason = (answer.output.strip().splitlines() or [f"exit code {answer.code}"])[-1]
    return None, reason


def ask_on_console(machine: Machine, password: str) -> Report:
    """Return the guest's report on its serial console, None when nothing there accepts a command; and the reason."""
    channels = machine.channels
    waiting = guest_state.prompt(channels.transcript.text[channels.reset_place :])
    if not waiting:
        return None, "no prompt"
    place = len(channels.transcript.text)
    console = Console(channels, place)
    if waiting == "login":
        console.send("\n")
        console.answer_login("root", password, limit=ANSWER, answer_limit=LONG_ANSWER, tries=LOGINS_TRIED)
    # Not prepared as by Console.login: a shell that has been prepared must not be again, and a busybox needs none of it.
    console.send(f"{BEGIN_INPUT}{script(guest_state.script(guest_state.CONSOLE_LINES), MARK)}\n")
    console.expect(rf"{MARK}=\d+[ \t]*\n", limit=LONG_ANSWER)
    parsed = parse(channels.transcript.text[place:], MARK)
    return (guest_state.parse(parsed[1]), "") if parsed else (None, "its answer is incomplete")


def ask(machine: Machine, credentials: Credentials, *, may_type: bool) -> Report:
    """Return the guest's report about itself, None when there is none; and the channel, or the reason.

    :param may_type: use the serial console when ssh does not answer.
    """
    if not machine.running:
        return None, "the machine had ended"
    fatal = machine.channels.transcript.fatal
    if fatal and "panic" in fatal.kind:
        return None, f"its console shows a {fatal.kind}"
    with unchecked():
        reasons = []
        ways: list[tuple[str, Callable[[], Report]]] = [("ssh", lambda: ask_by_ssh(machine, credentials))]
        if may_type:
            ways.append(("serial console", lambda: ask_on_console(machine, credentials.password)))
        for way, attempt in ways:
            try:
                state, reason = attempt()
            except Exception as error:  # an error here must not hide the failure that is being explained
                state, reason = None, (str(error).splitlines() or [type(error).__name__])[0]
            if state is not None:
                return state, way
            reasons.append(f"{way}: {reason}")
    return None, "; ".join(reasons)
