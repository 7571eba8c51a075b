"""Which results of the ssh client say that the connection broke, so that a command which had not begun is sent again."""

from __future__ import annotations

import pytest

from qa.guest.ssh_access import broke
from qa.vm.guest import CommandResult


@pytest.mark.parametrize(
    ("code", "output", "expected"),
    [
        (255, "", True),
        (255, "kex_exchange_identification: read: Connection reset by peer", True),
        (255, "mux_client_request_session: read from master failed: Broken pipe", True),
        (255, "Connection closed by 127.0.0.1 port 22", True),
        (255, "root@127.0.0.1: Permission denied (publickey).", False),
        (255, "ssh: connect to host 127.0.0.1 port 22: Connection refused", False),
        (0, "", False),
        (1, "", False),
    ],
)
def test_broken_and_refused(code: int, output: str, expected: bool) -> None:
    """A refusal is an answer."""
    assert broke(CommandResult("true", code, output)) is expected
