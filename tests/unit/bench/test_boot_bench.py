"""What a boot costs: moments, sums and the plot."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from bench import counter, marks, plot
from bench.marks import Mark

MARKS = [Mark("install", "Linux starts", 2_000_000_000), Mark("install", "installer finished", 9_000_000_000)]
MARKS += [Mark("host", "Xen starts", 1_000_000_000), Mark("host", "firstboot finished", 6_500_000_000)]


def test_each_machine_counts_up_to_its_last_mark() -> None:
    assert marks.total(MARKS) == 15_500_000_000


def test_a_row_says_what_came_since_the_mark_before() -> None:
    assert marks.rows(MARKS)[1:3] == [("install", "installer finished", "9.00", "7.00"), ("host", "Xen starts", "1.00", "1.00")]


def test_a_text_on_the_console_is_one_moment_once() -> None:
    text = "(XEN) Xen version 4.20\n[    0.000000] Linux version 6.12\n"
    assert marks.of_console(text, []) == ["Linux starts", "Xen starts"]
    assert marks.of_console(text, ["Linux starts", "Xen starts"]) == []


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"source": "firstboot", "event": "step", "name": "network", "state": "finished"}, "firstboot: network"),
        ({"source": "firstboot", "event": "step", "name": "network", "state": "started"}, None),
        ({"source": "installer", "event": "progress"}, None),
        ({"source": "installer", "event": "finished"}, "installer finished"),
    ],
)
def test_moments_of_events(event: dict[str, str], name: str | None) -> None:
    assert marks.of_event(event) == name


def test_the_plugins_answer_is_a_number() -> None:
    assert counter.parse(b"123456789012\n") == 123456789012
    with pytest.raises(ValueError, match="invalid literal"):
        counter.parse(b"")


def result(name: str, **boots: float) -> dict[str, object]:
    return {"name": name, "boots": {kind: {"instructions": value * 1e9} for kind, value in boots.items()}}


def test_the_plot_is_xml_and_always_the_same() -> None:
    results = [result("0.1.0", bios=80.0), result("a<b", bios=40.0, uefi=45.0)]
    text = plot.svg(results)
    assert plot.svg(results) == text
    root = ElementTree.fromstring(text)
    shown = [element.text for element in root.iter() if element.text and element.text.strip()]
    assert {"0.1.0", "a<b", "bios 40.0", "uefi 45.0"} <= set(shown)
    assert plot.series(results) == {"bios": [(0, 80.0), (1, 40.0)], "uefi": [(1, 45.0)]}


def test_no_results_make_an_empty_plot() -> None:
    ElementTree.fromstring(plot.svg([]))
