"""What the installers of XenServer and XCP-ng take is taken: with which values, and with which warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from answerfiles.reader import read_answers
from answerfiles.validation import AnswersError
from answerfiles.xenserver import codes
from answerfiles.xenserver.convert import convert
from reference_pages.xenserver_answers import BASE, EXAMPLES, example_file, flat

CARD = 'hwaddr="52:54:00:12:34:56"'


def values(example: str) -> dict[str, Any]:
    return dict(flat(convert(example_file(example), "f").value))


def warnings(example: str) -> set[str]:
    return {note.code for note in convert(example_file(example), "f").warnings}


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        ("<primary-disk>nvme0n1</primary-disk>", {"target.disk.path": "/dev/nvme0n1"}),
        ("<primary-disk>cciss/c0d0</primary-disk>", {"target.disk.path": "/dev/cciss/c0d0"}),
        ("<primary-disk>disk/by-id/ata-A</primary-disk>", {"target.disk.path": "/dev/disk/by-id/ata-A"}),
        ("<primary-disk>\n  /dev/xvda\n</primary-disk>", {"target.disk.path": "/dev/xvda"}),
        ("<primary-disk>vda</primary-disk><guest-disk>vda</guest-disk>", {"target.disk.path": "/dev/vda"}),
        ("<primary-disk>sda,sdb</primary-disk>", {"target.mirror[1].path": "/dev/sdb"}),
        ("<guest-disk>sdb</guest-disk><guest-disk>/dev/sdb</guest-disk>", {"guests.disks[0].path": "/dev/sdb"}),
        ('<primary-disk guest-storage="NO">sda</primary-disk>', {"guests": "none"}),
        ('<primary-disk guest-storage="false">sda</primary-disk><guest-disk>sda</guest-disk>', {"guests": "none"}),
        (
            '<primary-disk swraid="yes" guest-storage="no">sda,sdb</primary-disk><guest-disk>sdc</guest-disk>',
            {"guests.on_target": False},
        ),
        ('<installation sr-type="EXT">', {"guests.thin": True}),
        (f'<admin-interface {CARD.upper().replace("HWADDR", "hwaddr")} proto="DHCP"/>', {"network.management.ipv4": "dhcp"}),
        (f'<admin-interface name="bond0" {CARD} proto="dhcp"/>', {"network.management.mac": "52:54:00:12:34:56"}),
        ('<admin-interface name="p1p1" hwaddr="" proto="dhcp"/>', {"network.management.nic.name": "p1p1"}),
        (
            f'<admin-interface {CARD} proto="dhcp" vlan=""><ipaddr/><subnet/><gateway/></admin-interface>',
            {"network.management.ipv4": "dhcp"},
        ),
        (
            f'<admin-interface {CARD} proto="static"><ip>192.0.2.9</ip><subnet-mask>255.255.0.0</subnet-mask><gateway/>'
            "</admin-interface>",
            {"network.management.ipv4.address": "192.0.2.9/16"},
        ),
        (f'<admin-interface {CARD} proto="dhcp" protov6="autoconf"/>', {"network.management.ipv6": "autoconf"}),
        ("<name-server>192.0.2.1,192.0.2.2</name-server>", {"network.management.dns[1]": "192.0.2.2"}),
        ("<name-server>192.0.2.1</name-server><nameserver>192.0.2.2</nameserver>", {"network.management.dns[1]": "192.0.2.2"}),
        ("<ntp-servers>NTP1.Example.org ntp2.example.org</ntp-servers>", {"time.ntp[0]": "ntp1.example.org"}),
        ("<hostname>XENHOST-1</hostname>", {"host_name": "xenhost-1"}),
        ("<hostname>localhost.localdomain</hostname>", {"host_name": "dhcp", "host_name_fallback": "xen-{mac}"}),
        ("<root-password type=''>a plain password</root-password>", {}),
        ("<root-password type='PlainText'>a plain password</root-password>", {}),
        ("<root-password type='hash'></root-password>", {"root.ask": True}),
        ("<script stage='Filesystem-Populated'>https://a/b</script>", {"scripts[0].stage": "written"}),
        ("<script stage='installation-complete' type='url'>\n https://a/b\n</script>", {"scripts[0].url": "https://a/b"}),
        ("<post-install-script type='url'>HTTP://a/b</post-install-script>", {"scripts[0].url": "http://a/b"}),
        ("<post-install-script>nfs://a/b</post-install-script>", {}),
        ("<hostname>a</hostname><hostname>b</hostname>", {"host_name": "a"}),
        ("<ntp><ntp-servers>a.example.org</ntp-servers></ntp>", {"time.ntp[0]": "a.example.org"}),
        (
            "<guest-disks><guest-disk>sdb</guest-disk></guest-disks><guest-disk>sdc</guest-disk>",
            {"guests.disks[1].path": "/dev/sdc"},
        ),
        ("<source type='local'>repo</source>", {}),
        ("<bootloader>grub</bootloader>", {}),
    ],
)
def test_accepted(example: str, expected: dict[str, Any]) -> None:
    found = values(example)
    assert {path: found.get(path) for path in expected} == expected


@pytest.mark.parametrize(
    ("example", "code"),
    [
        ("<root-password>a plain password</root-password>", codes.PLAIN_PASSWORD),
        ("<root-password>changeme7</root-password>", codes.PLAIN_PASSWORD),
        ("<hostname/>", codes.NO_HOST_NAME),
        ("<hostname>XEN1</hostname>", codes.CHANGED),
        ("<nameserver>192.0.2.1</nameserver>", codes.OLD_NAME),
        ("<zap-utility-partitions/>", codes.IGNORED),
        ("<primary-disk>sda</primary-disk>", codes.KERNEL_NAME),
        ("<post-install-script>http://a/b</post-install-script>", codes.SCRIPT),
        ("<post-install-script>file:///b</post-install-script>", codes.SCRIPT),
        (f'<admin-interface {CARD} proto="dhcp"><name-server>192.0.2.1</name-server></admin-interface>', codes.CHANGED),
    ],
)
def test_warned(example: str, code: str) -> None:
    assert code in warnings(example)


@pytest.mark.parametrize(
    ("example", "code"),
    [
        *(
            (f"<primary-disk>{name}</primary-disk>", codes.DISK)
            for name in ("SDA", "sda1", "/dev/sda2", "nvme0n1p3", "md0", "md/root")
        ),
        *((f"<primary-disk>{name}</primary-disk>", codes.DISK) for name in ("loop0", "sr0", "disk0", "sda sdb", "/srv/disk.img")),
        *((f"<guest-disk>{name}</guest-disk>", codes.DISK) for name in ("SDB", "sdb1", "/dev/disk/by-id/ata-B-part1", "md127")),
        *(
            (f"<primary-disk>iscsi:{name}</primary-disk>", codes.ISCSI)
            for name in ("@ibft", "a::::iqn.2026-01.org.example:t", "@other")
        ),
        *(
            (f"<primary-disk>iscsi:{name}</primary-disk>", codes.ISCSI)
            for name in ("[::1]:6:3260:0:iqn.2026-01.org.a:t", "a:17:::iqn.x")
        ),
        *((f"<primary-disk>ISCSI:{name}</primary-disk>", codes.ISCSI) for name in ("a:::0:", "a::99999:0:iqn.2026-01.org.a:t")),
        *(
            (f'<admin-interface name="{name}" proto="dhcp"/>', codes.CARD)
            for name in ("bond0", "bond1.42", "xenbr0", "xapi1", "ETH0")
        ),
        *(
            (f'<admin-interface name="{name}" proto="dhcp"/>', codes.CARD)
            for name in ("eth0.100", "vlan42", "lo", "br-ex", "vif1.0")
        ),
        ('<admin-interface name="52:54:00:12:34:56" proto="dhcp"/>', codes.CARD),
        ("<root-password></root-password>", codes.PASSWORD),
        ("<hostname>a</hostname><host-name>b</host-name>", codes.UNKNOWN),
        ('<primary-disk preserve-first-partition="TRUE">sda</primary-disk>', codes.DATA_LOSS),
        ("<ui-confirmation-prompt>yes</ui-confirmation-prompt>", codes.DATA_LOSS),
        ("<ntp source='default'/><ntp-server>a</ntp-server>", codes.CONTRADICTION),
    ],
)
def test_refused(example: str, code: str) -> None:
    with pytest.raises(AnswersError) as caught:
        convert(example_file(example), "f")
    assert code in {problem.code for problem in caught.value.problems}


@pytest.mark.parametrize("example", [example for examples in EXAMPLES.values() for example in examples])
def test_every_problem_has_a_code_and_errors_say_what_to_do(example: str) -> None:
    try:
        found = convert(example_file(example), "f").warnings
    except AnswersError as error:
        found = error.problems
        assert all(problem.hint or "allowed" in problem.text for problem in found)
    assert {problem.code for problem in found} <= {*codes.ERRORS, *codes.WARNINGS}


def test_the_base_of_the_examples_says_nothing() -> None:
    assert convert(f"<installation>{''.join(BASE.values())}</installation>", "f").warnings == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?><!-- d\xe9j\xe0 vu -->' + example_file("<hostname>xen1</hostname>")
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    assert read_answers(tmp_path / "a.xml").host_name == "xen1"
