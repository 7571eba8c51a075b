"""XenServer's format: carried over, warned about, or refused; never silently dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.conversion.yaml_dump import to_yaml
from answerfiles.reader import parse_answers, read_answers
from answerfiles.validation import AnswersError
from answerfiles.xenserver.convert import Converted, convert
from answerfiles.xenserver.network import prefix_length

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.xml"))
HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
BASE = f"""\
<installation>
<primary-disk>/dev/disk/by-id/a</primary-disk>
<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp"/>
<root-password type="hash">{HASH}</root-password>
<hostname>xen1</hostname>
</installation>
"""


def made(more: str = "", old: str = "</installation>") -> Converted:
    new = f"{more}</installation>" if old == "</installation>" else more
    assert old in BASE
    return convert(BASE.replace(old, new), "f")


def errors(more: str, old: str = "</installation>") -> list[str]:
    with pytest.raises(AnswersError) as caught:
        made(more, old)
    assert HASH not in str(caught.value)
    return [problem.render("f") for problem in caught.value.problems]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_samples_and_their_yaml_are_the_same_answers(path: Path) -> None:
    warnings: list[str] = []
    answers = read_answers(path, warnings.append)
    converted = convert(path.read_text(), path.name)
    text = to_yaml(converted.value, path.name, converted.warnings)
    assert parse_answers(text) == answers
    assert len(warnings) == len(converted.warnings) == text.count("# - line")
    assert answers.target.wipe


def test_static_new_names() -> None:
    answers = read_answers(next(path for path in SAMPLES if "new" in path.name), lambda text: None)
    management = answers.network.management
    assert management.mac == "52:54:00:12:34:56"
    assert str(management.ipv4.address) == "192.0.2.10/24"  # type: ignore[union-attr]
    assert str(management.ipv6.gateway) == "fe80::1"  # type: ignore[union-attr]
    assert (management.vlan, management.dns) == (42, ("192.0.2.53", "2001:db8::53"))
    assert answers.time.ntp == ("ntp1.example.org", "192.0.2.123")
    assert (answers.ssh, answers.keyboard, answers.time.zone) == ("off", "de", "America/New_York")
    assert [script.stage for script in answers.scripts] == ["written", "complete"]
    assert not isinstance(answers.guests, str)
    assert [str(disk) for disk in answers.guests.disks] == ["path: /dev/disk/by-id/wwn-0x5000c500a1b2c3d5"]


def test_default_warning_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    read_answers(next(path for path in SAMPLES if path.name == "dhcp.xml"))
    assert "dhcp.xml:4:3: source: left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("<guest-dsk>sdb</guest-dsk>", "f:6:1: installation/guest-dsk: unknown element, did you mean 'guest-disk'?"),
        ("<ipaddr>1.2.3.4</ipaddr>", "not inside installation, it belongs into admin-interface"),
        (
            '<ntp source="dhcp" sorce="x"/>',
            "installation/ntp/@sorce: unknown attribute, did you mean 'source'?",
        ),
        ("<primary-disk>sdb</primary-disk>", "only once, it is on line 2 already, with another content"),
        ('<admin-interface name="eno1" proto="dhcp"/>', "only once, it is on line 3 already"),
        ("words", "installation: text is not allowed here"),
        ("<source>x</source>", "source/@type: missing; allowed: local, url, nfs"),
        ('<source type="htttp">x</source>', "source/@type: found 'htttp'; allowed: local, url, nfs"),
        ('<source type="url" gpgcheck="1">x</source>', "source/@gpgcheck: found '1'; allowed: true, yes, false, no"),
        ('<script stage="instalation-complete" type="url">https://a/b</script>', "did you mean 'installation-complete'?"),
        ('<script stage="installation-complete" type="url">a/b</script>', "found 'a/b'; allowed: a URL of http, https"),
        ('<script stage="installation-complete" type="local"/>', "a script of type local; allowed: a URL"),
        ("<post-install-script/>", "found nothing; allowed: a URL"),
        ("<ui-confirmation-prompt>true</ui-confirmation-prompt>", "asks no questions"),
        ("<ui-confirmation-prompt>1</ui-confirmation-prompt>", "found '1'; allowed: true, yes, false, no"),
        ("<guest-disk>sda,sdb</guest-disk>", "guest-disk: found 'sda,sdb'; several disks where one is expected"),
        ("<name-server>dns</name-server>", "name-server (network.management.dns[0]): found 'dns'; allowed: the IP address"),
        ("<timezone>Europe/Berln</timezone>", "timezone (time.zone): found 'Europe/Berln'"),
        ("<keymap>DE!</keymap>", "keymap (keyboard): found 'DE!'"),
        ('<ntp source="manual"/>', "'manual' wants at least one ntp-server"),
        ("<ntp/>", "ntp/@source: missing"),
        ('<ntp source="dhcp"/><ntp-server>a</ntp-server>', "not with ntp source 'dhcp'"),
        ("<ssh-mode>onn</ssh-mode>", "ssh-mode: found 'onn'; allowed: on, off, auto, did you mean 'on'?"),
        ('<service name="a"/>', "service/@state: missing"),
        ('<bootloader location="mbrr"/>', "did you mean 'mbr'?"),
        ("<bootloader>lilo</bootloader>", "found 'lilo'; allowed: grub2"),
        ("<existing-installation>sda</existing-installation>", "neither upgraded nor restored"),
        ("<backup-disk>sda</backup-disk>", "neither upgraded nor restored"),
        ("<fcoe-interface>eth0</fcoe-interface>", "FCoE is not supported"),
        ('<raid device="md0"><disk>sda</disk><disk>sdb</disk></raid>', "an array that is not the primary disk"),
        ("<network-backend>vswich</network-backend>", "did you mean 'vswitch'?"),
        ("<!--", "f:6:1: this is not XML: unclosed token"),
        ("&hello;", "this is not XML: undefined entity"),
    ],
)
def test_one_error_more(more: str, expected: str) -> None:
    found = errors(more)
    assert len(found) == 1, found
    assert expected in found[0]


PRIMARY = "<primary-disk>/dev/disk/by-id/a</primary-disk>"
INTERFACE = '<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp"/>'
PASSWORD = f'<root-password type="hash">{HASH}</root-password>'


def static(inner: str, attributes: str = 'proto="static"') -> str:
    return f'<admin-interface hwaddr="52:54:00:12:34:56" {attributes}>{inner}</admin-interface>'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("<installation>", '<installation mode="upgrade">', "can be neither upgraded nor restored"),
        ("<installation>", '<installation mode="frsh">', "installation/@mode: found 'frsh'; allowed: fresh"),
        ("<installation>", '<installation sr-type="nfs">', "found 'nfs'; allowed: lvm, ext"),
        ("<installation>", '<installation sr-type="lvm" srtype="ext">', "is the old name of sr-type, and they differ; give one"),
        (PRIMARY, "", "primary-disk is missing"),
        (PRIMARY, "<primary-disk/>", "primary-disk: found nothing"),
        (PRIMARY, "<primary-disk>a,b,c</primary-disk>", "found 3 disks; allowed: one, or two"),
        (PRIMARY, '<primary-disk swraid="true">a</primary-disk>', "swraid 'true' wants two disks"),
        (PRIMARY, '<primary-disk swraid="false">a,b</primary-disk>', "two disks want swraid 'true'"),
        (PRIMARY, "<primary-disk>a,missing</primary-disk>", "'missing'"),
        (PRIMARY, "<primary-disk>a,/dev/a</primary-disk>", "two different disks"),
        (PRIMARY, '<primary-disk preserve-first-partition="yes">sda</primary-disk>', "no partition can be kept"),
        (
            PRIMARY,
            '<primary-disk guest-storage="0">sda</primary-disk>',
            "guest-storage: found '0'; allowed: true, yes, false, no",
        ),
        (
            PRIMARY,
            '<raid device="md1"><disk>a</disk></raid><primary-disk>md1</primary-disk>',
            "found 1 disks; allowed: exactly two",
        ),
        (INTERFACE, "", "admin-interface is missing"),
        (INTERFACE, '<admin-interface proto="dhcp"/>', "name or hwaddr is missing"),
        (INTERFACE, '<admin-interface hwaddr="52:54:00:12:34" proto="dhcp"/>', "hwaddr (network.management.mac): found"),
        (INTERFACE, '<admin-interface name="eno1"/>', "admin-interface/@proto: missing; allowed: static, dhcp, none"),
        (INTERFACE, static("", 'proto="statik"'), "did you mean 'static'?"),
        (INTERFACE, static("", 'proto="dhcp" vlan="4095"'), "vlan (network.management.vlan): found 4095"),
        (INTERFACE, static("", 'proto="dhcp" vlan="x"'), "found 'x'; allowed: a number from 1 to 4094"),
        (INTERFACE, static("", 'proto="none"'), "an address: ipv4, ipv6 or both"),
        (INTERFACE, static(""), "missing: ipaddr, subnet, gateway"),
        (
            INTERFACE,
            static("<ipaddr>192.0.2.9</ipaddr><subnet>255.0.255.0</subnet><gateway>192.0.2.1</gateway>"),
            "found '255.0.255.0'; allowed: a network mask",
        ),
        (
            INTERFACE,
            static("<ipaddr>192.0.2</ipaddr><subnet>255.255.255.0</subnet><gateway>192.0.2.1</gateway>"),
            "found '192.0.2'; allowed: an IPv4 address",
        ),
        (
            INTERFACE,
            static("<ipaddr>192.0.2.9</ipaddr><subnet>255.255.255.0</subnet><gateway>10.0.0.1</gateway>"),
            "gateway (network.management.ipv4.gateway): found '10.0.0.1'; allowed: a gateway inside",
        ),
        (INTERFACE, static("", 'proto="dhcp" protov6="static"'), "protov6 'static' wants ipv6"),
        (
            INTERFACE,
            static("<ipv6>2001:db8::1</ipv6>", 'proto="dhcp" protov6="static"'),
            "ipv6 (network.management.ipv6.address)",
        ),
        (PASSWORD, "<root-password/>", "the password is empty"),
        (PASSWORD, '<root-password type="plain">hunter2</root-password>', "did you mean 'plaintext'?"),
        (PASSWORD, f"<root-password>{HASH}</root-password>", "write type='hash'"),
        (PASSWORD, f"<root-password>{'hunter2' * 100}</root-password>", "the password is longer than 511 bytes"),
        (PASSWORD, '<root-password type="hash">hunter2</root-password>', "a value that is not shown; allowed: a hash by"),
        ("<hostname>xen1</hostname>", "<hostname>Xen_1</hostname>", "hostname (host_name): found 'Xen_1'"),
    ],
)
def test_one_error_instead(old: str, new: str, expected: str) -> None:
    found = errors(new, old)
    assert len(found) == 1, found
    assert expected in found[0]
    assert "hunter2" not in found[0]


@pytest.mark.parametrize("root", ["upgrade", "restore"])
def test_other_roots(root: str) -> None:
    with pytest.raises(AnswersError, match="neither upgraded nor restored") as caught:
        convert(f"<{root}><source type='local'/></{root}>", "f")
    assert len(caught.value.problems) == 1
    with pytest.raises(AnswersError, match="unknown root element, did you mean 'installation'"):
        convert("<instalation/>", "f")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><installation>&b;</installation>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><installation/>',
        "<" * 1000,
        "<a>" * 5000,
        "<installation>\x00</installation>",
        "<installation>\ud800</installation>",
        "<",
        "<a></b>",
    ],
)
def test_no_xml_that_we_take(text: str) -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers(text)
    assert len(caught.value.problems) == 1


def test_all_errors_at_once() -> None:
    found = errors('<hostnam>x</hostnam><ntp source="maybe"/><ssh-mode>maybe</ssh-mode><timezone>X/Y</timezone>')
    assert len(found) == 4


@pytest.mark.parametrize(
    ("mask", "length"),
    [("255.255.255.0", 24), ("0.0.0.0", 0), ("255.255.255.255", 32), ("255.0.1.0", None), ("24", None), ("256.0.0.0", None)],
)
def test_masks(mask: str, length: int | None) -> None:
    assert prefix_length(mask) == length
