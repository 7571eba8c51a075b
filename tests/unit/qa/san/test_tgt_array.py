"""The firmware's script and the answers' cards of scenarios over iSCSI."""

from __future__ import annotations

from qa.san import tgt_array
from qa.san.tgt_array import Account
from qa.vm.qemu_args import Nic


def test_the_firmware_describes_both_paths() -> None:
    assert tgt_array.script((0, 1)).splitlines() == [
        "#!ipxe",
        "set initiator-iqn iqn.2026-01.org.example:xen1",
        "set keep-san 1",
        "set net1/ip 10.77.1.10",
        "set net1/netmask 255.255.255.0",
        "ifopen net1",
        "set net2/ip 10.77.2.10",
        "set net2/netmask 255.255.255.0",
        "ifopen net2",
        f"sanboot iscsi:10.77.1.1::3260:1:{tgt_array.TARGET} iscsi:10.77.2.1::3260:1:{tgt_array.TARGET} || exit 1",
    ]


def test_the_firmware_with_chap_and_without_a_description() -> None:
    lines = tgt_array.script((1,), describe=False, account=Account("u", "s1"), outgoing=Account("a", "s2")).splitlines()
    assert lines[6:] == [
        "set username u",
        "set password s1",
        "set reverse-username a",
        "set reverse-password s2",
        "sanboot --no-describe iscsi:10.77.2.1::3260:1:iqn.2026-01.org.example:array || exit 1",
    ]


def test_a_firmware_that_knows_nothing_of_the_network() -> None:
    nics = (Nic(rom=True, bootindex=0), Nic(mac=tgt_array.CARDS[0]))
    assert all(not nic.rom and nic.bootindex is None for nic in tgt_array.without_rom(nics))
    assert tgt_array.answered_cards(1) == [{"mac": tgt_array.CARDS[1], "address": "10.77.2.10/24"}]


def test_the_lun_has_tgts_name() -> None:
    assert tgt_array.Lun(None, wwn=tgt_array.NAA).wwid == "360000000000000000e00000000010001"  # type: ignore[arg-type]
