"""What ``dom0ctl image diff`` shows of a plan."""

from __future__ import annotations

from upgrade.state.describe import Row, describe
from upgrade.state.nodes import Entry, Facts, Kind, Node
from upgrade.state.packages import Installed, PackagePlan
from upgrade.state.plan import make_plan

FOLDER = Node(Kind.FOLDER, 0o755)


def file(content: str) -> Node:
    return Node(Kind.FILE, content=content)


FACTS = Facts(
    (
        Entry("etc", FOLDER, FOLDER, FOLDER),
        Entry("etc/both", file("mine"), file("one"), file("two")),
        Entry("etc/machine-id", file("mine"), file(""), file("")),
        Entry("etc/mine", file("mine")),
        Entry("etc/same", file("same"), file("same"), file("same")),
        Entry("usr", FOLDER, FOLDER, FOLDER),
        Entry("usr/bin", FOLDER, FOLDER, FOLDER),
        Entry("usr/bin/mine", file("mine")),
        Entry("var", FOLDER, FOLDER, FOLDER),
        Entry("var/cache", FOLDER, FOLDER, FOLDER),
        Entry("var/cache/mine", file("mine")),
    )
)


def test_what_needs_attention_comes_first_and_what_services_write_is_left_out() -> None:
    tool, bash, image = (Installed(name, version, "amd64") for name, version in (("tool", "1"), ("bash", "6"), ("bash", "5")))
    rows = describe(make_plan(FACTS), PackagePlan(again=(tool,), missing=(tool,), older=((bash, image),)))
    assert [(row.what, row.change, row.verdict) for row in rows] == [
        ("tool", "installed", "refused"),
        ("bash", "upgraded", "older"),
        ("/etc/both", "changed", "conflict"),
        ("/usr/bin/mine", "added", "dropped"),
        ("/etc/mine", "added", "administrator's own"),
    ]
    assert rows[3].to_json() == {
        "what": "/usr/bin/mine",
        "change": "added",
        "verdict": "dropped",
        "reason": "part of the image",
    }


def test_everything_is_each_path_once() -> None:
    rows = describe(make_plan(FACTS), PackagePlan(), everything=True)
    assert sorted(row.what for row in rows) == sorted(f"/{entry.path}" for entry in FACTS.entries)
    assert all(isinstance(row, Row) and row.reason for row in rows)
