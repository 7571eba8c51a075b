"""One file for many machines: each is named by what it is, or by its DHCP server, or not at all."""

from __future__ import annotations

import dataclasses
import json

import pytest
from installer_samples import DISK, HASH, NIC, OPTIONS, facts, manifest

from answerfiles.model import Answers
from answerfiles.reader import parse_answers
from installer.model import actions
from installer.model.hardware import Facts, Machine, Nic
from installer.plan.plan import Plan, PlanError, make_plan

UUID = "4c4c4544-0052-4a10-8035-b3c04f4e3332"
MACHINE = Machine(serial="3RJ5N32", uuid=UUID, asset="RZ-0815")
NAMED = facts(machine=MACHINE, nics=(dataclasses.replace(NIC, dhcp_name="xen7.example.org"),))


def asked(name: str, more: str = "") -> Answers:
    text = f"version: 1\nhost_name: '{name}'\ntarget: {{disk: {{serial: DISK1}}}}\nroot: {{password_hash: '{HASH}'}}\n{more}"
    return parse_answers(text)


def plan(name: str, found: Facts = NAMED, more: str = "") -> Plan:
    return make_plan(found, asked(name, more), manifest(), OPTIONS)


def problem(name: str, found: Facts, more: str = "") -> str:
    with pytest.raises(PlanError) as caught:
        plan(name, found, more)
    (only,) = caught.value.problems
    return only


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("xen-{serial}", "xen-3rj5n32"),
        ("Xen-{serial}.Example.org", "xen-3rj5n32.example.org"),
        ("{uuid}", UUID),
        ("m{mac}", "m525400123456"),
        ("h{asset}-{mac}.example.org", "hrz-0815-525400123456.example.org"),
        ("dhcp", "xen7.example.org"),
        ("DHCP", "xen7.example.org"),
        ("xen1.example.org", "xen1.example.org"),
    ],
)
def test_a_machine_has_the_name_that_its_rule_gives(rule: str, name: str) -> None:
    made = plan(rule)
    assert made.host_name == name
    state = next(action for action in made.actions if isinstance(action, actions.WriteState))
    host_json = json.loads(state.host_json)
    assert (host_json["host_name"], host_json["host_name_fallback"]) == (name, None)
    marker = next(action for action in made.actions if isinstance(action, actions.Finish)).marker
    assert json.loads(marker)["host_name"] == name
    assert f"install dom0kit 0.1.0 as {name}\n" in made.render()
    assert (f"named by host_name '{rule.lower()}'" in made.render()) is (rule != name)
    assert made.to_json()["host_name"] == name
    assert not made.warnings


def test_two_machines_get_two_names() -> None:
    other = facts(machine=dataclasses.replace(MACHINE, serial="3RJ5N33"))
    assert plan("xen-{serial}").host_name != plan("xen-{serial}", other).host_name


@pytest.mark.parametrize(
    ("rule", "found", "words"),
    [
        ("xen-{serial}", facts(), "this machine has no serial (the firmware's serial number of the system)"),
        ("{uuid}", facts(), "this machine has no uuid"),
        ("{mac}-{asset}", facts(machine=Machine(serial="1", uuid=UUID)), "this machine has no asset"),
        ("dhcp", facts(machine=MACHINE), "this machine has no dhcp (the name that the DHCP server gave to the installer"),
        ("xen-{serial}", facts(machine=Machine(serial="VMware-56 4d 12")), "gives 'xen-vmware-56 4d 12' on this machine"),
        ("{mac}", facts(), "gives '525400123456' on this machine; allowed: a host name with at least one letter"),
        ("{serial}", facts(machine=Machine(serial="4711")), "a host name with at least one letter"),
        ("{serial}", facts(machine=Machine(serial="a" * 64)), "gives 'aaa"),
        ("{asset}", facts(machine=Machine(asset="-A1")), "gives '-a1'"),
        ("dhcp", facts(nics=(dataclasses.replace(NIC, dhcp_name="xen_7"),)), "gives 'xen_7'"),
        ("dhcp", facts(nics=(dataclasses.replace(NIC, dhcp_name="localhost.example.org"),)), "of every machine for itself"),
    ],
)
def test_a_rule_without_a_name_is_refused(rule: str, found: Facts, words: str) -> None:
    text = problem(rule, found)
    assert words in text
    assert "[no-host-name]" in text
    named = plan(rule, found, "host_name_fallback: 'xen-{mac}'\n")
    assert named.host_name == "xen-525400123456"
    assert "named by host_name_fallback 'xen-{mac}'" in named.render()
    assert words in named.warnings[0]


def test_a_fallback_without_a_name_is_refused_with_both_reasons() -> None:
    text = problem("dhcp", facts(), "host_name_fallback: 'xen-{serial}'\n")
    assert "no dhcp" in text
    assert "host_name_fallback 'xen-{serial}' names no host" in text


def test_only_the_cards_of_the_management_network_count() -> None:
    other = Nic("eth1", "52:54:00:00:00:02", "e1000e", True, dhcp_name="storage7.example.org")
    found = facts(DISK, nics=(NIC, other))
    management = "network: {management: {mac: '52:54:00:12:34:56'}}\n"
    assert "no dhcp" in problem("dhcp", found, management)
    bond = "network: {management: {bond: {nics: [{name: eth0}, {name: eth1}]}}}\n"
    assert plan("dhcp", found, bond).host_name == "storage7.example.org"
    assert plan("x{mac}", found, bond).host_name == "x525400123456"
