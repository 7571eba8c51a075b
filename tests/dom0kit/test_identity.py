"""Who a machine is, in URLs and in reports."""

from __future__ import annotations

from pathlib import Path

from dom0kit.identity import Identity, read_identity


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
