"""Logs of the lab server are set aside before they fill the disk."""

from __future__ import annotations

from pathlib import Path

from answerfiles.lab_server import log_watcher
from answerfiles.lab_server.log_rotation import KEPT, rotate


def test_a_small_log_stays(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    assert not rotate(log, 10)
    log.write_text("0123456789")
    assert not rotate(log, 10)
    assert [path.name for path in tmp_path.iterdir()] == ["access.log"]


def test_a_server_goes_on_with_its_open_file_and_the_oldest_is_removed(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    tail = log_watcher.Tail(log)
    seen = []
    with log.open("a") as server:
        for number in range(KEPT + 2):
            server.write(f"line {number}\n")
            server.flush()
            seen += tail.lines()
            tail.rotate(3)
            assert log.stat().st_size == 0
        server.write("the last one\n")
        server.flush()
    seen += tail.lines()
    assert seen == [*(f"line {number}" for number in range(KEPT + 2)), "the last one"]
    assert log.read_text() == "the last one\n", "no hole where the old lines were"
    older = {path.name: path.read_text() for path in tmp_path.glob("access.log.*")}
    assert older == {f"access.log.{age}": f"line {KEPT + 2 - age}\n" for age in range(1, KEPT + 1)}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("access.log.*")} == {0o600}


def test_a_log_is_emptied_even_if_it_cannot_be_copied(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("much")
    (tmp_path / "access.log.1").mkdir()
    (tmp_path / "access.log.1/x").touch()
    (tmp_path / "access.log.2").mkdir()
    (tmp_path / "access.log.2/x").touch()
    (tmp_path / "access.log.3").mkdir()
    (tmp_path / "access.log.3/x").touch()
    assert rotate(log, 3)
    assert log.read_text() == ""
