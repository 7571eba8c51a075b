"""The pool's screens: a new pool, a token, XAPI's log-in, and what the pool says."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_runner import FakeRunner
from screen_samples import chosen

from dom0kit import http_client
from dom0kit.errors import UserError
from installer.command_log import Commands
from installer.tui.operations import pool_requests
from installer.tui.operations.pool_requests import PoolOperations
from installer.tui.pages import pool, summary
from installer.tui.pages.pool_preflight import answer_text
from installer.tui.state import State, document, to_answers, to_yaml
from installer.tui.toolkit.forms import BACK, NEXT, Form, Problem, Reply, Update, Value
from installer.tui.toolkit.text_terminal import draw
from installer.tui.wizard import Wizard
from pool.driver import JoiningHost, PoolAnswer
from pool.driver import Problem as Reason
from pool.join.token import JoinToken, read_token

POINT = bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
"""The base point of P-256: a key that anybody may know."""
TOKEN = JoinToken(POINT, b"s" * 32, ("192.0.2.5", "2001:db8::5")).write()
PRINT = "ab" * 32
XAPI: dict[str, Value] = {
    "pool.kind": "join",
    "pool.toolstack": "xapi",
    "pool.master": "192.0.2.9",
    "pool.password": "open sesame",
    "pool.fingerprint": PRINT,
}
JOIN: dict[str, Value] = {"pool.kind": "join", "pool.join.token": TOKEN}
WELCOME = PoolAnswer("pool.example.org", "xen1.example.org", "192.0.2.5", "0.1.0", 3, 12.4)
NOT_YET = PoolAnswer(problems=(Reason("expired", "the token has expired", "make a new one"),))


def fields(taken: State | list[Problem]) -> list[str]:
    assert isinstance(taken, list)
    return [problem.field for problem in taken]


def test_xl_knows_no_pool() -> None:
    assert fields(pool.submit_pool(chosen(), {"pool.kind": "join", "pool.toolstack": "xl"})) == ["pool.toolstack"]
    assert isinstance(pool.submit_pool(chosen(), {"pool.kind": "alone", "pool.toolstack": "xl"}), State)


def test_xapi_is_offered_when_the_image_has_it() -> None:
    assert "XAPI" not in "\n".join(draw(pool.pool(chosen())))
    both = State(**{**vars(chosen()), "toolstacks": (("ganeti", "ganeti 3.1"), ("xapi", "xapi 25"))})
    assert "XAPI" in "\n".join(draw(pool.pool(both)))


FIXED: dict[str, Value] = {"ip.v4": "static", "static.address": "192.0.2.10/24", "pool.kind": "create"}


@pytest.mark.parametrize(
    ("name", "address", "wrong"),
    [
        ("", "", ["pool.name"]),
        ("pool", "", ["pool.name"]),
        ("Pool.example.org", "", ["pool.name"]),
        ("xen1.example.org", "", ["pool.name"]),
        ("pool.example.org", "192.0.2.10", ["pool.address"]),
        ("pool.example.org", "192.0.3.50", ["pool.address"]),
        ("pool.example.org", "192.0.2.50/24", ["pool.address"]),
        ("pool.example.org", "2001:db8::1", ["pool.address"]),
        ("pool.example.org", "127.0.0.1", ["pool.address"]),
    ],
)
def test_a_new_pools_mistakes(name: str, address: str, wrong: list[str]) -> None:
    assert fields(pool.submit_create(chosen(FIXED), {"pool.name": name, "pool.address": address})) == wrong


def test_a_new_pool() -> None:
    after = pool.submit_create(chosen(FIXED), {"pool.name": "pool.example.org", "pool.address": "192.0.2.50"})
    assert isinstance(after, State)
    made = to_answers(after).pool.create
    assert made is not None
    assert (made.name, str(made.address)) == ("pool.example.org", "192.0.2.50")
    assert "new, pool.example.org at 192.0.2.50" in summary.overview(after)
    assert [item.name for item in pool.create(chosen({"pool.toolstack": "xapi"})).fields()] == ["pool.name"]


def test_a_token_is_checked_as_it_is_typed() -> None:
    assert pool.token_problem("") == ""
    assert pool.token_problem(f"  {TOKEN[:50]}\n{TOKEN[50:]} ") == ""
    swapped = TOKEN[:40] + ("A" if TOKEN[40] != "A" else "B") + TOKEN[41:]
    assert "checksum is wrong" in pool.token_problem(swapped)
    assert "not a join token" in pool.token_problem("hello")
    assert fields(pool.submit_token(chosen(), {"pool.typed": swapped})) == ["pool.typed"]
    assert fields(pool.submit_token(chosen(), {"pool.typed": " "})) == ["pool.typed"]


def test_a_good_token_is_kept_and_named_without_its_secret() -> None:
    after = pool.submit_token(chosen({"pool.kind": "join"}), {"pool.typed": TOKEN})
    assert isinstance(after, State)
    assert TOKEN not in "\n".join(draw(pool.token(after)))
    assert read_token(TOKEN).id in "\n".join(draw(pool.token(after)))
    assert isinstance(pool.submit_token(after, {"pool.typed": ""}), State)
    join = to_answers(after).pool.join
    assert join is not None
    assert join.token is not None
    assert join.token.reveal() == TOKEN
    assert TOKEN not in summary.overview(after)


def test_the_saved_answers_hold_no_secret() -> None:
    for values, secret in ((JOIN, TOKEN), (XAPI, "open sesame")):
        text = to_yaml(chosen(values))
        assert secret not in text
        assert "env:DOM0KIT_" in text
        assert "answers render" in text
    assert "env:" not in to_yaml(chosen())
    assert document(chosen(XAPI))["pool"]["join"]["password"] == "open sesame"
    assert "env:DOM0KIT_JOIN_TOKEN" in "\n".join(draw(summary.answers("x", "env:DOM0KIT_JOIN_TOKEN")))


def test_xapi_needs_all_four() -> None:
    empty = {"pool.master": "", "pool.user": "", "pool.secret": "", "pool.fingerprint": ""}
    wrong = pool.submit_xapi(chosen(), empty)
    assert fields(wrong) == ["pool.master", "pool.user", "pool.secret", "pool.fingerprint"]
    full = {"pool.master": "192.0.2.9", "pool.user": "root", "pool.secret": "x", "pool.fingerprint": PRINT}
    after = pool.submit_xapi(chosen({"pool.kind": "join", "pool.toolstack": "xapi"}), full)
    assert isinstance(after, State)
    assert "pool.secret" not in after.values
    assert to_answers(after).pool.join is not None
    assert isinstance(pool.submit_xapi(after, {**full, "pool.secret": ""}), State)


def test_the_answer_in_words() -> None:
    text = answer_text(WELCOME)
    for words in ("[ok]", "pool.example.org, 3 hosts", "xen1.example.org (192.0.2.5)", "0.1.0", "12 s ahead of the pool"):
        assert words in text
    assert "Clock" not in answer_text(PoolAnswer("p", clock=0.3))
    text = answer_text(NOT_YET)
    assert "The token has expired." in text
    assert "Make a new one." in text
    text = pool_text("xen1.example.org comes with ganeti 2.9")
    assert "* xen1.example.org comes with ganeti 2.9." in text


def pool_text(reason: str) -> str:
    return answer_text(PoolAnswer("p", problems=(Reason("version", reason),)))


class Terminal:
    """Keeps what is told, and presses the buttons that it was given."""

    def __init__(self, *turns: tuple[str, str, dict[str, Value]]) -> None:
        self.turns, self.told = list(turns), list[str]()

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        draw(form, problem)
        if form.title == "Please wait":
            while not (news := update() if update else None) or not news.done:
                pass
            return Reply("wait", {})
        title, button, typed = self.turns.pop(0)
        assert (form.title, button in dict(form.buttons)) == (title, True)
        return Reply(button, {**form.values(), **typed})

    def name(self, text: str) -> None:
        """Return what stands at the top."""

    def show_message(self, title: str, text: str) -> None:
        self.told.append(text)


def effects(terminal: Terminal, listed: str = "", *, demo: bool = False) -> PoolOperations:
    runner = FakeRunner({"lsblk": listed, "": "[]"})
    return PoolOperations(terminal, Commands(io.StringIO(), runner=runner), demo=demo)


class Pool:
    """A pool that answers when it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: PoolAnswer) -> None:
        self.answers, self.asked = list(answers), list[JoiningHost]()
        self.may = threading.Event()
        monkeypatch.setattr(pool_requests, "ask_pool", self)

    def __call__(self, by: Any, who: JoiningHost) -> PoolAnswer:
        self.asked.append(who)
        self.may.wait(5)
        return self.answers.pop(0)


def text_of(update: Callable[[], Update | None]) -> str:
    news = update()
    return news.texts["pool.join.server"] if news else ""


def seen(update: Callable[[], Update | None], words: str) -> None:
    for _ in range(1_000_000):
        if words in text_of(update):
            return
    raise AssertionError(text_of(update))


def test_nobody_goes_on_before_the_pool_has_said_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, terminal = Pool(monkeypatch, NOT_YET, WELCOME), Terminal()
    acts, state = effects(terminal), chosen(JOIN)
    update = acts.update(state)
    seen(update, "Contacting the pool")
    assert acts.left(state, True) == "pool-answer"
    assert "not answered yet" in terminal.told[-1]
    asked.may.set()
    seen(update, "The token has expired.")
    assert acts.left(state, True) == "pool-answer"
    assert acts.left(state, False) == ""
    # Opening the screen again does not contact the pool; the button does.
    seen(acts.update(state), "The token has expired.")
    assert len(asked.asked) == 1
    seen(acts.update(acts.check_again(state, {})), "[ok]")
    assert acts.left(state, True) == ""
    assert asked.asked[0].name == "xen1.example.org"


def test_another_name_is_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, acts = Pool(monkeypatch, WELCOME, WELCOME), effects(Terminal())
    asked.may.set()
    seen(acts.update(chosen(JOIN)), "[ok]")
    seen(acts.update(chosen({**JOIN, "name.host": "xen2.example.org"})), "[ok]")
    assert [who.name for who in asked.asked] == ["xen1.example.org", "xen2.example.org"]


def test_joining_later_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    Pool(monkeypatch, NOT_YET).may.set()
    terminal = Terminal(("Pool admission check", "later", {}), ("Pool admission check", NEXT, {}))
    acts = effects(terminal)
    driver = Wizard(
        terminal,
        chosen(JOIN),
        actions={("pool-answer", "later"): acts.join_later},
        updates={"pool-answer": acts.update},
        left={"pool-answer": acts.left},
    )
    with pytest.raises(IndexError):  # the summary is shown, and the script has no more turns
        driver.run("pool-answer")
    assert terminal.turns == []
    assert to_answers(driver.state).pool.join is None


def test_what_breaks_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(by: Any, who: JoiningHost) -> PoolAnswer:
        raise RuntimeError("no key")

    monkeypatch.setattr(pool_requests, "ask_pool", broken)
    seen(effects(Terminal()).update(chosen(JOIN)), "nexpected error: no key")


def test_the_demonstration_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, acts = Pool(monkeypatch), effects(Terminal(), demo=True)
    seen(acts.update(chosen(JOIN)), "Not available")
    assert acts.left(chosen(JOIN), True) == ""
    assert asked.asked == []


def test_the_fixed_address_is_the_one_that_counts() -> None:
    assert pool_requests.joining_host(chosen(FIXED), ("10.0.2.15", "192.0.2.10")).addresses == ("192.0.2.10",)
    assert pool_requests.joining_host(chosen(), ("10.0.2.15",)).addresses == ("10.0.2.15",)


@pytest.mark.parametrize(
    ("found", "address", "stays"),
    [
        (("192.0.2.50",), "", False),
        ((), "192.0.2.50", False),
        (("192.0.2.50",), "192.0.2.50", False),
        ((), "", True),
        (("192.0.2.51",), "192.0.2.50", True),
        (("192.0.3.50",), "", True),
    ],
)
def test_a_new_pools_name_is_looked_up(
    monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...], address: str, stays: bool
) -> None:
    monkeypatch.setattr(pool_requests, "resolve", lambda name: found)
    terminal = Terminal()
    state = chosen({**FIXED, "pool.name": "pool.example.org", "pool.address": address})
    assert effects(terminal).check_name(state, True) == ("pool-create" if stays else "")
    assert bool(terminal.told) == stays


def test_tokens_in_files(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/pool.txt").write_text(f"for the hosts\n{TOKEN}\n")
    (tmp_path / "other.bin").write_bytes(b"\xff\x00" * 100)
    (tmp_path / "large.txt").write_text(TOKEN + " " * pool_requests.LARGEST)
    assert pool_requests.tokens(tmp_path) == {"notes/pool.txt": TOKEN}


STICK = '{"blockdevices": [{"path": "/dev/sdb", "type": "disk", "size": 1, "fstype": "vfat", "label": "X", "rm": true}]}'


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({"a": TOKEN, "b": TOKEN}, read_token(TOKEN).id),
        ({}, "no file on /dev/sdb holds a join token"),
        ({"a": TOKEN, "b": TOKEN + "x"}, "several join tokens"),
        ({"a": TOKEN[:-3]}, "damaged"),
    ],
)
def test_a_token_from_a_stick(monkeypatch: pytest.MonkeyPatch, there: dict[str, str], said: str) -> None:
    monkeypatch.setattr(pool_requests, "tokens", lambda root: there)
    terminal = Terminal(("USB stick or CD", "rescan", {}), ("USB stick or CD", NEXT, {"volume.device": "/dev/sdb"}))
    after = effects(terminal, STICK).read_token_file(chosen(), {})
    assert said in terminal.told[-1]
    assert (after.text("pool.join.token") == TOKEN) == ("a" in there and said == read_token(TOKEN).id)
    assert effects(Terminal(("USB stick or CD", BACK, {})), STICK).read_token_file(chosen(), {}) == chosen()


def test_the_fingerprint_is_taken_when_the_person_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "shown_fingerprint", lambda server: PRINT)
    for button, kept in (("yes", PRINT), ("no", "")):
        terminal = Terminal(("Fingerprint", button, {}))
        assert effects(terminal).fetch_fingerprint(chosen(), {"pool.master": "192.0.2.9"}).text("pool.fingerprint") == kept
    terminal = Terminal()
    effects(terminal).fetch_fingerprint(chosen(), {"pool.master": " "})
    assert "address first" in terminal.told[0]

    def refuse(server: str) -> str:
        raise UserError("shows no certificate")

    monkeypatch.setattr(http_client, "shown_fingerprint", refuse)
    effects(terminal).fetch_fingerprint(chosen(), {"pool.master": "192.0.2.9"})
    assert "no certificate" in terminal.told[1]


@pytest.mark.parametrize("closed", ["", "env:DOM0KIT_JOIN_TOKEN", "env:DOM0KIT_POOL_PASSWORD"])
def test_the_file_of_answers_fits_the_screen(closed: str) -> None:
    text = "\n".join(f"key{number}: value" for number in range(60))
    assert "key0: value" in "\n".join(draw(summary.answers(text, closed)))
