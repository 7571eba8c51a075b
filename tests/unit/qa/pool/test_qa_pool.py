"""What the scenarios of pools take for an answer."""

from __future__ import annotations

import pytest

from qa.pool.pool_hosts import NOT_ASKED


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("  - ERROR:ENODERPC:node:h1.lab.example.org:while contacting node: Error 28: Connection timed out after 5076 ms", True),
        ('job 8 failed to start: GenericError "[…] lockfile of the client: user error (Timeout in reading a response)"', True),
        (
            "  - ERROR:ENODEHOOKS:node:9caf:Communication failure in hooks execution: Error 28: Connection timed out after 5 s",
            True,
        ),
        ("  - ERROR:ENODERPC:node:h1.lab.example.org:while contacting node: Error 7: Connection refused", False),
        ("  - ERROR:ENODESSH:node:h2.lab.example.org:more than one key", False),
        ("job 8 failed to start: unknown opcode", False),
    ],
)
def test_only_who_was_late_is_asked_again(said: str, again: bool) -> None:
    """A verification that found something is over: another one may not find it."""
    assert bool(NOT_ASKED.search(said)) == again
