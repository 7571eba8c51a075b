"""Of several volumes with one label none is taken; the same volume seen twice is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.process import Result
from installer.answer_source import volumes
from installer.answer_source.volumes import find_label, parents, separate_volumes

LUN = "naa.600140500000000000000000000000aa"


@pytest.mark.parametrize(
    ("devices", "separate"),
    [
        ([], []),
        ([("/dev/sdb1", "sdb1", {"sdb"})], ["/dev/sdb1"]),
        ([("/dev/sdb1", "sdb1", {"sdb"}), ("/dev/sdc1", "sdc1", {"sdc"})], ["/dev/sdb1", "/dev/sdc1"]),
        ([("/dev/sdb1", "sdb1", {"sdb"}), ("/dev/sdb2", "sdb2", {"sdb"})], ["/dev/sdb1", "/dev/sdb2"]),
        ([("/dev/sdb", "sdb", set()), ("/dev/sdb1", "sdb1", {"sdb"})], ["/dev/sdb"]),
        ([("/dev/sdb", "sdb", set()), ("/dev/sdc", "sdc", set())], ["/dev/sdb", "/dev/sdc"]),
        # Two paths to a LUN, before and after multipath.
        ([("/dev/sda1", "sda1", {"sda", LUN}), ("/dev/sdb1", "sdb1", {"sdb", LUN})], ["/dev/sda1"]),
        (
            [
                ("/dev/sda1", "sda1", {"sda", LUN}),
                ("/dev/sdb1", "sdb1", {"sdb", LUN}),
                ("/dev/mapper/3600-part1", "dm-1", {"dm-0", "sda", "sdb", LUN}),
            ],
            ["/dev/sda1"],
        ),
        ([("/dev/sda1", "sda1", {"sda", LUN}), ("/dev/sdb2", "sdb2", {"sdb", LUN})], ["/dev/sda1", "/dev/sdb2"]),
        (
            [("/dev/sda", "sda", {LUN}), ("/dev/sdb", "sdb", {LUN}), ("/dev/mapper/3600", "dm-0", {"sda", "sdb", LUN})],
            ["/dev/sda"],
        ),
    ],
)
def test_what_is_one_volume(devices: list[tuple[str, str, set[str]]], separate: list[str]) -> None:
    assert separate_volumes([(device, name, frozenset(below)) for device, name, below in devices]) == separate


def test_what_is_below_a_device(tmp_path: Path) -> None:
    for name, wwid in (("sda", LUN), ("sdb", "t10.ACME stick")):
        (tmp_path / "devices" / name / f"{name}1").mkdir(parents=True)
        (tmp_path / "devices" / name / f"{name}1/partition").write_text("1\n")
        (tmp_path / "devices" / name / "device").mkdir()
        (tmp_path / "devices" / name / "device/wwid").write_text(f"{wwid}\n")
        for device in (name, f"{name}/{name}1"):
            (tmp_path / Path(device).name).symlink_to(tmp_path / "devices" / device)
    (tmp_path / "dm-0/slaves/sda").mkdir(parents=True)
    assert parents("sda", tmp_path) == {LUN}
    assert parents("sda1", tmp_path) == {"sda", LUN}
    assert parents("sdb1", tmp_path) == {"sdb"}
    assert parents("dm-0", tmp_path) == {"sda", LUN}
    assert parents("gone", tmp_path) == frozenset()


def test_m6_two_sticks_with_answers_are_an_error_that_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take none of them silently."""

    def blkid(argv: list[str], **options: object) -> Result:
        return Result(tuple(argv), 0, "/dev/sdx1\n/dev/sdy1\n", "", 0.0)

    monkeypatch.setattr(volumes, "run", blkid)
    with pytest.raises(UserError, match=r"^2 volumes are labelled ANSWERS: /dev/sdx1, /dev/sdy1\n"):
        find_label("ANSWERS")
