"""Count the instructions that an emulated guest executes, with a plugin for QEMU (``bench/instructions.c``)."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.polling import poll
from dom0kit.process import run

SOURCE = Path(__file__).with_name("instructions.c")
EMULATION = ("-accel", "tcg,thread=single")
"""Emulation alone can count; with one thread a machine has one processor, whose instructions are in one order."""
STARTS_SECONDS = 60.0
"""Wait for a new QEMU to load the plugin. Kind: cap. Reason: the socket is the condition. Expiry: the measurement ends."""


def compile_plugin(folder: Path) -> Path:
    """Compile the plugin into ``folder`` and return its path.

    :raises UserError: without a C compiler.
    """
    if shutil.which("cc") is None:
        raise UserError("counting instructions needs a C compiler", "apt-get install gcc libc6-dev")
    target = folder / "instructions.so"
    run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", target, SOURCE, "-lpthread"])
    return target


def accelerator(plugin: Path, place: Path) -> tuple[str, ...]:
    """Return the words of QEMU's command line for a machine that is counted at the socket ``place``."""
    return (*EMULATION, "-plugin", f"{plugin},socket={place}")


def parse(answer: bytes) -> int:
    """Return the number of instructions in the plugin's answer.

    :raises ValueError: when it is no number.
    """
    return int(answer.decode("ascii"))


def executed(place: Path) -> int:
    """Ask a running machine how many instructions it has executed.

    :raises OSError: when the machine does not run.
    """
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(place))
        answer = b""
        while piece := channel.recv(64):
            answer += piece
    return parse(answer)


def wait_ready(place: Path) -> None:
    """Wait until a machine that was just started can be asked."""
    poll(place.exists, STARTS_SECONDS, 0.05, f"QEMU to load {SOURCE.name}")
