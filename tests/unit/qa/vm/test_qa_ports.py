"""Ports are reserved for the life of the process, not only looked for."""

from __future__ import annotations

import socket

import pytest

from qa.vm import ports


def test_a_port_is_given_once() -> None:
    """Nothing listens on it yet; the next call returns another one."""
    given = [ports.reserve() for _ in range(20)]
    assert len(set(given)) == 20
    assert all(ports.FIRST <= port < ports.FIRST + ports.COUNT for port in given)


def test_the_reservation_of_another_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that begin at the same place get different ports."""
    monkeypatch.setattr(ports, "candidates", lambda process: iter(range(29000, 29999)))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("\0dom0kit-qa-port-29000")
        assert ports.reserve() != 29000


def test_a_port_in_use_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "candidates", lambda process: iter(range(28000, 28999)))
    with socket.socket() as other:
        other.bind(("127.0.0.3", 28000))
        other.listen()
        assert ports.reserve(["127.0.0.2", "127.0.0.3"]) != 28000


def test_outgoing_connections_use_other_ports() -> None:
    """The kernel's default range for them begins at 32768."""
    assert ports.FIRST + ports.COUNT <= 32768
    assert sorted(ports.candidates(12345)) == list(range(ports.FIRST, ports.FIRST + ports.COUNT))
