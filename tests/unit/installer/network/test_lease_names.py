"""The DHCP server may answer after the answers were read from a stick."""

from __future__ import annotations

from pathlib import Path

import pytest
from installer_samples import HASH, NIC, facts

from answerfiles.model import Answers
from answerfiles.reader import parse_answers
from installer.hardware import naming
from installer.model.hardware import Nic
from installer.network import lease_names

LEASE = "ADDRESS=192.0.2.77\nNETMASK=255.255.255.0\nHOSTNAME=xen7\nDOMAINNAME=example.org\n"
OTHER = Nic("eth1", "52:54:00:00:00:02", "e1000e", True)


def asked(name: str = "dhcp") -> Answers:
    management = f"network: {{management: {{mac: '{NIC.mac}'}}}}\n"
    rest = f"target: {{disk: {{serial: DISK1}}}}\nroot: {{password_hash: '{HASH}'}}\n{management}"
    return parse_answers(f"version: 1\nhost_name: '{name}'\n{rest}")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for number, name in enumerate((NIC.name, OTHER.name), 2):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "ifindex").write_text(f"{number}\n")
    (tmp_path / naming.LEASES).mkdir(parents=True)
    return tmp_path


def name_of(root: Path, seconds: float, rule: str = "dhcp", tell: lease_names.Tell = lambda part, text: None) -> str:
    found = lease_names.with_dhcp_names(asked(rule), facts(nics=(NIC, OTHER)), tell, root=root, seconds=seconds, own="dom0kit")
    return found.nics[0].dhcp_name


def test_a_lease_that_comes_late_is_waited_for(machine: Path) -> None:
    messages: list[str] = []

    def arrive(part: float, text: str) -> None:
        messages.append(text)
        (machine / naming.LEASES / "2").write_text(LEASE)

    assert name_of(machine, 30, tell=arrive) == "xen7.example.org"
    assert messages == ["waiting for a lease on eth0"]


def test_without_a_lease_there_is_no_name_after_the_limit(machine: Path) -> None:
    (machine / naming.LEASES / "3").write_text(LEASE)
    assert name_of(machine, 0) == ""


def test_a_lease_without_a_name_is_not_waited_for_again(machine: Path) -> None:
    (machine / naming.LEASES / "2").write_text(LEASE.replace("HOSTNAME=xen7\n", ""))
    assert name_of(machine, 30, tell=lambda part, text: pytest.fail("it waits although the lease is there")) == ""


def test_nothing_is_waited_for_when_the_answers_have_the_name(machine: Path) -> None:
    assert name_of(machine, 30, "xen1", lambda part, text: pytest.fail("it waits for a name that is not needed")) == ""
