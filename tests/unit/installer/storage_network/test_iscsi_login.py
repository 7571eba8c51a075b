"""iSCSI: what the firmware left, portals of the answers, and how the installer logs in."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from fake_runner import Call, Ended, FakeRunner
from installer_samples import answers

from answerfiles.model.san import Chap, Iscsi, Portal
from answerfiles.secret import Secret
from dom0kit.errors import UserError
from dom0kit.linux import host_initramfs
from installer.command_log import Commands
from installer.hardware import ibft
from installer.hardware.ibft import Ibft, Target
from installer.storage_network import iscsi_login
from network.storage_cards import StorageCard

IQN = "iqn.2026-01.org.example:array"
CHAP = Chap(user="host", secret=Secret("secret of host"))
MUTUAL = Chap(user="host", secret=Secret("secret of host"), target_user="array", target_secret=Secret("secret of array"))
LINKS = [
    {"ifname": "lo", "address": "00:00:00:00:00:00", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]},
    {"ifname": "eth0", "address": "52:54:00:aa:00:01", "addr_info": [{"local": "10.1.0.2", "prefixlen": 24}]},
    {"ifname": "eth1", "address": "52:54:00:aa:00:02", "addr_info": [{}, {"local": "10.2.0.2", "prefixlen": 24}]},
    {"ifname": "br0", "address": "52:54:00:aa:00:02", "linkinfo": {"info_kind": "bridge"}, "addr_info": []},
]
RECORD = "# BEGIN RECORD 2.1.11\nnode.name = x\nnode.startup = manual\nnode.session.auth.authmethod = None\n# END RECORD\n"


class Shell:
    """Commands that are written down; those that end with a word of ``refused`` fail with its code and text.

    As iscsiadm does, ``-o new`` leaves a record below ``root``.
    """

    def __init__(
        self, root: Path, outputs: dict[str, str] | None = None, refused: dict[str, tuple[int, str]] | None = None
    ) -> None:
        self.root, self.log, self.refused = root, io.StringIO(), refused or {}
        self.runner = FakeRunner({"ip -json": json.dumps(LINKS), "iscsiadm": self.iscsiadm, **(outputs or {})})
        self.lines = self.runner.calls
        self.commands = Commands(self.log, runner=self.runner)
        (root / "etc/iscsi").mkdir(parents=True)

    def record(self, target: str, address: str, port: int) -> None:
        path = self.root / iscsi_login.RECORDS / target / f"{address},{port}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORD)

    def iscsiadm(self, call: Call) -> Ended:
        for end, (code, text) in self.refused.items():
            if call.line.endswith(end):
                return Ended(code, "", text)
        if "-o new" in call.line:
            address, _, port = call.argv[call.argv.index("-p") + 1].rpartition(":")
            self.record(call.argv[call.argv.index("-T") + 1], address.strip("[]"), int(port))
        return Ended()

    def log_in(self, wanted: Iscsi | None) -> None:
        iscsi_login.log_in(wanted, self.commands, lambda fraction, text: None, self.root)

    def entered(self) -> list[str]:
        return [line.split(" -p ")[1].split()[0] for line in self.lines if line.endswith("--login")]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iscsi_login, "LINK_SECONDS", 0.0)


def put(root: Path, name: str, text: str) -> None:
    (root / ibft.FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
    (root / ibft.FOLDER / name).write_text(text + "\n")


def put_table(root: Path) -> None:
    """Create an iBFT with two cards, one in a VLAN, and a target with mutual CHAP."""
    put(root, "initiator/initiator-name", "iqn.2010-04.org.ipxe:host")
    for number, (mac, address, mask, vlan) in enumerate(
        [("52:54:00:AA:00:01", "10.1.0.2", "255.255.255.0", "0"), ("52:54:00:aa:00:02", "10.2.0.2", "255.255.0.0", "42")]
    ):
        put(root, f"ethernet{number}/mac", mac)
        put(root, f"ethernet{number}/ip-addr", address)
        put(root, f"ethernet{number}/subnet-mask", mask)
        put(root, f"ethernet{number}/vlan", vlan)
    put(root, "ethernet1/gateway", "10.2.0.254")
    put(root, "target0/target-name", IQN)
    put(root, "target0/ip-addr", "10.1.0.1")
    put(root, "target0/port", "3260")
    put(root, "target0/chap-name", "host")
    put(root, "target0/chap-secret", "secret of host")
    put(root, "target0/rev-chap-name", "array")
    put(root, "target0/rev-chap-name-secret", "secret of array")
    put(root, "target1/target-name", IQN)
    put(root, "target1/ip-addr", "0.0.0.0")


def test_the_firmwares_table(tmp_path: Path) -> None:
    assert ibft.read_ibft(tmp_path) is None
    put_table(tmp_path)
    assert ibft.read_ibft(tmp_path) == Ibft(
        "iqn.2010-04.org.ipxe:host",
        (StorageCard("52:54:00:aa:00:01", "10.1.0.2/24"), StorageCard("52:54:00:aa:00:02", "10.2.0.2/16", 42, 0, "10.2.0.254")),
        (Target(IQN, "10.1.0.1", 3260, MUTUAL),),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ethernet0/vlan", "²"),
        ("ethernet0/vlan", "9" * 5000),
        ("ethernet0/vlan", "-1"),
        ("ethernet0/subnet-mask", "255.0.255.0"),
        ("ethernet0/subnet-mask", "mask"),
        ("ethernet0/prefix-len", "0"),
        ("ethernet0/prefix-len", "129"),
        ("ethernet0/prefix-len", "²"),
        ("target0/port", "²²"),
        ("target0/port", "70000"),
        ("target0/port", "0"),
    ],
)
def test_a_wrong_number_in_the_firmwares_table_is_left_out(tmp_path: Path, name: str, text: str) -> None:
    put_table(tmp_path)
    expected = ibft.read_ibft(tmp_path)
    put(tmp_path, name, text)
    assert ibft.read_ibft(tmp_path) == expected


def test_a_bad_card_or_target_of_the_firmware_leaves_the_others(tmp_path: Path) -> None:
    put_table(tmp_path)
    put(tmp_path, "ethernet0/mac", "no card")
    put(tmp_path, "ethernet1/gateway", "fe80::1%eth0 or true")
    put(tmp_path, "ethernet2/mac", "52:54:00:aa:00:03")
    put(tmp_path, "ethernet2/ip-addr", "224.0.0.1")
    put(tmp_path, "target1/ip-addr", "fe80::1%lo")
    put(tmp_path, "target2/ip-addr", "10.1.0.3")
    put(tmp_path, "target2/target-name", "iqn.2010-04.org:a -l --op new")
    found = ibft.read_ibft(tmp_path)
    assert found is not None
    assert found.cards == (StorageCard("52:54:00:aa:00:02", "10.2.0.2/16", 42), StorageCard("52:54:00:aa:00:03"))
    assert [target.name for target in found.targets] == [IQN]


def test_cards_of_the_answers_come_before_those_of_the_firmware(tmp_path: Path) -> None:
    put_table(tmp_path)
    more = (
        "san: {iscsi: {nics: [{mac: '52:54:00:AA:00:02', address: 10.9.0.2/24, vlan: 7, mtu: 9000, gateway: 10.9.0.1}],"
        f" portals: [{{address: 10.9.0.9, target: '{IQN}:b'}}, {{address: 10.8.0.9}}]}}}}\n"
    )
    wanted = iscsi_login.requested_targets(answers(more=more).san.iscsi, ibft.read_ibft(tmp_path))
    assert wanted.cards == (
        StorageCard("52:54:00:aa:00:01", "10.1.0.2/24"),
        StorageCard("52:54:00:aa:00:02", "10.9.0.2/24", 7, 9000, "10.9.0.1"),
    )
    assert [target.address for target in wanted.named] == ["10.1.0.1", "10.9.0.9"]
    assert [portal.address for portal in wanted.offered] == ["10.8.0.9"]


def test_who_the_host_is() -> None:
    firmware = Ibft("iqn.2010-04.org.ipxe:host", (), ())
    own = Iscsi(initiator="iqn.2026-01.org.example:xen1")
    assert iscsi_login.initiator_name(own, None, b"") == "iqn.2026-01.org.example:xen1"
    assert iscsi_login.initiator_name(None, firmware, b"") == "iqn.2010-04.org.ipxe:host"
    assert iscsi_login.initiator_name(Iscsi(), None, b"\1\2") == "iqn.1993-08.org.debian:01:0102"
    assert "the firmware logs in as iqn.2010-04.org.ipxe:host" in iscsi_login.name_problem(own, firmware)
    assert iscsi_login.name_problem(own, None) == iscsi_login.name_problem(None, firmware) == ""


def test_portals_as_iscsiadm_writes_them() -> None:
    assert iscsi_login.where("10.1.0.1", 3260) == "10.1.0.1:3260"
    assert iscsi_login.where("fd77::1", 3260) == "[fd77::1]:3260"
    text = f"10.1.0.1:3260,1 {IQN}\n[fd77::1]:3261,2 {IQN}\n10.2.0.1:3260,-1 {IQN}:b\nnonsense\n"
    assert iscsi_login.discovered(text) == [(IQN, "10.1.0.1", 3260), (IQN, "fd77::1", 3261), (f"{IQN}:b", "10.2.0.1", 3260)]


def test_a_machine_without_iscsi_is_left_alone(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.log_in(None)
    shell.log_in(Iscsi())
    assert shell.lines == ["modprobe iscsi_ibft"] * 2


def test_a_named_target_is_not_discovered(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.log_in(Iscsi(portals=(Portal(address="10.1.0.1", target=IQN),)))
    assert shell.lines[-2:] == [
        f"iscsiadm -m node -T {IQN} -p 10.1.0.1:3260 -o new",
        f"iscsiadm -m node -T {IQN} -p 10.1.0.1:3260 --login",
    ]


def test_discovery_takes_the_portals_that_are_at_hand(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"iscsiadm -m discovery": "".join(f"10.{n}.0.1:3260,1 {IQN}\n" for n in (1, 2, 3))})
    shell.log_in(Iscsi(portals=(Portal(address="10.1.0.1", chap=MUTUAL),)))
    assert shell.entered() == ["10.1.0.1:3260", "10.2.0.1:3260"]
    assert f"{IQN} at 10.3.0.1:3260 is skipped" in shell.log.getvalue()


def test_secrets_are_in_the_record_and_not_in_the_log(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.log_in(Iscsi(portals=(Portal(address="10.1.0.1", target=IQN, chap=MUTUAL),)))
    (path,) = iscsi_login.record_files(tmp_path, IQN, "10.1.0.1", 3260)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().splitlines() == [
        "# BEGIN RECORD 2.1.11",
        "node.name = x",
        "node.startup = manual",
        "node.session.auth.authmethod = CHAP",
        "node.session.auth.username = host",
        "node.session.auth.password = secret of host",
        "node.session.auth.username_in = array",
        "node.session.auth.password_in = secret of array",
        "node.session.initial_login_retry_max = 2",
        "# END RECORD",
    ]
    assert "secret" not in shell.log.getvalue()


def test_the_firmwares_targets_and_what_more_the_array_has(tmp_path: Path) -> None:
    put_table(tmp_path)
    shell = Shell(tmp_path, {"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n10.2.0.1:3260,1 {IQN}\n10.2.0.1:3260,1 {IQN}:b\n"})
    shell.log_in(None)
    assert (tmp_path / host_initramfs.INITIATOR).read_text() == "InitiatorName=iqn.2010-04.org.ipxe:host\n"
    assert shell.entered() == ["10.1.0.1:3260", "10.2.0.1:3260"]
    assert "password_in = secret of array" in iscsi_login.record_files(tmp_path, IQN, "10.2.0.1", 3260)[0].read_text()
    assert [line for line in shell.lines if line.startswith("ip ") and "-json" not in line] == [
        "ip link set eth0 up",
        "ip address replace 10.1.0.2/24 dev eth0",
        "ip link set eth1 up",
        "ip link add link eth1 name eth1.42 type vlan id 42",
        "ip link set eth1.42 up",
        "ip address replace 10.2.0.2/16 dev eth1.42",
    ]
    assert "\nMACAddress=52:54:00:aa:00:01 52:54:00:aa:00:02\n" in (tmp_path / iscsi_login.UNMANAGED).read_text()


def test_an_additional_portal_that_rejects_is_skipped(tmp_path: Path) -> None:
    put_table(tmp_path)
    shell = Shell(
        tmp_path,
        {"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n10.2.0.1:3260,1 {IQN}\n"},
        {"10.2.0.1:3260 --login": (8, "timed out")},
    )
    shell.log_in(None)
    assert "left out: cannot log in" in shell.log.getvalue()


def test_one_of_the_firmwares_paths_may_be_gone(tmp_path: Path) -> None:
    put_table(tmp_path)
    put(tmp_path, "target1/ip-addr", "10.2.0.1")
    dead = (8, "iscsiadm: initiator reported error (8 - connection timed out)")
    shell = Shell(tmp_path / "one", refused={"10.1.0.1:3260 --login": dead})
    shutil.copytree(tmp_path / "sys", tmp_path / "one/sys")
    shell.log_in(None)
    assert "left out: cannot log in" in shell.log.getvalue()
    shell = Shell(tmp_path / "none", refused={"--login": dead})
    shutil.copytree(tmp_path / "sys", tmp_path / "none/sys")
    with pytest.raises(UserError, match="cannot log in to the iSCSI target"):
        shell.log_in(None)


def test_a_portal_behind_a_router(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    nic = {"mac": "52:54:00:aa:00:01", "address": "10.1.0.2/24", "gateway": "10.1.0.254"}
    shell.log_in(Iscsi.model_validate({"nics": [nic], "portals": [{"address": "10.5.0.1", "target": IQN}]}))
    assert "ip route replace 10.5.0.1 via 10.1.0.254" in shell.lines


def test_a_missing_card(tmp_path: Path) -> None:
    nic = {"mac": "52:54:00:aa:00:09", "address": "10.1.0.2/24"}
    with pytest.raises(UserError, match="no network card has the MAC address 52:54:00:aa:00:09"):
        Shell(tmp_path).log_in(Iscsi.model_validate({"nics": [nic], "portals": [{"address": "10.1.0.1"}]}))


@pytest.mark.parametrize(
    ("outputs", "refused", "said"),
    [
        ({}, {}, "offers no target"),
        (
            {},
            {
                "-p 10.1.0.1:3260 -o nonpersistent": (
                    4,
                    "iscsiadm: cannot make connection to 10.1.0.1: Connection refused\niscsiadm: giving up",
                )
            },
            "does not answer: cannot make connection to 10.1.0.1: Connection refused",
        ),
        (
            {"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n"},
            {"--login": (24, "authorization failure")},
            "refuses this host: the CHAP user or secret is wrong",
        ),
        (
            {"iscsiadm -m discovery": f"10.1.0.1:3260,1 {IQN}\n"},
            {"--login": (8, "iscsiadm: initiator reported error (8 - connection timed out)\niscsiadm: Could not log in")},
            r"cannot log in to .*: initiator reported error \(8 - connection timed out\)",
        ),
    ],
)
def test_a_portal_that_rejects_the_log_in(
    tmp_path: Path, outputs: dict[str, str], refused: dict[str, tuple[int, str]], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        Shell(tmp_path, outputs, refused).log_in(Iscsi(portals=(Portal(address="10.1.0.1", chap=CHAP),)))
    assert "secret of" not in f"{caught.value} {caught.value.hint}"


def test_a_target_that_fails_mutual_authentication(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {}, {"--login": (19, "iscsiadm: initiator reported error (19 - non-retryable failure)")})
    with pytest.raises(UserError, match="fails mutual authentication"):
        shell.log_in(Iscsi(portals=(Portal(address="10.1.0.1", target=IQN, chap=MUTUAL),)))


def test_an_existing_session_is_not_an_error(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {}, {"--login": (15, "iscsiadm: default: 1 session requested, but 1 already present.")})
    shell.log_in(Iscsi(portals=(Portal(address="10.1.0.1", target=IQN),)))
    assert shell.entered() == ["10.1.0.1:3260"]
