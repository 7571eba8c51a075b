"""Whatever ``answers check`` accepts for a machine, the plan accepts."""

from __future__ import annotations

import json

from answer_strategies import MODEST, REFUSED_BY_THE_PLAN, Values, machine_answers
from hypothesis import given
from hypothesis import strategies as st
from installer_samples import OPTIONS, manifest

from answerfiles.host_naming import fill
from answerfiles.reader import parse_answers
from answerfiles.secret import unresolved
from dom0kit.units import GIB, human_bytes
from installer.answers_check import nominal_image, plan_of
from installer.hardware.facts_json import facts_from_json
from installer.model.hardware import Disk, Facts, Nic
from installer.plan.plan import make_plan


@MODEST
@given(machine_answers(REFUSED_BY_THE_PLAN), st.sampled_from(["bios", "uefi"]))
def test_what_is_checked_is_planned(drawn: tuple[Values, list[Values], list[str]], firmware: str) -> None:
    value, disks, cards = drawn
    answers = parse_answers(json.dumps(value))
    nics = tuple(Nic(f"eth{number}", mac, "virtio_net", True) for number, mac in enumerate(cards))
    facts = Facts(tuple(Disk(**disk) for disk in disks), nics, firmware, 32 * GIB, "vmx")
    facts = facts_from_json(facts.to_json())
    plan = make_plan(facts, answers, manifest(), OPTIONS)
    assert plan.host_name == fill(answers.host_name, {"mac": plan.nic_mac})
    assert unresolved(answers) == []
    shown = plan_of(answers, facts, nominal_image()).render()
    assert "saltsalt" not in shown
    assert human_bytes(facts.disks[0].size) in shown
