"""Access over SSH, presets by kernel arguments, facts from a file."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import pytest
from fake_runner import FakeRunner
from screen_samples import FACTS, KEY

from answerfiles import password as hashes
from dom0kit.errors import UserError
from dom0kit.http_client import WebError
from installer.command_log import Commands
from installer.tui.main import parse_facts, presets, read_epoch
from installer.tui.operations import ssh_access
from installer.tui.operations.ssh_access import Access, find_addresses, one_time_password, open_access, read_keys, sshd_config

ADDRESSES = json.dumps(
    [
        {"addr_info": [{"family": "inet", "local": "127.0.0.1", "scope": "host"}]},
        {
            "addr_info": [
                {"family": "inet6", "local": "2001:db8::7", "scope": "global"},
                {"family": "inet", "local": "192.0.2.7", "scope": "global"},
            ]
        },
    ]
)


FINGERPRINT = "SHA256:2zJhJNBzyF1bvUcLdo7dSYDqzbSSdlm1a6TqPVyyWnM"


def recording() -> FakeRunner:
    return FakeRunner({"ip": ADDRESSES, "ssh-keygen -l": f"256 {FINGERPRINT} dom0kit installer (ED25519)\n"})


@pytest.fixture(autouse=True)
def _no_libcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_access, "make_hash", lambda text: f"hash of {text}")


def test_a_password_is_strong_and_easy_to_read() -> None:
    made = {one_time_password() for _ in range(50)}
    assert len(made) == 50
    for text in made:
        assert len(text) == 14
        assert not set(text) & set("lio01")
        assert hashes.weakness(text) == ""


def test_access_by_password(tmp_path: Path) -> None:
    log, recorder = io.StringIO(), recording()
    found = open_access("password", Commands(log, recorder), folder=tmp_path)
    assert found.addresses == ("192.0.2.7", "2001:db8::7")
    assert found.summary() == f"ssh root@192.0.2.7, password {found.password}"
    # Whoever types the password must be able to compare the key.
    assert found.fingerprint == FINGERPRINT
    assert f"root:hash of {found.password}\n" in [call.stdin for call in recorder.requests]
    # Neither the log nor the files hold it.
    assert found.password not in log.getvalue()
    assert not any(found.password in path.read_text() for path in tmp_path.iterdir())
    assert "hash of" not in log.getvalue()
    assert any(
        word.startswith(
            "systemd-run --quiet --collect --property=Type=notify --property=KillMode=process --unit=dom0kit-ssh /usr/sbin/sshd"
        )
        for word in recorder.calls
    )
    assert "PasswordAuthentication yes" in (tmp_path / "config").read_text()


def test_access_by_keys(tmp_path: Path) -> None:
    recorder = recording()
    found = open_access(
        "http://192.0.2.1/keys", Commands(io.StringIO(), recorder), folder=tmp_path, get=lambda url: f"# me\n{KEY}\n".encode()
    )
    assert found.summary() == "ssh root@192.0.2.7, by key"
    assert (tmp_path / "keys").read_text() == KEY + "\n"
    assert "PasswordAuthentication no" in (tmp_path / "config").read_text()
    assert not any(word.startswith("chpasswd") for word in recorder.calls)


@pytest.mark.parametrize("text", ["", "# nothing\n", "ssh-dss AAAA", f"{KEY}\nno key\n"])
def test_files_without_keys_are_rejected(text: str, tmp_path: Path) -> None:
    recorder = recording()
    with pytest.raises(UserError):
        open_access("https://x/keys", Commands(io.StringIO(), recorder), folder=tmp_path, get=lambda url: text.encode())
    assert recorder.calls == []
    with pytest.raises(UserError):
        read_keys(text)


def test_a_slow_network_is_awaited(tmp_path: Path) -> None:
    pauses: list[float] = []
    tries = iter([WebError("connect", "refused"), WebError("dns", "unknown"), None])

    def get(url: str) -> bytes:
        if failure := next(tries):
            raise failure
        return KEY.encode()

    open_access("http://x/keys", Commands(io.StringIO(), recording()), folder=tmp_path, get=get, sleep=pauses.append)
    assert len(pauses) == 2


def test_a_missing_file_is_not_awaited(tmp_path: Path) -> None:
    def get(url: str) -> bytes:
        raise WebError("status", "404", status=404)

    with pytest.raises(UserError):
        open_access("http://x/keys", Commands(io.StringIO(), recording()), folder=tmp_path, get=get, sleep=pytest.fail)


def test_an_unknown_source_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not supported"):
        open_access("yes", Commands(io.StringIO(), recording()), folder=tmp_path)


def test_a_log_in_only_attaches_to_the_session() -> None:
    text = sshd_config(Path("/run/x"), password=True)
    for line in ("ForceCommand /usr/lib/dom0kit/bin/attach", "AllowUsers root", "AllowTcpForwarding no"):
        assert line in text.splitlines()


def test_no_address_yet() -> None:
    assert find_addresses("") == find_addresses("x") == ()
    assert Access((), "p", "").summary() == "ssh root@(no address yet), password p"


def test_kernel_arguments_answer_questions() -> None:
    values, screens = presets("boot=dom0kit dom0kit.keyboard=de dom0kit.host_name=xen1 quiet dom0kit.keyboard=")
    assert values == {"keyboard.map": "de", "name.host": "xen1"}
    assert screens == frozenset({"keyboard"})
    assert presets("quiet") == ({}, frozenset())


def test_facts_come_back_from_json() -> None:
    text = json.dumps({**FACTS.to_json(), "something": "that a later version adds"})
    assert parse_facts(text) == FACTS
    assert dataclasses.replace(parse_facts(text), memory=1) != FACTS


def test_the_images_age(tmp_path: Path) -> None:
    assert read_epoch(tmp_path) == 0
    (tmp_path / "manifest.json").write_text('{"epoch": 1760000000}')
    assert read_epoch(tmp_path) == 1760000000
