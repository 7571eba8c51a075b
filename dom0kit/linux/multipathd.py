"""Asks multipathd, by its socket: no program is started, so that this works while the disk with the programs is gone."""

from __future__ import annotations

import socket
import struct

from dom0kit.errors import UserError
from dom0kit.units import MIB

ADDRESS = "\0/org/kernel/linux/storage/multipathd"
"""Its abstract socket (libmpathcmd; multipathd(8))."""
LENGTH = struct.Struct("=Q")
"""Before each message: its bytes, the closing zero counted, as a size_t."""
LARGEST = 16 * MIB
ANSWER_SECONDS = 120.0
"""Wait for an answer of multipathd.

Kind: cap. Reason: multipathd answers in milliseconds, except while it reconfigures: then after its scan of all paths. Expiry:
UserError; the monitor of the paths asks again at the next uevent or after its rest.
"""


def ask(question: str, *, seconds: float = ANSWER_SECONDS, address: str = ADDRESS) -> str:
    """Send multipathd a command such as ``show maps json`` and return its reply.

    :param seconds: how long it may take.
    :raises UserError: when it does not run, or does not answer.
    """
    raw = question.encode() + b"\0"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(seconds)
            line.connect(address)
            line.sendall(LENGTH.pack(len(raw)) + raw)
            (length,) = LENGTH.unpack(_exactly(line, LENGTH.size))
            if length > LARGEST:
                raise UserError(f"multipathd announces {length} bytes, which is no answer")
            return _exactly(line, length).rstrip(b"\0").decode(errors="replace")
    except TimeoutError as error:
        raise UserError(f"multipathd did not answer within {seconds:.0f} s", "journalctl -u multipathd") from error
    except OSError as error:
        raise UserError(f"multipathd does not answer: {error.strerror or error}", "systemctl status multipathd") from error


def _exactly(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = line.recv(size - len(data))
        if not piece:
            raise OSError("it hung up")
        data += piece
    return data
