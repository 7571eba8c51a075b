from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dom0kit.cli import build_parser
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from firstboot.cli import choose, firstboot
from firstboot.host import Host
from firstboot.runner import run_steps
from firstboot.status import log_text, read_status, status_text
from firstboot.step_records import StepRecords
from firstboot.steps.steps import STEPS
from programs.dom0ctl import PROGRAM


def test_arguments() -> None:
    parser = build_parser(PROGRAM)
    assert parser.parse_args(["firstboot", "run", "--only", "identity,name"]).only == "identity,name"
    assert parser.parse_args(["firstboot", "retry", "network"]).step == "network"


@pytest.mark.parametrize("words", [["firstboot", "retry"], ["firstboot", "run", "network"]])
def test_retry_takes_a_step_and_run_none(words: list[str]) -> None:
    with pytest.raises(UserError, match="retry requires one step"):
        firstboot(build_parser(PROGRAM).parse_args(words))


def test_choose_keeps_the_order() -> None:
    assert [step.name for step in choose(STEPS, "root, identity")] == ["identity", "root"]
    with pytest.raises(UserError, match="nonsense"):
        choose(STEPS, "nonsense")


def test_status(host: Host, host_answers: dict[str, Any], failing: set[str]) -> None:
    failing.add("vgs")
    run_steps(host, Reporter("firstboot"), STEPS, say=lambda text: None)
    status = read_status(host, STEPS)
    states = {step["name"]: step["state"] for step in status["steps"]}
    assert states["identity"] == "done"
    assert states["storage"] == "failed"
    assert states["confirm"] == "open"
    text = status_text(status)
    assert "address   10.0.2.15 on xenbr0" in text
    assert re.search(r"storage failed \(tried once; automatic retry at [0-9:]{8}\): vgs exited with 1", text)
    host.host_json["time"]["zone"] = "UTC"
    assert {step["name"]: step["state"] for step in read_status(host, STEPS)["steps"]}["time"] == "changed"
    StepRecords(host.root).clear("identity")
    assert read_status(host, STEPS)["steps"][0] == {"name": "identity", "state": "open"}


def test_status_of_bond_vlan_and_closed_ssh(host: Host, host_answers: dict[str, Any]) -> None:
    host_answers["ssh"] = "off"
    host_answers["network"]["management"].update(
        mac=None, vlan=100, bond={"nics": [{"mac": "52:54:00:00:00:01"}, {"mac": "52:54:00:00:00:02"}]}
    )
    host.path("etc/dom0kit/host.json").write_text(json.dumps(host_answers))
    outputs: dict[str, str] = host.run.outputs  # type: ignore[attr-defined]
    outputs["ovs-appctl"] = "bond_mode: active-backup\nlacp_status: off\n\nmember mgmt0: enabled\n  active member\n"
    outputs["systemctl"] = "inactive\n"
    text = status_text(read_status(host, STEPS))
    assert "address   10.0.2.15 on mgmt.100 (VLAN 100)\nbond      mgmt-bond: active-backup: mgmt0 active\nssh       off\n" in text
    outputs["systemctl"] = "active\n"
    assert read_status(host, STEPS)["ssh"] == "running, although the answers set ssh: off"


def test_the_log_passes_over_broken_lines() -> None:
    lines = ['{"event": "step", "name": "a", "state": "failed", "error": "no", "time": 0}', '{"event', "7"]
    assert log_text(lines).endswith("step  a  failed  no")
