"""Volume groups of real physical volumes: clones, other machines, missing disks, one name twice."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from installer_samples import NIC, answers, manifest
from loop_devices import GIB, LoopDisk, loop_disk, output

from installer.apply import wiping
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.model.actions import Wipe
from installer.model.hardware import Facts
from installer.plan.plan import Options, Plan, PlanError, make_plan

GROUP = f"dom0kit-test-{os.getpid()}"
OPTIONS = Options("image", uuid.UUID("0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"))


def machine() -> Facts:
    return replace(collect(loops=True), firmware="bios", nics=(NIC,))


def plan_for(disk: LoopDisk, more: str = f"guests: {{volume_group: {GROUP}}}\n") -> Plan:
    return make_plan(machine(), answers(f"path: {disk.path}", True, more), manifest(), OPTIONS)


def refused(disk: LoopDisk, more: str = f"guests: {{volume_group: {GROUP}}}\n") -> str:
    with pytest.raises(PlanError) as caught:
        plan_for(disk, more)
    return str(caught.value)


def wipe_of(plan: Plan) -> Wipe:
    return next(action for action in plan.actions if isinstance(action, Wipe))


def test_d4_a_clone_of_the_target_is_found_by_its_uuid(disk: LoopDisk, tmp_path: Path) -> None:
    with loop_disk(tmp_path / "clone", disk.size) as clone:
        output("vgcreate", "--yes", GROUP, disk.path)
        clone.write(0, disk.read(0, 2**20))
        text = refused(disk)
        assert "[volume-group-exists]" in text
        assert clone.path in text
        assert "incomplete" not in text


def test_d5_a_group_of_another_machine_spans_a_disk_that_stays(disk: LoopDisk, tmp_path: Path) -> None:
    with loop_disk(tmp_path / "other", GIB) as other:
        output("vgcreate", "--yes", "--systemid", "another-machine", GROUP, disk.path, other.path)
        text = refused(disk)
        assert "[volume-group-spans-other-disks]" in text
        assert "of the machine another-machine" in text
        assert other.path in text


def test_b2_b3_two_groups_with_one_name(disk: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    """LVM makes no second group of a name: the other disk is away meanwhile."""
    with loop_disk(tmp_path / "other", disk.size) as other:
        output("vgcreate", "--yes", GROUP, other.path)
        hidden = other.read(0, 2**20)
        output("wipefs", "--all", "--force", other.path)
        other.write(0, bytes(2**20))
        output("vgcreate", "--yes", GROUP, disk.path)
        other.write(0, hidden)

        text = refused(disk)
        assert "[volume-group-exists]" in text
        assert "incomplete" not in text
        both = f"guests: {{volume_group: {GROUP}, disks: [{{path: {other.path}}}]}}\n"
        action = wipe_of(plan_for(disk, both))
        assert len(action.volume_groups) == 2
        wiping.wipe(action, commands)
        assert GROUP not in output("vgs", "--noheadings", "-o", "vg_name")


def test_b4_a_disk_of_a_broken_group_can_be_installed_on(disk: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    with loop_disk(tmp_path / "gone", GIB) as gone:
        output("vgcreate", "--yes", GROUP, disk.path, gone.path)
    plan = plan_for(disk)
    assert any("is incomplete already" in warning for warning in plan.warnings)
    wiping.wipe(wipe_of(plan), commands)
    assert GROUP not in output("vgs", "--noheadings", "-o", "vg_name")
