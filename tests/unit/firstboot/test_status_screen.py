"""The screen of an installed host, and the questions about its network."""

from __future__ import annotations

import json
import os
import select
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from answerfiles.model import load_host
from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from dom0kit.units import GIB
from firstboot import status_screen
from firstboot.host import HOST_JSON, Host
from firstboot.reconfigure import network
from firstboot.status_screen import HEIGHT, WIDTH, array_lines, disk_lines, problems, screen

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
STATUS: dict[str, Any] = {
    "name": "xen1.example.org",
    "version": "0.1.0",
    "xen": True,
    "port": "xenbr0",
    "addresses": ["192.0.2.10/24"],
    "paths": {},
    "steps": [{"name": "identity", "state": "done"}, {"name": "network", "state": "done"}],
    "pool": {"toolstack": "ganeti", "well": True, "reason": ""},
}
MAP = {"name": "36001", "type": "mpath", "size": GIB}
LSBLK = {
    "blockdevices": [
        {"name": "sda", "type": "disk", "size": 1024**4, "model": "ACME ", "state": "running"},
        {"name": "sdb", "type": "disk", "size": 1024**4, "state": "offline"},
        {
            "name": "sdc",
            "type": "disk",
            "size": 9,
            "state": "running",
            "children": [MAP],
        },
        {
            "name": "sdd",
            "type": "disk",
            "size": 9,
            "state": "offline",
            "children": [MAP],
        },
        {"name": "loop0", "type": "loop", "size": 5},
        {"name": "nvme0n1", "type": "disk", "size": GIB, "state": "live"},
    ]
}
MDSTAT = """Personalities : [raid1]
md126 : active raid1 sdb3[1] sda3[0]
      10485760 blocks super 1.0 [2/2] [UU]

md127 : active raid1 sda4[0]
      10485760 blocks super 1.0 [2/1] [U_]

md125 : active raid1 sda5[0] sdb5[1]
      10485760 blocks super 1.0 [2/2] [UU]
      [==>..................]  resync = 12.6% (1320000/10485760) finish=0.8min speed=180000K/sec
"""


def draw(status: dict[str, Any] = STATUS, disks: list[str] | None = None, bad: list[str] | None = None) -> list[str]:
    return screen(status, "ganeti, this host stands alone", disks or ["sda  1.0 TiB"], bad or [], now="2026-01-01 12:00 ")


def test_a_well_host_says_so() -> None:
    lines = draw()
    text = "\n".join(lines)
    assert "xen1.example.org" in lines[0]
    assert "192.0.2.10/24 on xenbr0" in text
    assert "No problems." in text
    assert "1 Shell   2 Network   3 Restart   4 Power off" in lines[-1]


def test_the_screen_has_its_size_whatever_there_is_to_say() -> None:
    for disks, bad in (([], []), ([f"sd{number}" for number in range(40)], ["x" * 200] * 40)):
        lines = draw(disks=disks, bad=bad)
        assert len(lines) == HEIGHT
        assert max(map(len, lines)) <= WIDTH
        assert "4 Power off" in lines[-1]
    assert "and 36 more" in "\n".join(lines)


def test_a_missing_path_is_counted_and_told() -> None:
    status = {**STATUS, "paths": {"36001": (1, 2)}}
    lines = disk_lines(json.dumps(LSBLK), status["paths"])
    assert "36001  1.0 GiB  1 of 2 paths work" in lines
    assert "disk 36001 has 1 of 2 paths" in problems(status, "", [])
    assert problems({**STATUS, "paths": {"36001": (2, 2)}}, "", []) == []


def test_first_boot_that_is_not_over() -> None:
    steps = [{"name": "identity", "state": "done"}, {"name": "storage", "state": "open"}]
    assert "in progress: storage" in "\n".join(draw({**STATUS, "steps": steps}))


def test_disks_maps_and_their_paths() -> None:
    assert disk_lines(json.dumps(LSBLK)) == [
        "sda  1.0 TiB  ACME",
        "sdb  1.0 TiB  offline",
        "nvme0n1  1.0 GiB",
        "36001  1.0 GiB  1 of 2 paths work",
    ]
    assert disk_lines("") == disk_lines("no JSON") == []


def test_how_to_log_in_is_said_when_it_is_possible() -> None:
    def drawn(**more: str) -> str:
        return "\n".join(screen({**STATUS, **more}, "alone", [], [], now=""))

    assert "ssh root@192.0.2.10\n" in drawn(address="192.0.2.10", ssh="running")
    assert "ssh root@" not in drawn(address="192.0.2.10", ssh="off") + drawn(address="", ssh="running") + drawn()


def test_arrays_that_are_not_whole() -> None:
    assert array_lines(MDSTAT) == ["md127: a disk of the array is missing", "md125: resync = 12.6%"]
    assert array_lines("") == []


def test_what_is_not_well() -> None:
    assert problems({**STATUS, "pool": {"well": False, "reason": "the master does not answer"}}, "", []) == [
        "pool: the master does not answer"
    ]
    status = {**STATUS, "xen": False, "steps": [{"name": "network", "state": "failed", "error": "no card"}]}
    found = problems(status, "foo.service loaded failed failed Foo\n", ["md127: a disk of the array is missing"])
    assert found[0] == "network: no card"
    assert "service foo.service failed" in found
    assert "Xen is not running: guests cannot be started" in found
    assert problems(STATUS, "", []) == []


def test_all_that_changes_the_host_asks_for_the_password() -> None:
    # 65534 is nobody: su(1) would ask root for nothing.
    for action in status_screen.ACTIONS[1:]:
        assert action.argv[:2] == ("setpriv", "--reuid=65534")
        assert "su" in action.argv
    assert status_screen.ACTIONS[0].argv == ()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Set a terminal as standard input and return the file descriptor of its other end."""
    outer, inner = os.openpty()
    with open(inner, encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        yield outer
    os.close(outer)


def test_a_key_that_is_pressed_while_the_screen_is_made_counts(terminal: int) -> None:
    with status_screen.unbuffered_keys():
        os.write(terminal, b"3")
        # Time passes, the screen is drawn, then the key is asked for.
        assert status_screen.wait_key(5) == "3"
        assert status_screen.wait_key(0) == ""


def test_what_was_typed_before_a_question_is_no_answer(terminal: int) -> None:
    before = termios.tcgetattr(terminal)
    with status_screen.unbuffered_keys() as toggle:
        os.write(terminal, b"yes\n")
        assert select.select([sys.stdin], [], [], 5)[0]  # the kernel brings it over in its own time
        toggle()
        assert select.select([sys.stdin], [], [], 0)[0] == []
        assert termios.tcgetattr(terminal)[3] == before[3]
        toggle()
        os.write(terminal, b"1")
        assert status_screen.wait_key(5) == "1"
    assert termios.tcgetattr(terminal)[3] == before[3]


def host(folder: Path) -> Host:
    answers = parse_answers(
        f'version: 1\nhost_name: xen1\ntarget: {{disk: {{serial: DISK1}}}}\nroot: {{password_hash: "{HASH}"}}\n'
        "network: {management: {mac: 52:54:00:12:34:56, dns: [192.0.2.53]}}\n"
    )
    (folder / HOST_JSON).parent.mkdir(parents=True)
    (folder / HOST_JSON).write_text(answers.to_json(reveal=True))
    return Host(folder)


def typing(*lines: str) -> Callable[[str], str]:
    rest = list(lines)
    return lambda question: rest.pop(0)


def test_another_address(tmp_path: Path) -> None:
    assert network(host(tmp_path), typing("static", "192.0.2.10/24", "192.0.2.1", "-", "yes"), lambda text: None)
    management = load_host(tmp_path / HOST_JSON).network.management
    assert str(management.ipv4.address) == "192.0.2.10/24"  # type: ignore[union-attr]
    assert management.dns == ()
    assert management.mac == "52:54:00:12:34:56"
    assert (tmp_path / HOST_JSON).stat().st_mode & 0o777 == 0o600
    assert HASH in (tmp_path / HOST_JSON).read_text()


@pytest.mark.parametrize("lines", [("", ""), ("static", "192.0.2.10/24", "-", "", "no")])
def test_nothing_is_changed_without_a_wish(tmp_path: Path, lines: tuple[str, ...]) -> None:
    here = host(tmp_path)
    before = (tmp_path / HOST_JSON).read_text()
    assert not network(here, typing(*lines), lambda text: None)
    assert (tmp_path / HOST_JSON).read_text() == before


@pytest.mark.parametrize("lines", [("static", "192.0.2.10", "-", ""), ("static", "192.0.2.10/24", "10.0.0.1", ""), ("dchp", "")])
def test_an_address_that_cannot_be_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    here = host(tmp_path)
    before = (tmp_path / HOST_JSON).read_text()
    with pytest.raises(UserError, match="network"):
        network(here, typing(*lines), lambda text: None)
    assert (tmp_path / HOST_JSON).read_text() == before


def test_a_failed_step_takes_two_rows_and_says_when_it_is_tried_again() -> None:
    step = {"name": "pool", "state": "failed", "error": "the master sleeps\n  hint: wake it", "tries": 2, "next": 0}
    bad = problems({**STATUS, "steps": [step]}, "", [])
    assert bad[0] == "pool: the master sleeps"
    assert bad[1].startswith("pool failed (tried 2 times; automatic retry at ")
    assert len(draw(bad=bad)) == HEIGHT
