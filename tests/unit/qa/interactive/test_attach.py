"""A terminal connected with a socket."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.interactive import attach


def test_bytes_go_both_ways_until_the_escape() -> None:
    near, far = socket.socketpair()
    source, keyboard = os.pipe()
    shown: list[bytes] = []
    seen = threading.Event()

    def sink(data: bytes) -> None:
        shown.append(data)
        seen.set()

    thread = threading.Thread(target=attach.relay, args=(source, sink, near), daemon=True)
    thread.start()
    far.sendall(b"login: ")
    assert seen.wait(5)
    os.write(keyboard, b"root\n\x1dignored")
    thread.join(5)
    assert not thread.is_alive()
    assert b"".join(shown) == b"login: "
    assert far.recv(100) == b"root\n"
    for line in (near, far):
        line.close()
    os.close(source)
    os.close(keyboard)


def test_nothing_listens(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot connect"):
        attach.attach(tmp_path / "serial")
