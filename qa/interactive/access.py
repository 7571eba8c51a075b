"""Commands with which a user reaches a running machine: console, ssh, QEMU's monitors, screen. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from qa.vm.qemu_args import MachineSpec

INTERACTIVE_OPTIONS = ("BatchMode", "ConnectTimeout")
"""Options of the harness's ssh client that do not fit interactive use."""


def ssh_command(argv: Sequence[str]) -> str:
    """Return the harness's ssh command line for interactive use: without a command, and with a terminal."""
    words: list[str] = []
    for word in list(argv)[:-1]:  # the last one is the command
        if word.partition("=")[0] in INTERACTIVE_OPTIONS:
            words.pop()  # the -o before it
            continue
        words.append(word)
    return shlex.join(words)


def lines(name: str, spec: MachineSpec, ssh: Sequence[str]) -> list[str]:
    """Return one line for each way to reach a machine that was started with ``interactive``.

    :param ssh: commands that may log in as root.
    """
    return [
        f"{name}:",
        f"  console  .venv/bin/dom0kit qa attach {shlex.quote(str(spec.serial_socket))}",
        f"           or: socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:{spec.serial_socket}",
        *(f"  ssh      {command}" for command in ssh),
        f'  QMP      socat -,crlf UNIX-CONNECT:{spec.user_qmp_socket}   (first: {{"execute": "qmp_capabilities"}})',
        f"  monitor  .venv/bin/dom0kit qa attach {shlex.quote(str(spec.monitor_socket))}",
        f"  screen   vncviewer {spec.vnc_socket}   (a picture: 'screendump /tmp/{name}.png -f png' in the monitor)",
    ]
