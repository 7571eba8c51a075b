from __future__ import annotations

import pytest

from answerfiles.model import NtpSource, Proxy
from dom0kit.errors import UserError
from firstboot import config_files

SHADOW = "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n"


def test_a_block_is_appended_and_then_replaced() -> None:
    once = config_files.with_block("a\n", ["b"])
    assert once == "a\n# dom0kit: begin\nb\n# dom0kit: end\n"
    assert config_files.with_block(once + "c\n", ["d"]) == "a\nc\n# dom0kit: begin\nd\n# dom0kit: end\n"


def test_a_block_without_end_loses_no_lines_of_others() -> None:
    assert config_files.with_block("# dom0kit: begin\nb\nother\n", ["b"]) == "other\n# dom0kit: begin\nb\n# dom0kit: end\n"


def test_hosts_names_the_host_once() -> None:
    first = config_files.hosts_text("127.0.0.1\tlocalhost\n127.0.1.1 xen1.example.net old\n", "xen1.example.net", None)
    assert "127.0.1.1\txen1.example.net xen1\n" in first
    assert "old" not in first
    second = config_files.hosts_text(first, "xen1.example.net", "192.0.2.10")
    assert "192.0.2.10\txen1.example.net xen1\n" in second
    assert "127.0.1.1" not in second
    assert second.startswith("127.0.0.1\tlocalhost\n")
    assert config_files.hosts_text(second, "xen1.example.net", "192.0.2.10") == second


def test_a_short_host_name_is_written_once() -> None:
    assert "127.0.1.1\txen1\n" in config_files.hosts_text("", "xen1", None)


def test_shadow_changes_one_line() -> None:
    assert config_files.shadow_text(SHADOW, "$6$a$b", 20777) == "root:$6$a$b:20777:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n"


def test_shadow_stays_when_the_hash_is_the_same() -> None:
    changed = config_files.shadow_text(SHADOW, "$6$a$b", 20777)
    assert config_files.shadow_text(changed, "$6$a$b", 20999) == changed


def test_shadow_without_password_is_locked() -> None:
    assert config_files.shadow_text(SHADOW.replace("root:*", "root:"), None, 0).startswith("root:*:1:")


@pytest.mark.parametrize("bad", ["a:b", "a\nroot2::0"])
def test_shadow_refuses_a_hash_that_breaks_the_file(bad: str) -> None:
    with pytest.raises(UserError, match="colon or white space"):
        config_files.shadow_text(SHADOW, bad, 1)


def test_shadow_without_root_is_an_error() -> None:
    with pytest.raises(UserError, match="no line for root"):
        config_files.shadow_text("daemon:*:1::::::\n", None, 1)


def test_group_id() -> None:
    assert config_files.group_id("root:x:0:\nshadow:x:42:\n", "shadow") == 42
    assert config_files.group_id("", "shadow") is None


def test_initiator() -> None:
    text = config_files.initiator_text(bytes(range(6)))
    assert "InitiatorName=iqn.1993-08.org.debian:01:000102030405\n" in text
    assert config_files.has_initiator(text)
    assert config_files.has_initiator("InitiatorName=eui.0123456789abcdef\n")
    assert not config_files.has_initiator("GenerateName=yes\n")


@pytest.mark.parametrize(("text", "good"), [("", False), ("uninitialized\n", False), ("0" * 32 + "\n", True), ("0" * 31, False)])
def test_machine_id(text: str, good: bool) -> None:
    assert config_files.is_machine_id(text) is good


def test_debians_pool_goes_and_comes_back() -> None:
    text = "pool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n"
    off = config_files.chrony_config(text, own_servers=True)
    assert not any(line.startswith("pool") for line in off.splitlines())
    assert config_files.chrony_config(off, own_servers=True) == off
    assert config_files.chrony_config(off, own_servers=False) == text


def test_time_servers_with_options() -> None:
    sources = (
        "ntp1.example.org",
        NtpSource(server="192.0.2.1", prefer=True, min_poll=4, max_poll=8),
        NtpSource(server="nts.example.org", nts=True),
        NtpSource(pool="2.debian.pool.ntp.org", max_sources=3),
    )
    assert config_files.chrony_sources(sources).splitlines() == [
        "server ntp1.example.org iburst",
        "server 192.0.2.1 iburst prefer minpoll 4 maxpoll 8",
        "server nts.example.org iburst nts",
        "pool 2.debian.pool.ntp.org iburst maxsources 3",
    ]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"server": "a", "pool": "b"},
        {"server": "a", "max_sources": 2},
        {"server": "a", "min_poll": 9, "max_poll": 8},
        {"server": "192.0.2.1", "nts": True},
        {"pool": "a", "max_sources": 17},
    ],
)
def test_contradictions_of_time_servers(value: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"NtpSource"):
        NtpSource.model_validate(value)


def test_apt_knows_the_proxy_and_its_exceptions() -> None:
    proxy = Proxy(url="http://proxy.example.org:3128", except_for=("deb.example.org", ".example.net"))
    assert config_files.apt_proxy(proxy).splitlines()[1:] == [
        'Acquire::http::Proxy "http://proxy.example.org:3128";',
        'Acquire::https::Proxy "http://proxy.example.org:3128";',
        'Acquire::http::Proxy::deb.example.org "DIRECT";',
        'Acquire::https::Proxy::deb.example.org "DIRECT";',
    ]


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example.org",
        "http://proxy.example.org/path",
        "proxy:3128",
        "http://u:p@proxy",
        "http://p:99999",
        "http://p:0",
        "http://p:x",
        'http://p";x',
    ],
)
def test_what_is_no_proxy(url: str) -> None:
    with pytest.raises(ValueError, match=r"http"):
        Proxy(url=url)
