"""A user goes through the screens: forwards, back, into help, with mistakes. The terminal is a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from screen_samples import HASH, NICS, state

from installer.tui.pages import host
from installer.tui.state import State, to_answers
from installer.tui.toolkit.forms import BACK, HELP, NEXT, Entry, Form, Problem, Reply, Update, Value
from installer.tui.toolkit.text_terminal import draw
from installer.tui.wizard import Wizard, show_form, show_problems

Turn = tuple[str, str, dict[str, Value]]
"""The title that is expected, the button, and what is typed before."""


@dataclass
class Script:
    """A terminal with a scripted user."""

    turns: list[Turn]
    shown: list[tuple[str, str]] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        draw(form, problem)
        self.seen.append((form.title, focus, problem))
        self.forms.append(form)
        title, button, typed = self.turns.pop(0)
        assert form.title == title
        assert button in (HELP, *dict(form.buttons))
        values = form.values()
        assert set(typed) <= set(values)
        return Reply(button, {**values, **typed})

    def set_status(self, text: str) -> None:
        """Accept any text."""

    def show_message(self, title: str, text: str) -> None:
        self.shown.append((title, text))


@pytest.fixture(autouse=True)
def _no_libcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "make_hash", lambda password: HASH)


TO_DISK: list[Turn] = [("Keyboard", NEXT, {"keyboard.map": "de"}), ("What to do", NEXT, {}), ("Drivers and packages", NEXT, {})]
TO_NAMES: list[Turn] = [
    ("Target disk", NEXT, {"disk.key": "/dev/sdb"}),
    ("Guest storage", NEXT, {}),
    ("Network card", NEXT, {}),
    ("Host address", NEXT, {}),
    ("Network test", NEXT, {}),
]
FROM_NAMES: list[Turn] = [
    ("Host name", NEXT, {"name.host": "xen1"}),
    ("Time zone", NEXT, {"zone.region": "Europe"}),
    ("Time zone and clock", NEXT, {"zone.city": "Europe/Paris"}),
    ("Administrator", NEXT, {"root.password": "correct horse", "root.again": "correct horse"}),
    ("Pool", NEXT, {}),
    ("Summary", NEXT, {}),
    ("Confirmation", NEXT, {"confirm.word": "erase"}),
]


def test_straight_through() -> None:
    script = Script([*TO_DISK, *TO_NAMES, *FROM_NAMES])
    answers = to_answers(Wizard(script, state()).run())
    assert script.turns == []
    assert script.shown == []
    assert answers.host_name == "xen1"
    assert answers.keyboard == "de"
    assert answers.target.wipe
    assert answers.time.zone == "Europe/Paris"
    assert answers.network.management.mac == NICS[0].mac
    assert answers.root.password_hash is not None
    assert answers.root.password_hash.reveal() == HASH


def test_going_back_keeps_even_invalid_input() -> None:
    script = Script(
        [
            *TO_DISK,
            *TO_NAMES,
            ("Host name", BACK, {"name.host": "Not Yet", "name.dns": "192.0.2.53"}),
            ("Network test", BACK, {}),
            ("Host address", BACK, {"ip.vlan": "42"}),
            ("Network card", BACK, {}),
            ("Guest storage", BACK, {"guests.group": "vg7"}),
            ("Target disk", NEXT, {}),
            ("Guest storage", NEXT, {}),
            ("Network card", NEXT, {}),
            ("Host address", NEXT, {}),
            ("Network test", NEXT, {}),
            *FROM_NAMES,
        ]
    )
    answers = to_answers(Wizard(script, state()).run())
    names = [form for form in script.forms if form.title == "Host name"]
    assert names[1].values()["name.host"] == "Not Yet"
    assert answers.network.management.vlan == 42
    assert answers.network.management.dns == ("192.0.2.53",)
    assert answers.volume_group() == "vg7"
    assert str(answers.target) == "(serial: DISK2)"


def test_there_is_nothing_before_the_first_screen() -> None:
    # Esc reaches the driver as Back even where no button says so.
    script = Script([("What to do", BACK, {})])
    driver = Wizard(script, State(state().facts, state().manifest, {}, preset=frozenset({"keyboard"}), zones=state().zones))
    with pytest.raises(IndexError):  # asked again, and the script has no more turns
        driver.run()
    assert [title for title, _, _ in script.seen] == ["What to do", "What to do"]


def test_help_keeps_the_input() -> None:
    script = Script([("Administrator", HELP, {"root.password": "correct horse"}), ("Administrator", NEXT, {})])
    reply = show_form(script, lambda: host.root(state()))
    assert script.shown[0][0] == "Help: Administrator"
    assert "public SSH key" in script.shown[0][1]
    assert reply.values["root.password"] == "correct horse"


def test_invalid_input_stays_on_the_screen() -> None:
    script = Script([("Administrator", NEXT, {"root.password": "short", "root.again": "short"}), ("Administrator", BACK, {})])
    with pytest.raises(IndexError):
        Wizard(script, state()).run("root")
    title, focus, problem = script.seen[1]
    assert (title, focus) == ("Administrator", "root.password")
    assert "needs 8" in problem
    again = [item for item in script.forms[1].items if isinstance(item, Entry)]
    assert [item.value for item in again] == ["short", "short", ""]


def test_passwords_are_not_kept_when_a_screen_is_left() -> None:
    script = Script([("Administrator", BACK, {"root.password": "correct horse", "root.again": "correct horse"})])
    driver = Wizard(script, state())
    with pytest.raises(IndexError):
        driver.run("root")
    assert "correct horse" not in repr(driver.state)


def test_several_problems_are_shown_in_a_message() -> None:
    script = Script([])
    focus, problem = show_problems(script, [Problem("a", "First."), Problem("b", "Second.")])
    assert (focus, problem) == ("a", "First.")
    assert script.shown == [("Please correct the following", "First.\n\nSecond.")]
    assert show_problems(script, [Problem("a", "Short.")]) == ("a", "Short.")
    assert len(script.shown) == 1
    assert show_problems(script, [Problem("a", "long " * 60)])[1] == ""
    assert len(script.shown) == 2


def test_an_additional_button_returns_to_its_screen() -> None:
    script = Script([("Network card", "rescan", {"card.bond": True}), ("Network card", BACK, {})])
    seen: list[str] = []

    def rescan(where: State, values: object) -> State:
        seen.append(str(where.is_checked("card.bond")))
        return where.with_values({"card.key": NICS[2].mac})

    driver = Wizard(script, state(), actions={("card", "rescan"): rescan})
    with pytest.raises(IndexError):
        driver.run("card")
    assert seen == ["True"]


def test_a_leave_handler_can_choose_the_next_screen() -> None:
    script = Script([("What to do", NEXT, {"action.what": "rescue"}), ("What to do", NEXT, {"action.what": "install"})])
    ways: list[bool] = []

    def left(where: State, forwards: bool) -> str:
        ways.append(forwards)
        return "what" if where.text("action.what") == "rescue" else ""

    with pytest.raises(IndexError):
        Wizard(script, state(), left={"what": left}).run("what")
    assert ways == [True, True]
    assert script.seen[-1][0] == "Drivers and packages"


def test_confirmation_requires_the_word_if_data_is_lost() -> None:
    from installer.tui.pages import summary  # noqa: PLC0415

    dirty = state().with_values({"disk.key": "/dev/sdb", "card.key": NICS[0].mac, "name.host": "x"})
    assert "contents: gpt signature; part /dev/sdb1 with ext4 'precious'" in " ".join(str(summary.confirm(dirty).items).split())
    assert isinstance(summary.submit_confirm(dirty, {"confirm.word": "yes"}), list)
    assert isinstance(summary.submit_confirm(dirty, {"confirm.word": " ERASE "}), State)
    blank = dirty.with_values({"disk.key": "/dev/sda"})
    assert summary.confirm(blank).default == BACK
    assert list(summary.confirm(blank).fields()) == []
    assert isinstance(summary.submit_confirm(blank, {}), State)


def test_the_summary_goes_on_only_with_a_plan() -> None:
    from installer.tui.pages import summary  # noqa: PLC0415

    assert isinstance(summary.submit_summary(state(), {}), list)
