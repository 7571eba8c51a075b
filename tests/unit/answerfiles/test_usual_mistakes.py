"""Usual mistakes in YAML are named in the words of the person who wrote it."""

from __future__ import annotations

import pytest

from answerfiles.reader import parse_answers
from answerfiles.validation import AnswersError

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
BASE = f'version: 1\nhost_name: x\ntarget: {{disk: {{serial: X}}}}\nroot: {{password_hash: "{HASH}"}}\n'


def said(text: str) -> str:
    """Return what is said about answers."""
    with pytest.raises(AnswersError) as caught:
        parse_answers(text)
    return str(caught.value)


def bond(mode: str) -> str:
    """Return answers with a bond of this mode."""
    nics = "[{mac: '52:54:00:00:00:01'}, {mac: '52:54:00:00:00:02'}]"
    return f"{BASE}network: {{management: {{bond: {{nics: {nics}, mode: {mode}}}}}}}\n"


@pytest.mark.parametrize(
    ("mode", "meant"),
    [
        ("802.3ad", "lacp"),
        ("4", "lacp"),
        ("mode=4", "lacp"),
        ("LACP", "lacp"),
        ("balance-tcp", "lacp"),
        ("1", "active-backup"),
        ("active_backup", "active-backup"),
        ("balance-rr", "balance-slb"),
        ("balance-alb", "balance-slb"),
        ("6", "balance-slb"),
    ],
)
def test_modes_of_bonds_by_their_other_names(mode: str, meant: str) -> None:
    assert f"allowed: 'active-backup', 'balance-slb' or 'lacp', did you mean '{meant}'?" in said(bond(mode))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BASE.replace("version: 1", 'version: "1"'), "1:10: version: found '1'; allowed: 1, write 1 without quotes"),
        (f'{BASE}serial_console: {{port: com1, speed: "9600"}}\n', "or 115200, write 9600 without quotes"),
        (f"{BASE}dom0:\n\tcpus: 2\n", "6:1: this is not YAML: a tab may not indent a line; use blanks"),
        (f"{BASE}dom0:\n  \tcpus: 2\n", "6:3: this is not YAML: a tab may not indent a line; use blanks"),
        (BASE.replace("host_name: x", "host_name:x"), "this is not YAML: a blank is missing after 'host_name:'"),
        (f"{BASE}dom0: {{memory: 1024}}\n", "hint: write 1024 MiB, 1024 GB or 1024 GiB"),
        (f"{BASE}dom0: {{memory: 4}}\n", "hint: write 4 GB or 4 GiB"),
    ],
)
def test_usual_mistakes(text: str, sentence: str) -> None:
    assert sentence in said(text).replace("; write", "\n  hint: write")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            BASE.replace("host_name: x", "host_name: \u201cx\u201d"),
            "2:12: host_name: the typographic quote U+201C quotes nothing",
        ),
        (
            BASE.replace("host_name: x", "host_name: \u201ex\u201c"),
            "2:12: host_name: the typographic quote U+201E quotes nothing",
        ),
        (BASE.replace("host_name: x", "\u2018host_name\u2019: x"), "2:1: the typographic quote U+2018 quotes nothing"),
        (f"{BASE}ssh: {{keys: [\u00abssh-ed25519 AAAA\u00bb]}}\n", "the typographic quote U+00AB quotes nothing"),
        (f"{BASE}scripts:\n  \u2013 url: https://s/x\n", "6:3: scripts: the dash U+2013 begins no list item; write -"),
        (f"{BASE}dom0:\n\u00a0\u00a0cpus: 2\n", "a no-break space (U+00A0) is no blank of YAML; write a blank"),
        (BASE.replace("host_name: x", "host_name:  x\u00a0"), "2:13: host_name: a no-break space (U+00A0)"),
    ],
)
def test_what_word_processors_write(text: str, sentence: str) -> None:
    assert sentence in said(text)


def test_typographic_characters_within_a_text_are_its_own() -> None:
    """In quotes they are as well."""
    parsed = parse_answers(f'{BASE}network: {{management: {{mac: "52:54:00:00:00:01"}}}} # \u201cthe first\u201d \u2013 card\n')
    assert parsed.host_name == "x"


def test_a_missing_blank_shows_no_value() -> None:
    """The value after it may be a secret."""
    assert HASH not in said(BASE.replace("root: {password_hash: ", "root:\n  password_hash:").replace("}\n", "\n"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wwn-0x5000c500a1b2c3d4", "0x5000C500A1B2C3D4"),
        ("naa.5000c500a1b2c3d4", "wwn-0x5000c500a1b2c3d4"),
        ("uuid.12345678-1234-1234-1234-1234567890ab", "nvme.uuid.12345678-1234-1234-1234-1234567890ab"),
    ],
)
def test_one_world_wide_name_as_different_tools_write_it(one: str, other: str) -> None:
    """The plan takes both for the same disk."""
    text = BASE.replace("{disk: {serial: X}}", f'{{mirror: [{{wwn: "{one}"}}, {{wwn: "{other}"}}]}}')
    assert "target.mirror[1]: the same disk as target.mirror[0]" in said(text)
