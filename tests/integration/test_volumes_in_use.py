"""The stick that the answers come from is no target: D3."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from installer_samples import NIC, OPTIONS, answers, manifest
from loop_devices import LoopDisk, output

from installer.answer_source.volumes import OnLabel, read_file
from installer.command_log import Commands
from installer.hardware import used_volumes
from installer.hardware.probe import collect
from installer.plan.plan import PlanError, make_plan


def test_d3_the_volume_with_the_answers_is_no_target(disk: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    output("mkfs.ext4", "-q", "-F", "-L", "D0K-ANSWERS", disk.path)
    folder = tmp_path / "look"
    folder.mkdir()
    output("mount", disk.path, folder)
    (folder / "host.yaml").write_text("version: 1\n")
    output("umount", folder)
    record = used_volumes.ROOT / used_volumes.RECORD
    before = record.read_bytes() if record.exists() else None
    try:
        assert read_file(OnLabel("D0K-ANSWERS", "host.yaml"), "the answers", commands) == "version: 1\n"
        facts = replace(collect(loops=True), firmware="bios", nics=(NIC,))
        for wipe in (True, False):
            with pytest.raises(PlanError, match="reads from it: the answers") as caught:
                make_plan(facts, answers(f"path: {disk.path}", wipe), manifest(), OPTIONS)
            assert "[disk-used-by-installation]" in str(caught.value)
    finally:
        record.unlink() if before is None else record.write_bytes(before)
