from __future__ import annotations

from pathlib import Path

from firstboot.network.nic_list import Nic, missing, missing_error, missing_text, read_nics, rename_commands
from network.model import Card

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def renamed(cards: list[Card], nics: list[Nic]) -> dict[str, str]:
    """Return the names after the commands, by MAC; as strict as the kernel, which gives no name twice."""
    names = {nic.mac: nic.name for nic in nics}
    for words in rename_commands(cards, nics):
        assert words[:4] == ["ip", "link", "set", "dev"]
        assert words[4] in names.values()
        if words[5] == "name":
            assert words[6] not in names.values()
            names[next(mac for mac, name in names.items() if name == words[4])] = words[6]
    return names


def test_a_bridge_with_the_same_address_is_no_network_card(tmp_path: Path) -> None:
    for name, real in (("enp3s0", True), ("xenbr0", False)):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "address").write_text(A + "\n")
        if real:
            (folder / "device").mkdir()
    assert read_nics(tmp_path) == [Nic("enp3s0", A)]


def test_rename_only_when_needed() -> None:
    assert rename_commands([Card(A, "mgmt0")], [Nic("mgmt0", A), Nic("eth1", B)]) == []
    assert rename_commands([Card(A, "mgmt0")], [Nic("enp3s0", A)]) == [
        ["ip", "link", "set", "dev", "enp3s0", "down"],
        ["ip", "link", "set", "dev", "enp3s0", "name", "mgmt0"],
    ]


def test_two_cards_change_names() -> None:
    cards = [Card(A, "mgmt0"), Card(B, "mgmt1")]
    assert renamed(cards, [Nic("mgmt1", A), Nic("mgmt0", B), Nic("eth2", C)]) == {A: "mgmt0", B: "mgmt1", C: "eth2"}


def test_a_card_that_is_no_longer_for_management_gives_up_the_name() -> None:
    assert renamed([Card(B, "mgmt0")], [Nic("mgmt0", A), Nic("eth1", B)]) == {A: "x525400000001", B: "mgmt0"}


def test_three_in_a_ring() -> None:
    cards = [Card(A, "mgmt0"), Card(B, "mgmt1"), Card(C, "mgmt2")]
    nics = [Nic("mgmt1", A), Nic("mgmt2", B), Nic("mgmt0", C)]
    assert renamed(cards, nics) == {A: "mgmt0", B: "mgmt1", C: "mgmt2"}


def test_a_missing_card_is_said_with_those_present() -> None:
    gone = missing([Card(A, "mgmt0"), Card(B, "mgmt1")], [Nic("eth0", B)])
    assert gone == [Card(A, "mgmt0")]
    assert missing_text(gone, [Nic("eth0", B)]) == f"no network card has the address {A} (mgmt0); present: eth0 ({B})"
    assert "present: none" in missing_error(gone, []).message
