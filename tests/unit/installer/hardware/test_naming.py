"""What a machine can be named for: leases and firmware, without what many machines share."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.machine_identity import own_number
from installer.hardware import naming
from installer.model.hardware import Machine

LEASE = "# This is private data.\nADDRESS=192.0.2.77\nNETMASK=255.255.255.0\nHOSTNAME=xen7\nDOMAINNAME=example.org\n"


def machine(root: Path, **values: str) -> Machine:
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True)
    for name, value in values.items():
        (folder / name).write_text(value + "\n")
    return naming.read_machine(root)


def test_numbers_of_the_machine_itself(tmp_path: Path) -> None:
    found = machine(
        tmp_path, product_serial="3RJ5N32", product_uuid="4C4C4544-0052-4A10-8035-B3C04F4E3332", chassis_asset_tag="A1 "
    )
    assert found == Machine("3RJ5N32", "4c4c4544-0052-4a10-8035-b3c04f4e3332", "A1")


@pytest.mark.parametrize(
    "text",
    ["To Be Filled By O.E.M.", "Default string", "Not Specified", "System Serial Number", "None", "0123456789", "123456789",
     "N/A", "00000000", "xxxxxxxx", "........", "Chassis Serial Number", "No Asset Tag", "Asset-1234567890"[:9], "  ", "OEM"],
)  # fmt: skip
def test_what_many_boards_share_is_nothing(text: str, tmp_path: Path) -> None:
    expected = "Asset-123" if text == "Asset-123" else ""
    assert own_number(text) == expected
    assert machine(tmp_path, product_serial=text, product_uuid="03000200-0400-0500-0006-000700080009").serial == expected


@pytest.mark.parametrize("text", ["3RJ5N32", "CZJ1230ABC", "S262089X8A12345", "VMware-42 1c 5d", "10203040", "A0000000"])
def test_a_number_of_its_own_stays(text: str) -> None:
    assert own_number(text) == text


def test_a_shared_uuid_is_none(tmp_path: Path) -> None:
    assert machine(tmp_path, product_uuid="03000200-0400-0500-0006-000700080009").uuid == ""


def test_names_of_leases() -> None:
    assert naming.lease_name(LEASE) == "xen7.example.org"
    assert naming.lease_name(LEASE.replace("xen7", "xen7.lab.example.net")) == "xen7.lab.example.net"
    assert naming.lease_name(LEASE.replace("DOMAINNAME=example.org\n", "")) == "xen7"
    assert naming.lease_name(LEASE.replace("HOSTNAME=xen7\n", "")) == ""
    assert naming.lease_name(LEASE, "xen7") == "", "a server that says the live system's own name has given none"


def test_each_card_has_the_name_of_its_lease(tmp_path: Path) -> None:
    for number, name in enumerate(("eno1", "eno2"), 2):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "ifindex").write_text(f"{number}\n")
    leases = tmp_path / "run/systemd/netif/leases"
    leases.mkdir(parents=True)
    (leases / "3").write_text(LEASE)
    assert naming.read_dhcp_names(tmp_path, "dom0kit") == {"eno2": "xen7.example.org"}


def test_the_lease_of_a_vlan_or_bond_is_that_of_its_cards(tmp_path: Path) -> None:
    """The members of a bond show its MAC address in place of their own; another card has another one."""
    kinds = {
        "dom0kit-bond": ("aa", False),
        "dom0kit-vlan": ("aa", False),
        "eno1": ("aa", True),
        "eno2": ("aa", True),
        "eno3": ("bb", True),
    }
    for number, (name, (mac, hardware)) in enumerate(kinds.items(), 2):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "ifindex").write_text(f"{number}\n")
        (folder / "address").write_text(f"52:54:00:00:00:{mac}\n")
        if hardware:
            (folder / "device").mkdir()
    leases = tmp_path / "run/systemd/netif/leases"
    leases.mkdir(parents=True)
    (leases / "3").write_text(LEASE)
    found = naming.read_dhcp_names(tmp_path, "dom0kit")
    assert {name for name in found if name.startswith("eno")} == {"eno1", "eno2"}
    assert naming.leases_of("eno3", tmp_path) == []
