"""On any machine any answers give a plan, or the reasons why not, and no other exception."""

from __future__ import annotations

import json
from typing import Any

from answer_strategies import MODEST
from hypothesis import given
from hypothesis import strategies as st
from installer_samples import HASH, OPTIONS, manifest
from pydantic import ValidationError

from answerfiles.model import Answers
from dom0kit.units import GIB
from installer.model.hardware import Disk, Facts, Nic
from installer.plan.plan import Plan, PlanError, make_plan

TRANSPORTS = ("sata", "sas", "scsi", "nvme", "fc", "usb", "virtio")
SIZES = st.integers(8, 4000).map(lambda count: count * GIB)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """At least one of these keys."""
    return st.fixed_dictionaries({}, optional=fields).filter(bool)


SELECTOR = some(
    serial=st.sampled_from(["S1", "S2", "S3"]),
    wwn=st.sampled_from(["0x1", "naa.2"]),
    path=st.sampled_from(["/dev/sda", "/dev/sdb", "/dev/disk/by-id/x"]),
    model=st.sampled_from(["A*", "?", "[x]"]),
    size=some(at_least=SIZES, at_most=SIZES),
    transport=st.sampled_from(TRANSPORTS),
    rotational=st.booleans(),
    multipath=st.just("required"),
)
MAC = st.integers(0, 9).map(lambda number: f"52:54:00:00:00:0{number}")
CARD = some(
    mac=MAC,
    driver=st.sampled_from(["ixgbe", "tg3"]),
    slot=st.sampled_from(["0000:01:00.0", "02:00.0"]),
    name=st.sampled_from(["eth0", "eth1"]),
    carrier=st.booleans(),
)
UPLINK = st.one_of(
    st.just({}),
    MAC.map(lambda mac: {"mac": mac}),
    CARD.map(lambda rule: {"nic": rule}),
    st.lists(CARD, min_size=2, max_size=3).map(lambda rules: {"bond": {"nics": rules}}),
)
ANSWERS = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "host_name": st.just("xen1"),
        "root": st.just({"password_hash": HASH}),
        "target": st.one_of(
            SELECTOR.map(lambda one: {"disk": one}),
            st.lists(SELECTOR, min_size=2, max_size=2).map(lambda two: {"mirror": two, "wipe": True}),
        ),
    },
    optional={
        "guests": st.one_of(
            st.just("none"),
            st.fixed_dictionaries({}, optional={"thin": st.booleans(), "disks": st.lists(SELECTOR, max_size=2)}),
        ),
        "network": st.builds(
            lambda management, bridge: {"management": management, "bridges": [{"name": "xenbr1", **bridge}]}, UPLINK, UPLINK
        ),
        "dom0": st.fixed_dictionaries({}, optional={"memory": SIZES, "cpus": st.integers(1, 64)}),
        "serial_console": st.one_of(st.just("none"), st.just({"port": "com2", "speed": 9600})),
        "san": st.just({"multipath": "required"}),
    },
)
DISK = st.builds(
    Disk,
    path=st.sampled_from(["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/nvme0n1", "/dev/mapper/3600"]),
    kind=st.sampled_from(["disk", "mpath"]),
    size=st.integers(0, 100).map(lambda count: count * GIB),
    sector=st.sampled_from([512, 4096]),
    model=st.sampled_from(["", "ABC", "x", "[x]"]),
    serial=st.sampled_from(["", "S1", "S2", "S3"]),
    wwn=st.sampled_from(["", "0x1", "0x2"]),
    transport=st.sampled_from(["", *TRANSPORTS]),
    rotational=st.booleans(),
    contents=st.sampled_from([(), ("gpt signature",)]),
    volumes=st.sampled_from([(), (("raid1", "/dev/md127"),), (("lvm", "/dev/mapper/a"),)]),
    map=st.sampled_from(["", "", "/dev/mapper/3600"]),
)
NIC = st.builds(Nic, st.sampled_from(["eth0", "eth1", "eth2"]), MAC, st.sampled_from(["", "tg3"]), st.sampled_from([None, True]))


def read(value: dict[str, Any]) -> Answers | None:
    try:
        return Answers.model_validate(value)
    except ValidationError:
        return None


def outcome(facts: Facts, asked: Answers) -> Plan | tuple[str, ...]:
    """Return the plan or its problems; any other exception fails the test."""
    try:
        return make_plan(facts, asked, manifest(), OPTIONS)
    except PlanError as error:
        return error.problems


@MODEST
@given(
    ANSWERS,
    st.lists(DISK, max_size=5, unique_by=lambda disk: disk.path),
    st.lists(NIC, max_size=3, unique_by=lambda nic: nic.name),
    st.sampled_from(["bios", "uefi"]),
)
def test_any_machine_gives_a_plan_or_reasons(value: dict[str, Any], disks: list[Disk], nics: list[Nic], firmware: str) -> None:
    asked = read(value)
    if asked is None:
        return
    plan = outcome(Facts(tuple(disks), tuple(nics), firmware, 8 * GIB, ""), asked)
    if isinstance(plan, Plan):
        assert plan.render()
        json.dumps(plan.to_json())
    else:
        assert plan
