"""iSCSI sessions: what this system has, and what a host keeps of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installer_samples import DISK, OPTIONS, answers, facts, manifest

from dom0kit.errors import UserError
from dom0kit.linux import host_initramfs
from dom0kit.units import GIB
from installer.apply.host_initramfs import put
from installer.hardware import iscsi_sessions
from installer.model.actions import IscsiPart, WriteHostPart
from installer.model.hardware import Disk, Facts, IscsiSession, Nic
from installer.plan.plan import PlanError, make_plan
from installer.storage_network import iscsi_host_config, iscsi_login

IQN = "iqn.2026-01.org.example:array"
WWID = "360000000000000000e00000000010001"
MACS = ("52:54:00:aa:00:01", "52:54:00:aa:00:02")
LINKS = [
    {"ifname": "eth0", "address": MACS[0], "mtu": 9000, "addr_info": [{"local": "10.1.0.2", "prefixlen": 24}]},
    {"ifname": "eth1", "address": MACS[1], "addr_info": []},
    {
        "ifname": "eth1.42",
        "address": MACS[1],
        "mtu": 1500,
        "linkinfo": {"info_kind": "vlan", "info_data": {"id": 42}},
        "addr_info": [{"local": "10.2.0.2", "prefixlen": 24, "dynamic": True}],
    },
]
A = IscsiSession(IQN, "10.1.0.1", disks=("/dev/sda",), card="eth0", mac=MACS[0], local="10.1.0.2/24", mtu=9000)
B = IscsiSession(
    IQN, "10.9.0.1", 3260, 2, ("/dev/sdb",), "eth1.42", MACS[1], "10.2.0.2/24", vlan=42, gateway="10.2.0.254", leased=True
)
OTHER = IscsiSession(f"{IQN}:data", "10.1.0.1", disks=("/dev/sdc",), card="eth0", mac=MACS[0], local="10.1.0.2/24")


def make_session(root: Path, number: int, address: str, own: str, disk: str) -> None:
    """Create a session in sysfs."""
    host = root / f"sys/devices/platform/host{number}"
    device = host / f"session{number}"
    connection = device / f"connection{number}:0/iscsi_connection/connection{number}:0"
    block = device / f"target{number}:0:0/{number}:0:0:1/block/{disk}"
    entry = device / f"iscsi_session/session{number}"
    for folder in (connection, block, entry, host / f"iscsi_host/host{number}", root / iscsi_sessions.SESSIONS):
        folder.mkdir(parents=True, exist_ok=True)
    (connection / "persistent_address").write_text(f"{address}\n")
    (connection / "persistent_port").write_text("3260\n")
    (host / f"iscsi_host/host{number}/ipaddress").write_text(f"{own}\n")
    (entry / "targetname").write_text(f"{IQN}\n")
    (entry / "tpgt").write_text(f"{number}\n")
    (entry / "device").symlink_to(device)
    (root / iscsi_sessions.SESSIONS / f"session{number}").symlink_to(entry)


def test_sessions_with_their_cards(tmp_path: Path) -> None:
    assert iscsi_sessions.read_sessions(tmp_path, lambda argv: pytest.fail("no command runs without a session")) == ()
    make_session(tmp_path, 1, "10.1.0.1", "10.1.0.2", "sda")
    make_session(tmp_path, 2, "10.9.0.1", "10.2.0.2", "sdb")
    asked = {"address": json.dumps(LINKS), "10.9.0.1": '[{"dst": "10.9.0.1", "gateway": "10.2.0.254", "dev": "eth1.42"}]'}
    assert iscsi_sessions.read_sessions(tmp_path, lambda argv: asked[argv[-1]]) == (A, B)


def test_a_session_with_an_unknown_card(tmp_path: Path) -> None:
    make_session(tmp_path, 1, "10.1.0.1", "", "sda")
    (session,) = iscsi_sessions.read_sessions(tmp_path, lambda argv: "")
    assert (session.card, session.mac, session.local) == ("", "", "")


def on_san(**changes: object) -> Facts:
    """Return a machine with a map of two paths over iSCSI, another LUN, and a management card."""
    lun = Disk(f"/dev/mapper/{WWID}", "mpath", 100 * GIB, serial="LUN1", paths=("/dev/sda", "/dev/sdb"), transport="iscsi")
    raw = [Disk(path, "disk", 100 * GIB, serial="LUN1", map=lun.path) for path in lun.paths]
    data = Disk("/dev/sdc", "disk", 100 * GIB, serial="LUN2")
    nics = tuple(Nic(f"eth{n}", mac, carrier=True) for n, mac in enumerate((*MACS, "52:54:00:12:34:56")))
    return facts(lun, *raw, data, nics=nics, sessions=(A, B, OTHER), **changes)


def management(mac: str) -> str:
    return f"network: {{management: {{mac: '{mac}'}}}}\n"


def test_the_plan_of_a_host_on_iscsi() -> None:
    plan = make_plan(on_san(), answers("serial: LUN1", more=management("52:54:00:12:34:56")), manifest(), OPTIONS)
    (action,) = [action for action in plan.actions if isinstance(action, WriteHostPart)]
    assert action.iscsi == IscsiPart(boot=(A, B), data=(OTHER,), cards=(A, B, OTHER), mapped=(A, B))
    (warning,) = [text for text in plan.warnings if "DHCP" in text]
    assert f"10.2.0.2/24 of eth1.42 {MACS[1]} comes from DHCP" in warning


def test_a_card_of_the_roots_session_is_not_for_a_bridge() -> None:
    with pytest.raises(PlanError, match=r"52:54:00:aa:00:01 is selected for a bridge.*nic-carries-root"):
        make_plan(on_san(), answers("serial: LUN1", more=management(MACS[0])), manifest(), OPTIONS)


def test_data_may_come_over_the_management_network() -> None:
    plan = make_plan(on_san(), answers("serial: LUN2", more=management(MACS[1])), manifest(), OPTIONS)
    (action,) = [action for action in plan.actions if isinstance(action, WriteHostPart)]
    assert action.iscsi == IscsiPart(boot=(OTHER,), data=(A, B), cards=(A, OTHER), mapped=(A, B))


def test_an_iscsi_card_without_a_session_is_a_warning() -> None:
    nics = "".join(f'{{mac: "{mac}", address: 192.0.2.{n}/24}}, ' for n, mac in enumerate((MACS[0], "52:54:00:00:00:99"), 1))
    more = management("52:54:00:12:34:56") + f"san: {{iscsi: {{nics: [{nics}]}}}}\n"
    plan = make_plan(on_san(), answers("serial: LUN1", more=more), manifest(), OPTIONS)
    assert [text for text in plan.warnings if "no iSCSI session" in text] == [
        "no iSCSI session uses the network card 52:54:00:00:00:99 of san.iscsi.nics"
    ]


def test_a_host_without_iscsi_has_no_part() -> None:
    plan = make_plan(facts(DISK), answers(), manifest(), OPTIONS)
    assert not [action for action in plan.actions if isinstance(action, WriteHostPart)]


def write_records(root: Path) -> None:
    """Create the root of a system that has logged in."""
    (root / "etc/iscsi").mkdir(parents=True)
    (root / host_initramfs.INITIATOR).write_text("InitiatorName=iqn.2026-01.org.example:xen1\n")
    for session in (A, B, OTHER):
        path = root / iscsi_login.RECORDS / session.target / f"{session.address},{session.port}"
        path.parent.mkdir(parents=True, exist_ok=True)
        auth = "None"
        if session is B:
            auth = "CHAP\nnode.session.auth.username = host\nnode.session.auth.password = secret of host"
        path.write_text(f"node.startup = manual\nnode.session.auth.authmethod = {auth}\n# END RECORD\n")


def test_what_the_host_gets(tmp_path: Path) -> None:
    root, upper = tmp_path / "root", tmp_path / "upper"
    upper.mkdir()
    write_records(root)
    part = IscsiPart(boot=(A, B), data=(OTHER,), cards=(A, B), mapped=(A, B))
    iscsi_host_config.write(part, upper, put, root)
    assert (upper / host_initramfs.ISCSI).read_text().splitlines() == [
        f"card\t{MACS[0]}\t10.1.0.2/24\t0\t9000",
        f"card\t{MACS[1]}\t10.2.0.2/24\t42\t0",
        "route\t10.9.0.1\t10.2.0.254",
        f"target\t{IQN}\t10.1.0.1\t3260\t1\t-\t-\t-\t-",
        f"target\t{IQN}\t10.9.0.1\t3260\t2\thost\tsecret of host\t-\t-",
    ]
    record = upper / iscsi_login.RECORDS / IQN / "10.9.0.1,3260,2/default"
    for path in (upper / host_initramfs.ISCSI, upper / host_initramfs.INITIATOR, record):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert record.read_text().splitlines() == [
        "node.session.auth.authmethod = CHAP",
        "node.session.auth.username = host",
        "node.session.auth.password = secret of host",
        "node.tpgt = 2",
        "node.startup = onboot",
        "node.session.initial_login_retry_max = 8",
        "node.session.timeo.replacement_timeout = 5",
        "# END RECORD",
    ]
    data = (upper / iscsi_login.RECORDS / f"{IQN}:data/10.1.0.1,3260,1/default").read_text()
    assert "node.startup = automatic" in data
    assert "replacement_timeout" not in data
    assert f"\nMACAddress={' '.join(MACS)}\n" in (upper / iscsi_host_config.NETWORK).read_text()
    wants = {path.name: str(path.readlink()) for path in (upper / iscsi_host_config.WANTS).iterdir()}
    assert wants == {
        "iscsid.service": "/etc/systemd/system/iscsid.service",
        "open-iscsi.service": "/usr/lib/systemd/system/open-iscsi.service",
    }
    files = host_initramfs.collect(upper)
    assert iscsi_host_config.problems(files, part) == []
    lost = {**files, host_initramfs.ISCSI: b"", host_initramfs.INITIATOR: b"GenerateName=yes\n"}
    assert iscsi_host_config.problems(lost, part) == [
        "/etc/iscsi/initiatorname.iscsi has no name",
        f"/etc/dom0kit/iscsi does not name {IQN} at 10.1.0.1",
        f"/etc/dom0kit/iscsi does not name {IQN} at 10.9.0.1",
    ]


def test_without_data_only_iscsid_runs(tmp_path: Path) -> None:
    write_records(tmp_path)
    (tmp_path / "upper").mkdir()
    iscsi_host_config.write(IscsiPart(boot=(A,)), tmp_path / "upper", put, tmp_path)
    assert [path.name for path in (tmp_path / "upper" / iscsi_host_config.WANTS).iterdir()] == ["iscsid.service"]
    assert not (tmp_path / "upper" / iscsi_host_config.NETWORK).exists()


def test_a_session_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    (tmp_path / "etc/iscsi").mkdir(parents=True)
    (tmp_path / host_initramfs.INITIATOR).write_text("InitiatorName=iqn.2026-01.org.example:xen1\n")
    with pytest.raises(UserError, match="no record exists of the iSCSI session"):
        iscsi_host_config.write(IscsiPart(boot=(A,)), tmp_path / "upper", put, tmp_path)
