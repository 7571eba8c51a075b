"""iSCSI: what the firmware left, portals of the answers, and what the host's initramfs is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from installer_samples import answers

from answerfiles.model.san import Chap, Portal
from answerfiles.secret import Secret
from dom0kit.errors import UserError
from dom0kit.run import CommandFailed, Result
from installer import iscsi
from installer.commands import Commands
from installer.iscsi import BootCard, Ibft, Session

IQN = "iqn.2026-01.org.example:array"
CHAP = Chap(user="host", secret=Secret("secret-of-host"))
MUTUAL = Chap(user="host", secret=Secret("secret-of-host"), target_user="array", target_secret=Secret("secret-of-array"))


class Shell:
    """Commands that are written down; those that begin with ``refused`` fail with its text."""

    def __init__(self, outputs: dict[str, str] | None = None, refused: dict[str, str] | None = None) -> None:
        self.lines: list[str] = []
        self.outputs, self.refused = outputs or {}, refused or {}
        self.commands = Commands(io.StringIO(), runner=self.run)

    def run(self, argv: list[str], **_: Any) -> Result:
        line = " ".join(argv)
        self.lines.append(line)
        for end, text in self.refused.items():
            if line.endswith(end):
                raise CommandFailed(argv, 24, text, "")
        output = next((text for start, text in self.outputs.items() if line.startswith(start)), "")
        return Result(tuple(argv), 0, output, "", 0.0)


def put(root: Path, name: str, text: str) -> None:
    (root / iscsi.IBFT / name).parent.mkdir(parents=True, exist_ok=True)
    (root / iscsi.IBFT / name).write_text(text + "\n")


def test_the_firmwares_table(tmp_path: Path) -> None:
    assert iscsi.read_ibft(tmp_path) is None
    put(tmp_path, "initiator/initiator-name", "iqn.2010-04.org.ipxe:host")
    put(tmp_path, "ethernet0/mac", "52:54:00:AA:00:01")
    put(tmp_path, "ethernet0/ip-addr", "10.1.0.2")
    put(tmp_path, "ethernet0/subnet-mask", "255.255.255.0")
    put(tmp_path, "ethernet0/vlan", "0")
    put(tmp_path, "ethernet1/mac", "52:54:00:aa:00:02")
    put(tmp_path, "ethernet1/ip-addr", "10.2.0.2")
    put(tmp_path, "ethernet1/subnet-mask", "255.255.0.0")
    put(tmp_path, "ethernet1/vlan", "42")
    put(tmp_path, "target0/target-name", IQN)
    assert iscsi.read_ibft(tmp_path) == Ibft(
        "iqn.2010-04.org.ipxe:host",
        (BootCard("52:54:00:aa:00:01", "10.1.0.2", 24, 0), BootCard("52:54:00:aa:00:02", "10.2.0.2", 16, 42)),
        (IQN,),
    )


def test_who_the_host_is() -> None:
    ibft = Ibft("iqn.2010-04.org.ipxe:host", (), ())
    own = answers(more="san: {iscsi: {initiator: 'iqn.2026-01.org.example:xen1'}}\n")
    assert iscsi.initiator_name(own, None, b"") == "iqn.2026-01.org.example:xen1"
    assert iscsi.initiator_name(answers(), ibft, b"") == "iqn.2010-04.org.ipxe:host"
    assert iscsi.initiator_name(answers(), None, b"\1\2") == "iqn.1993-08.org.debian:01:0102"
    assert "the firmware logs in as iqn.2010-04.org.ipxe:host" in iscsi.name_problem(own, ibft)
    assert iscsi.name_problem(own, None) == iscsi.name_problem(answers(), ibft) == ""


def test_portals_as_iscsiadm_writes_them() -> None:
    assert iscsi.where("10.1.0.1", 3260) == "10.1.0.1:3260"
    assert iscsi.where("fd77::1", 3260) == "[fd77::1]:3260"
    text = f"10.1.0.1:3260,1 {IQN}\n[fd77::1]:3261,2 {IQN}\n10.2.0.1:3260,-1 {IQN}:b\nnonsense\n"
    assert iscsi.discovered(text) == [(IQN, "10.1.0.1", 3260), (IQN, "fd77::1", 3261), (f"{IQN}:b", "10.2.0.1", 3260)]


def test_a_named_target_is_not_discovered() -> None:
    shell = Shell()
    assert iscsi.log_in_at(Portal(address="10.1.0.1", target=IQN), shell.commands) == [Session(IQN, "10.1.0.1", 3260)]
    assert shell.lines == [
        f"iscsiadm -m node -o new -T {IQN} -p 10.1.0.1:3260",
        f"iscsiadm -m node -T {IQN} -p 10.1.0.1:3260 --login",
    ]


def test_all_that_discovery_finds_with_chap() -> None:
    shell = Shell({"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n10.2.0.1:3260,1 {IQN}\n"})
    made = iscsi.log_in_at(Portal(address="10.1.0.1", chap=MUTUAL), shell.commands)
    assert [session.address for session in made] == ["10.1.0.1", "10.2.0.1"]
    names = [line.split(" -n ")[1].split()[0] for line in shell.lines if " -n " in line]
    parts = ("authmethod", "username", "password", "username_in", "password_in")
    assert names == [f"node.session.auth.{part}" for part in parts] * 2


@pytest.mark.parametrize(
    ("outputs", "refused", "said"),
    [
        ({}, {}, "offers no target"),
        ({}, {"-p 10.1.0.1:3260": "iscsiadm: connection refused"}, "offers nothing: iscsiadm: connection refused"),
        ({"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n"}, {"--login": "authorization failure"}, "refuses: authorization failure"),
    ],
)
def test_a_portal_that_does_not_let_in(outputs: dict[str, str], refused: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        iscsi.log_in_at(Portal(address="10.1.0.1"), Shell(outputs, refused).commands)


def test_a_session_that_is_there_is_no_mistake() -> None:
    refused = {"--login": "iscsiadm: default: 1 session requested, but 1 already present."}
    assert iscsi.log_in_at(Portal(address="10.1.0.1", target=IQN), Shell({}, refused).commands)


def test_the_firmwares_cards_get_their_addresses() -> None:
    links = '[{"ifname": "eth0", "address": "52:54:00:aa:00:01"}, {"ifname": "eth1", "address": "52:54:00:aa:00:02"}]'
    shell = Shell({"ip -json link": links})
    cards = (BootCard("52:54:00:aa:00:02", "10.2.0.2", 24, 42), BootCard("52:54:00:aa:00:09", "10.3.0.2"))
    iscsi.take_boot_cards(cards, shell.commands)
    assert shell.lines[1:] == [
        "ip link set eth1 up",
        "ip link add link eth1 name eth1.42 type vlan id 42",
        "ip link set eth1.42 up",
        "ip address replace 10.2.0.2/24 dev eth1.42",
    ]


def test_what_the_initramfs_is_told() -> None:
    text = iscsi.records_text(
        [Session(IQN, "10.1.0.1", 3260), Session(IQN, "10.2.0.1", 3260, CHAP), Session(IQN, "10.3.0.1", 3260, MUTUAL)],
        [BootCard("52:54:00:aa:00:01", "10.1.0.2", 24), BootCard("52:54:00:aa:00:02")],
    )
    assert text.splitlines() == [
        "card 52:54:00:aa:00:01 10.1.0.2/24 0",
        "card 52:54:00:aa:00:02 -/24 0",
        f"target {IQN} 10.1.0.1 3260 - - - -",
        f"target {IQN} 10.2.0.1 3260 host secret-of-host - -",
        f"target {IQN} 10.3.0.1 3260 host secret-of-host array secret-of-array",
    ]
