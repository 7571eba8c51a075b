"""Who a machine is, in URLs and in reports."""

from __future__ import annotations

from pathlib import Path

from dom0kit.machine_identity import Identity, machine_uuid, read_identity


def test_places_are_filled_and_quoted() -> None:
    who = Identity("52:54:00:12:34:56", "4c4c-45", "SN/1 ä", "xen1")
    assert who.fill("http://s/{mac}/{uuid}/{serial}?h={host}&x={y}") == (
        "http://s/52-54-00-12-34-56/4c4c-45/SN%2F1%20%C3%A4?h=xen1&x={y}"
    )
    assert Identity(mac="52:54:00:12:34:56").missing("{mac}{uuid}{serial}") == ["serial", "uuid"]


def test_from_the_firmware(tmp_path: Path) -> None:
    assert read_identity(tmp_path, mac="m") == Identity("m")
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "product_uuid").write_text("4C4C4544-0042-3110-8052-B4C04F4D3432\n")
    (dmi / "product_serial").write_text("SN-0042\n")
    assert read_identity(tmp_path, host="h").to_json() == {
        "host": "h",
        "mac": "",
        "uuid": "4c4c4544-0042-3110-8052-b4c04f4d3432",
        "serial": "SN-0042",
    }


def card(root: Path, name: str, mac: str, *, real: bool = True) -> Path:
    """Create a network card in sysfs."""
    folder = root / "sys/class/net" / name
    (folder / "device" if real else folder).mkdir(parents=True)
    (folder / "address").write_text(mac + "\n")
    return folder


def test_a_machine_without_a_uuid_is_known_by_its_cards(tmp_path: Path) -> None:
    """As QEMU's without ``-uuid``, and boards whose maker set none: otherwise such a host is not recognized later."""
    assert machine_uuid(tmp_path) == ""
    card(tmp_path, "eth1", "52:54:00:77:01:03")
    first = card(tmp_path, "eth0", "52:54:00:77:01:02")
    card(tmp_path, "xenbr0", "02:00:00:00:00:01", real=False)
    card(tmp_path, "vif1.0", "fe:ff:ff:ff:ff:ff")
    card(tmp_path, "usb0", "00:00:00:00:00:00")
    found = machine_uuid(tmp_path)
    assert found == "c6f2d94c-1ac4-5d55-9ce8-1ca0bc6b516d"
    (first / "address").write_text("52:54:00:77:01:03\n")  # as a member of a bond
    (first / "bonding_slave").mkdir()
    (first / "bonding_slave/perm_hwaddr").write_text("52:54:00:77:01:02\n")
    assert machine_uuid(tmp_path) == found
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    for text in (
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
    ):
        (dmi / "product_uuid").write_text(text)
        assert machine_uuid(tmp_path) == found
    (dmi / "product_uuid").write_text("4C4C4544-0042-3110-8052-B4C04F4D3432")
    assert machine_uuid(tmp_path) == "4c4c4544-0042-3110-8052-b4c04f4d3432"
