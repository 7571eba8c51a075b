"""A console that is handed to another program and taken back, while the machine's other lines are read."""

from __future__ import annotations

import io
import socket
from contextlib import closing

from qa.vm.channels import Channels


def test_a_console_is_released_and_taken_back() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    near, far = socket.socketpair()
    with closing(Channels(*(end for end, _ in pairs), console_log=io.StringIO(), event_log=io.StringIO())) as channels:
        assert channels.console_attached
        channels.detach_console()
        channels.detach_console()
        assert not channels.console_attached
        assert pairs[0][1].recv(1) == b""
        channels.send_console(b"typed without a reader")
        pairs[1][1].sendall(b'{"event": "started"}\n')
        channels.pump(1)
        assert channels.events == [{"event": "started"}]
        assert not channels.closed
        channels.attach_console(near)
        far.sendall(b"back again\n")
        channels.pump(1)
        assert channels.transcript.text == "back again\n"
        channels.send_console(b"typed")
        assert far.recv(10) == b"typed"
    assert not channels.console_attached
    for end in (far, *(end for _, end in pairs)):
        end.close()
