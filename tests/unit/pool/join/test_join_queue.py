"""The queue: first come, first served; no host is lost, and an absent host does not block the others."""

from __future__ import annotations

import threading
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dom0kit.errors import UserError
from pool.driver import JoiningHost, Problem
from pool.join.queue import ABANDONED, GRACE, LONGEST_PAUSE, UNMEASURED_PAUSE, Queue, next_request_seconds
from pool.join.queue_worker import run_worker

NOW = 1_800_000_000.0


def host(number: int, uuid: str = "") -> JoiningHost:
    return JoiningHost(f"h{number}", (f"192.0.2.{number % 250}",), "0.1.0", "ganeti 3.1.0", uuid or f"u{number}", NOW)


def added(queue: Queue, now: float = NOW) -> list[str]:
    names: list[str] = []
    run_worker(queue, lambda host: names.append(host.name), lambda text: None, lambda: now)
    return names


def test_first_come_first_served_however_often_they_ask(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    assert [queue.enter(host(n), NOW).place for n in (3, 1, 2)] == [1, 2, 3]
    assert [queue.enter(host(n), NOW + 1).place for n in (2, 1, 3)] == [3, 2, 1]
    assert queue.enter(host(2), NOW).seconds == 3 * 150
    assert added(queue) == ["h3", "h1", "h2"]
    assert [queue.enter(host(n), NOW).state for n in (1, 2, 3)] == ["done"] * 3
    assert queue.entries(NOW) == []


def test_a_host_that_is_away_keeps_its_number_but_holds_nobody_up(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    for number in (1, 2, 3):
        queue.enter(host(number), NOW)
    later = NOW + GRACE + LONGEST_PAUSE + 1
    queue.enter(host(2), later)
    assert queue.enter(host(3), later).place == 2
    assert added(queue, later) == ["h2", "h3"]
    queue.enter(host(4), later)
    assert queue.enter(host(1), later).place == 1
    assert added(queue, later) == ["h1", "h4"]


def test_a_host_that_never_comes_back_is_forgotten(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1), NOW)
    assert queue.entries(NOW + ABANDONED + LONGEST_PAUSE) == []
    assert queue.enter(host(1), NOW + ABANDONED + LONGEST_PAUSE).place == 1


def test_one_that_fails_hears_why_and_stands_behind_the_others_then(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1), NOW)
    queue.enter(host(2), NOW)

    def add(host: JoiningHost) -> None:
        if host.name == "h1":
            raise UserError("ssh to h1 failed\nwith a long story", "is it up?")

    assert run_worker(queue, add, lambda text: None, lambda: NOW) == 1
    status = queue.enter(host(1), NOW)
    assert status.state == "failed"
    assert status.problem is not None
    assert status.problem.text == "the pool could not add h1: ssh to h1 failed"
    assert status.problem.hint == "is it up?"
    queue.enter(host(3), NOW)
    assert queue.enter(host(1), NOW).place == 2


def test_after_a_power_cut_the_one_that_was_at_it_is_first(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    for number in (1, 2):
        queue.enter(host(number), NOW)
    taken = queue.take(NOW)
    assert taken
    assert taken[1].name == "h1"
    assert queue.enter(host(1), NOW).place == 0
    assert queue.enter(host(2), NOW).place == 2
    # The worker that had it is gone; the next worker begins with the same host.
    assert added(Queue(tmp_path / "queue")) == ["h1", "h2"]


def test_two_machines_of_one_name_do_not_both_stand_there(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1, "u1"), NOW)
    status = queue.enter(host(1, "u2"), NOW)
    assert status.state == "refused"
    assert status.problem is not None
    assert status.problem.code == "name"
    assert queue.has(host(1, "u1"))
    assert not queue.has(host(1, "u2"))


def test_who_is_not_admitted_gets_no_place_and_is_asked_only_once(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    asked: list[int] = []

    def admit() -> Problem | None:
        asked.append(1)
        return Problem("used-up", "no") if len(asked) == 1 else None

    assert queue.enter(host(1), NOW, admit).state == "refused"
    assert queue.entries(NOW) == []
    assert [queue.enter(host(1), NOW, admit).state for _ in range(3)] == ["waiting"] * 3
    assert len(asked) == 2


def test_the_estimate_follows_what_was_measured(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1), NOW)
    taken = queue.take(NOW)
    assert taken
    queue.finish(taken[0], None, 20.0, NOW)
    assert queue.seconds_each() == 20.0
    (queue.folder / "times.json").write_text("null")
    assert queue.seconds_each() == 150.0


def test_a_second_worker_has_nothing_to_do(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1), NOW)
    inner: list[int] = []

    def add(host: JoiningHost) -> None:
        inner.append(run_worker(queue, lambda other: inner.append(99), lambda text: None, lambda: NOW))

    assert run_worker(queue, add, lambda text: None, lambda: NOW) == 1
    assert inner == [0]


def test_a_worker_that_is_to_end_brings_the_one_that_is_at_it_to_its_end(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    for number in (1, 2):
        queue.enter(host(number), NOW)
    names: list[str] = []
    run_worker(queue, lambda host: names.append(host.name), lambda text: None, lambda: NOW, ending=lambda: bool(names))
    assert names == ["h1"]
    assert queue.enter(host(1), NOW).state == "done"
    assert queue.enter(host(2), NOW).place == 1


def test_a_damaged_ticket_does_not_stop_the_others(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    queue.enter(host(1), NOW)
    queue.enter(host(2), NOW)
    next(queue.folder.glob("00000001-*")).write_text("{")
    assert added(queue) == ["h2"]


def test_a_thousand_make_no_crowd() -> None:
    times = [next_request_seconds(place, 150.0) for place in range(1, 1001)]
    assert times == sorted(times)
    assert times[0] == 5.0
    assert times[-1] == LONGEST_PAUSE
    # Requests a second, of all together.
    assert sum(1 / seconds for seconds in times) < 2
    assert next_request_seconds(1000, 150.0, measured=False) == UNMEASURED_PAUSE


def test_many_at_once_get_one_number_each(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "queue")
    threads = [threading.Thread(target=queue.enter, args=(host(n), NOW)) for n in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(entry.number for entry in queue.entries(NOW)) == list(range(1, 31))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["enter", "take", "finish", "fail", "wait"]), st.integers(0, 6)), max_size=40))
def test_nobody_is_lost_and_the_order_holds(moves: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order: those who are there are added in the order of their arrival."""
    import tempfile  # noqa: PLC0415 - hypothesis and tmp_path do not go together

    with tempfile.TemporaryDirectory() as folder:
        queue, now = Queue(Path(folder) / "queue"), NOW
        line: list[str] = []
        current = None
        for move, number in moves:
            if move == "enter":
                status = queue.enter(host(number), now)
                if status.state == "waiting" and f"h{number}" not in line:
                    line.append(f"h{number}")
            elif move == "take" and current is None:
                current = queue.take(now)
                assert (current[1].name if current else None) == (line[0] if line else None)
            elif move in ("finish", "fail") and current is not None:
                line.remove(current[1].name)
                queue.finish(current[0], Problem("refused", "no") if move == "fail" else None, 1.0, now)
                current = None
            else:
                now += number
        waiting = [queue.name(t) for t in queue.entries(now) if t.state in ("waiting", "adding")]
        assert waiting == line
