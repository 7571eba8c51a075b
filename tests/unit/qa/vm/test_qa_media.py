"""Media that are made without a program, and the answers that go on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from qa.guest.ssh_access import Credentials, Ssh
from qa.install import answers
from qa.vm import media

HASH = "$6$rounds=5000$saltsalt$" + "a" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzOeMzP3pVl9SMOA7kHkUSFBGkvRDzmvv1Vq0uQH qa"


def test_boot_cfg() -> None:
    """What GRUB sources: entry, no time-out, arguments."""
    assert media.boot_cfg("install-serial", "a=b c=d").splitlines() == [
        "set default=install-serial",
        "set timeout=0",
        'set dom0kit_args="a=b c=d"',
    ]
    assert "dom0kit_args" not in media.boot_cfg("live")


def test_boot_cfg_knows_the_menu() -> None:
    """A misspelt entry would silently boot the default one."""
    with pytest.raises(ValueError, match="instal"):
        media.boot_cfg("instal")


def test_fingerprint_sees_every_byte(tmp_path: Path) -> None:
    """Holes and zeros are the same, any other byte at any place counts."""
    disk = media.blank_disk(tmp_path / "disk", 8 * media.BLOCK)
    blank = media.fingerprint(disk)
    with disk.open("r+b") as file:
        file.seek(5 * media.BLOCK)
        file.write(bytes(100))
    assert media.fingerprint(disk) == blank
    seen = {blank}
    for place in (0, 3 * media.BLOCK + 7, 8 * media.BLOCK - 1):
        with disk.open("r+b") as file:
            file.seek(place)
            file.write(b"x")
        seen.add(media.fingerprint(disk))
    assert len(seen) == 4


def test_hide_el_torito_in_a_copy(tmp_path: Path) -> None:
    """The ISO itself stays as it is."""
    iso = tmp_path / "x.iso"
    data = bytearray(40000)
    data[media.EL_TORITO_ID : media.EL_TORITO_ID + 23] = b"EL TORITO SPECIFICATION"
    iso.write_bytes(data)
    changed = media.hide_el_torito(iso, tmp_path / "stick").read_bytes()
    assert iso.read_bytes() == data
    assert [place for place, (a, b) in enumerate(zip(data, changed, strict=True)) if a != b] == [34823, 34824]


def test_hide_el_torito_wants_an_iso(tmp_path: Path) -> None:
    """A file without the record is named."""
    other = tmp_path / "x.iso"
    other.write_bytes(bytes(40000))
    with pytest.raises(UserError, match="no El Torito record"):
        media.hide_el_torito(other, tmp_path / "stick")


def test_extract_from_no_iso(tmp_path: Path) -> None:
    """A file that is no ISO is the user's mistake."""
    other = tmp_path / "x.iso"
    other.write_bytes(bytes(40000))
    with pytest.raises(UserError, match="cannot read /dom0kit/vmlinuz"):
        media.extract(other, "/dom0kit/vmlinuz", tmp_path / "k")


@pytest.mark.parametrize("wipe", [False, True])
def test_answers_are_valid(wipe: bool) -> None:
    """The scenarios' answers pass the check that users run."""
    text = answers.answers(Credentials("secret", HASH, Path("/k"), KEY), wipe=wipe)
    parsed = parse_answers(text)
    assert parsed.host_name == answers.HOST_NAME
    assert parsed.target.wipe is wipe
    assert "secret" not in text


def test_ssh_asks_and_remembers_nothing() -> None:
    """The client neither waits at a prompt nor reads the user's own settings."""
    words = Ssh(Credentials("secret", HASH, Path("/k"), KEY), 2222).argv("xl info")
    assert words[:3] == ["ssh", "-F", "none"]
    assert "BatchMode=yes" in words
    assert "UserKnownHostsFile=/dev/null" in words
    assert words[-2:] == ["root@127.0.0.1", "xl info"]


def test_ssh_into_a_laboratory() -> None:
    """The client runs inside and goes to the guest's own address."""
    words = Ssh(Credentials("secret", HASH, Path("/k"), KEY), address="10.77.0.100", netns="ns").argv("true")
    assert words[:5] == ["ip", "netns", "exec", "ns", "ssh"]
    assert words[-2:] == ["root@10.77.0.100", "true"]
    assert words[words.index("-p") + 1] == "22"


def test_rules_of_failing_sectors(tmp_path: Path) -> None:
    """Each rule is a section of blkdebug's configuration (QEMU, docs/devel/testing/blkdebug.rst)."""
    rules = media.failing(tmp_path / "faults", "write", [8, 16]).read_text()
    assert rules == "".join(f'[inject-error]\nevent = "write_aio"\nerrno = "5"\nsector = "{sector}"\n' for sector in (8, 16))
