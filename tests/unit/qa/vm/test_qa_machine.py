"""Waiting for a machine, without a machine."""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

from qa.vm.channels import Channels
from qa.vm.machine import Machine
from qa.vm.qemu_args import MachineSpec

LINES = b"0123456789abcde\n" * 1000


def test_a_slow_look_does_not_stop_the_machine(tmp_path: Path) -> None:
    """A serial line sends character by character, of which a socket holds few hundred: they must be read all the time."""
    pairs = [socket.socketpair() for _ in range(3)]
    for near, _ in pairs:
        near.setblocking(False)
    far = pairs[0][1]

    def guest() -> None:
        for place in range(len(LINES)):
            far.sendall(LINES[place : place + 1])

    machine = Machine(MachineSpec(tmp_path), "slow", tmp_path)
    with closing(Channels(*(near for near, _ in pairs), console_log=io.StringIO(), event_log=io.StringIO())) as channels:
        machine._channels = channels
        thread = threading.Thread(target=guest, daemon=True)
        thread.start()
        looks = []

        def look() -> bool:
            looks.append(time.sleep(0.3))
            return len(machine.console_text) == len(LINES)

        machine.wait_until(look, "all lines", limit=60)
        thread.join()
    for _, end in pairs:
        end.close()
    assert len(looks) < 10
