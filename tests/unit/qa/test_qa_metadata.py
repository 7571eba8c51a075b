"""What scenarios declare about themselves, and how they are selected by it."""

from __future__ import annotations

import json

import pytest

from dom0kit.errors import UserError
from qa import metadata
from qa.history import Run
from qa.metadata import SETS, Metadata, scenario
from qa.schedule.listing import listing, records
from qa.selection import catalog, check_collected, filter_scenarios

SMOKE_LIMIT_MINUTES = 40
"""`make test` also checks the style, runs the unit tests, builds the ISO and runs the integration tests."""


def test_every_scenario_has_metadata_and_a_set() -> None:
    """A scenario in no set but nightly would only ever run at night."""
    known = catalog()
    assert len(known) >= 67
    assert len({item.name for item in known}) == len(known)
    assert [item.name for item in known if item.sets == ["nightly"]] == []
    unused = [name for name in SETS if name != "upgrade" and not any(item.in_set(name) for item in known)]
    assert unused == []


def test_memory_and_cores_cover_the_machines() -> None:
    for item in catalog():
        assert item.cores >= item.machines, item.name
        assert item.memory_mib >= 512 * item.machines, item.name
        assert (item.firmware == "none") == (item.machines == 0), item.name


def test_smoke_fits_into_make_test() -> None:
    smoke = filter_scenarios(catalog(), sets=["smoke"])
    assert {"install-bios", "install-uefi"} <= {item.name for item in smoke}
    assert sum(item.minutes for item in smoke) <= SMOKE_LIMIT_MINUTES
    assert [item.name for item in smoke if item.lab] == [], "`make test` needs no root"


def test_one_function_is_several_scenarios_in_their_order() -> None:
    """The parameter ``firmware`` gets the scenario's; other parameters get their own values."""

    @scenario("one", firmware="bios", minutes=1, tags={"install"}, path=1)
    @scenario("two", firmware="uefi", minutes=2, machines=2, path=2)
    def test(scenario: object, firmware: str, path: int) -> None:
        pass

    assert [item.memory_mib for item in metadata.declared(test)] == [3072, 6144]
    assert [item.cores for item in metadata.declared(test)] == [1, 2]
    names, values, ids = metadata.parameters(test, ["scenario", "firmware", "path"])
    assert (names, ids) == (["scenario", "firmware", "path"], ["one", "two"])
    assert values == [("one", "bios", 1), ("two", "uefi", 2)]
    assert metadata.declared(lambda: None) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "Install BIOS"}, "no name"),
        ({"minutes": 0}, "minutes"),
        ({"cores": 0}, "cores"),
        ({"tags": frozenset({"nightly"})}, "leave the tag out"),
    ],
)
def test_malformed_declarations_are_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Metadata(**{"name": "a", "firmware": "bios", "minutes": 1, **changes})  # type: ignore[arg-type]


def test_a_collection_that_was_cut_short_is_not_taken_for_all_scenarios() -> None:
    check_collected(0, "test_a.py::test_a")
    check_collected(5, "no tests collected")
    with pytest.raises(UserError, match="cannot be read: ModuleNotFoundError: No module named 'nosuch'"):
        check_collected(2, "    import nosuch\nE   ModuleNotFoundError: No module named 'nosuch'\nERROR test_x.py\n")
    with pytest.raises(KeyboardInterrupt):
        check_collected(2, "test_x.py::test_a\n!!!!! KeyboardInterrupt !!!!!\n")


def test_selection_by_name_set_and_tag() -> None:
    known = [
        Metadata("a", "bios", 1, tags=frozenset({"install", "smoke"})),
        Metadata("b", "bios", 1, tags=frozenset({"install", "disks"})),
        Metadata("c", "bios", 1, tags=frozenset({"san"})),
    ]

    def names(**wanted: list[str]) -> list[str]:
        return [item.name for item in filter_scenarios(known, **wanted)]

    assert names() == names(sets=["nightly"]) == ["a", "b", "c"]
    assert names(sets=["install"]) == ["a", "b"]
    assert names(sets=["smoke"], names=["c"]) == ["a", "c"]
    assert names(sets=["install"], tags=["disks"]) == names(tags=["disks"]) == ["b"]
    assert names(sets=["upgrade"]) == []
    for wrong in ({"sets": ["smok"]}, {"tags": ["disk"]}, {"names": ["d"]}):
        with pytest.raises(UserError, match="there is no"):
            filter_scenarios(known, **wrong)


def test_table_of_scenarios() -> None:
    """The history's median replaces the declared minutes; an empty set says so."""
    known = [Metadata("a", "bios", 9, tags=frozenset({"install", "disks"})), Metadata("b", "uefi", 5)]
    runs = [Run("a", "passed", 120), Run("a", "failed", 999), Run("a", "passed", 240), Run("a", "starved", 999)]
    first, second = records(known, runs)
    assert json.loads(json.dumps(first))["minutes"] == 3
    assert (first["passed"], first["runs"], first["last"]["result"]) == (2, 3, "starved")
    assert (second["minutes"], second["last"]) == (5, None)
    text = listing(known, runs)
    assert "install disks" in text
    assert text.endswith("2 scenarios, 8 min one after the other")
    assert listing([], [], ["upgrade"]) == "no scenario is in the set upgrade"
