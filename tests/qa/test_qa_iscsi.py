"""The firmware's script and the answers' cards of scenarios over iSCSI."""

from __future__ import annotations

from qa import iscsi
from qa.command import Nic
from qa.iscsi import Account


def test_the_firmware_describes_both_paths() -> None:
    assert iscsi.script((0, 1)).splitlines() == [
        "#!ipxe",
        "set initiator-iqn iqn.2026-01.org.example:xen1",
        "set keep-san 1",
        "set net1/ip 10.77.1.10",
        "set net1/netmask 255.255.255.0",
        "ifopen net1",
        "set net2/ip 10.77.2.10",
        "set net2/netmask 255.255.255.0",
        "ifopen net2",
        f"sanboot iscsi:10.77.1.1::3260:1:{iscsi.TARGET} iscsi:10.77.2.1::3260:1:{iscsi.TARGET} || exit 1",
    ]


def test_the_firmware_with_chap_and_without_a_description() -> None:
    lines = iscsi.script((1,), describe=False, account=Account("u", "s1"), outgoing=Account("a", "s2")).splitlines()
    assert lines[6:] == [
        "set username u",
        "set password s1",
        "set reverse-username a",
        "set reverse-password s2",
        "sanboot --no-describe iscsi:10.77.2.1::3260:1:iqn.2026-01.org.example:array || exit 1",
    ]


def test_a_firmware_that_knows_nothing_of_the_network() -> None:
    nics = (Nic(rom=True, bootindex=0), Nic(mac=iscsi.CARDS[0]))
    assert all(not nic.rom and nic.bootindex is None for nic in iscsi.without_rom(nics))
    assert iscsi.answered_cards(1) == [{"mac": iscsi.CARDS[1], "address": "10.77.2.10/24"}]


def test_the_lun_has_tgts_name() -> None:
    assert iscsi.Lun(None, wwn=iscsi.NAA).wwid == "360000000000000000e00000000010001"  # type: ignore[arg-type]
