"""``dom0ctl pool``: tokens, and what sshd runs."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from pool.arguments import duration
from pool.driver import JoiningHost
from pool.ganeti.facts import read_facts
from pool.join import openssh_keys
from pool.join.request_signing import Purpose, signed_request
from pool.join.server import JoinServer
from pool.join.token import read_token
from programs.dom0ctl import main

POINT = bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "var/lib/ganeti/ssconf_cluster_name": "pool.example.net\n",
        "var/lib/ganeti/ssconf_master_node": "m1\n",
        "var/lib/ganeti/ssconf_master_ip": "192.0.2.5\n",
        "var/lib/ganeti/ssconf_master_candidates": "m1\nm2\n",
        "var/lib/ganeti/ssconf_node_primary_ips": "m1 192.0.2.11\nm2 192.0.2.12\nm3 192.0.2.13\n",
        "etc/hostname": "m1\n",
        "etc/ssh/ssh_host_ecdsa_key.pub": openssh_keys.host_key_line(POINT) + " root@m1\n",
        "run/dom0kit/image/manifest.json": '{"version": "0.1.0", "packages": {"ganeti": "3.1.0-1"}}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(openssh_keys, "public_of", lambda seed: b"p" * 32)
    return tmp_path


class Key:
    """A key whose signatures the server of these tests accepts."""

    public = openssh_keys.ed25519_line(b"k" * 32)

    def sign(self, text: str) -> str:
        return "valid"


def ctl(*words: str) -> int:
    return main(["pool", *words])


def made(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    words = words if "--host" in words else ("--any-host", *words)
    assert ctl("token", "create", "--root", str(root), *words) == 0
    said = capsys.readouterr()
    return said.out.strip(), said.err


def test_a_token_names_the_pool_the_master_and_the_other_candidates(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, said = made(root, capsys)
    token = read_token(text)
    assert token.addresses == ("192.0.2.5", "192.0.2.11", "192.0.2.12")
    assert token.host_key == POINT
    assert all(
        word in said
        for word in (token.id, "any 1 host", "4 hours", "root on every host of the pool pool.example.net", *token.addresses)
    )
    # The secret is in no file of the pool's.
    for path in root.rglob("*"):
        if path.is_file():
            assert text not in path.read_text()
            assert token.seed not in path.read_bytes()


def test_addresses_port_and_uses_as_asked(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--address", "2001:db8::1", "--address", "192.0.2.99", "--port", "2222", "--uses", "any", "--ttl", "7d"]
    text, said = made(root, capsys, *words)
    assert read_token(text).addresses == ("2001:db8::1", "192.0.2.99")
    assert read_token(text).port == 2222
    assert "any host, any number of times, expires in 7 days" in said


@pytest.mark.parametrize(
    "words",
    [
        ["--uses", "0"],
        ["--uses", "many"],
        ["--ttl", "0h"],
        ["--ttl", "1h30"],
        ["--ttl", "400d"],
        ["--address", "pool.example.net"],
    ],
)
def test_nonsense_makes_no_token(root: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl("token", "create", "--any-host", "--root", str(root), *words) == 1
    assert capsys.readouterr().out == ""
    assert not (root / "var/lib/dom0kit/pool/tokens").exists()


@pytest.mark.parametrize("port", ["0", "70000", "ssh"])
def test_a_port_is_refused_before_anything_is_read(root: Path, port: str) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl("token", "create", "--root", str(root), "--port", port)
    assert ended.value.code == 2
    assert not (root / "var/lib/dom0kit/pool/tokens").exists()


def test_only_the_master_makes_tokens(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/hostname").write_text("m2\n")
    assert ctl("token", "create", "--any-host", "--root", str(root)) == 1
    assert "run this command on m1" in capsys.readouterr().err


def test_a_host_without_pool_or_key(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/ssh/ssh_host_ecdsa_key.pub").write_text("ssh-ed25519 AAAA\n")
    assert ctl("token", "create", "--any-host", "--root", str(root)) == 1
    assert "ssh-keygen -A" in capsys.readouterr().err
    (root / "var/lib/ganeti/ssconf_cluster_name").unlink()
    assert ctl("token", "create", "--any-host", "--root", str(root)) == 1
    assert "in no pool" in capsys.readouterr().err


def test_the_list_and_a_revocation(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl("token", "list", "--root", str(root)) == 0
    assert "no join tokens" in capsys.readouterr().out
    name = read_token(made(root, capsys, "--uses", "20")[0]).id
    ctl("token", "list", "--root", str(root))
    assert f"{name}  valid for 4 hours  any host  0 of 20" in capsys.readouterr().out
    assert ctl("token", "revoke", name, "--root", str(root)) == 0
    capsys.readouterr()
    ctl("token", "list", "--json", "--root", str(root))
    assert json.loads(capsys.readouterr().out)[0]["state"] == "revoked"
    assert ctl("token", "revoke", "zzzzzzzz", "--root", str(root)) == 1


def test_the_forced_command_greets_and_answers(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = read_token(made(root, capsys)[0]).id
    reading, writing = os.pipe()
    host = JoiningHost("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1")
    monkeypatch.setattr("pool.cli.read_current_facts", read_facts)
    monkeypatch.setattr("pool.cli.new_nonce", lambda: "0" * 32)
    monkeypatch.setattr("pool.cli.JoinServer", partial(JoinServer, verify=lambda key, text, signature: signature == "valid"))
    os.write(writing, json.dumps(signed_request(Key(), Purpose("0" * 32, name, "ask"), host, 0.0)).encode() + b"\n")
    os.close(writing)
    with open(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setenv("SSH_ORIGINAL_COMMAND", "ask")
        assert ctl("answer", name, "--root", str(root)) == 0
    first, last = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["hello"], first["nonce"]) == (1, "0" * 32)
    # No process listens at luxid's socket, so that this master cannot speak for its pool.
    assert last["problem"]["code"] == "busy"


def test_the_forced_command_without_a_request(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_ORIGINAL_COMMAND", raising=False)
    assert ctl("answer", "aaaabbbb", "--root", str(root)) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["problem"]["code"] == "refused"


def test_the_key_runs_the_program_below_the_root(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = read_token(made(root, capsys)[0]).id
    keys = (root / "var/lib/dom0kit/pool/keys/root").read_text()
    assert f'restrict,command="{root}/usr/bin/dom0ctl pool answer --root {root} {name}" ssh-ed25519 ' in keys


def test_times_to_live() -> None:
    with pytest.raises(UserError, match="not a duration"):
        duration("1 h")
    assert [duration(text) for text in ("90s", "30m", "1h", "7d")] == [90, 1800, 3600, 604800]


def test_nobody_waits(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl("queue", "--root", str(root)) == 0
    assert "queue is empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "a join token is for one host, and none was specified"),
        (["--host", "h2", "--any-host"], "--any-host contradicts"),
        (["--any-host", "--mac", "52:54:00:12:34:56"], "--any-host contradicts"),
        (["--host", "h2", "--uses", "2"], "one use"),
        (["--host", "h 2"], "not a host name"),
        (["--host", ""], "not a host name"),
        (["--host", "h2", "--mac", "52:54"], "not a MAC address"),
        (["--host", "h2", "--uuid", "x"], "not a UUID"),
        (["--uuid", "d0000000-0000-4000-8000-000000000001"], "none was specified"),
    ],
)
def test_for_which_host_a_token_is_must_be_clear(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert ctl("token", "create", "--root", str(root), *words) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "hint:" in said
    assert not (root / "var/lib/dom0kit/pool").exists()


def test_a_token_for_one_host(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = ["--uuid", "D0000000-0000-4000-8000-000000000001", "--mac", "52-54-00-12-34-AB"]
    text, said = made(root, capsys, "--host", "H2.Example.net", *machine, "--require-approval")
    assert "for h2.example.net (UUID d0000000-0000-4000-8000-000000000001, MAC 52:54:00:12:34:ab), once" in said
    assert "dom0ctl pool approve" in said
    ctl("token", "list", "--json", "--root", str(root))
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["id"], entry["host"], entry["uses"], entry["approval"]) == (read_token(text).id, "h2.example.net", 1, True)
    _, said = made(root, capsys, "--host", "h3.example.net")
    assert "as h3.example.net is root on every host of the pool pool.example.net" in said


def test_approval_and_denial_of_a_host_that_does_not_wait(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("approve", "deny"):
        assert ctl(word, "h2.example.net", "--root", str(root)) == 1
        assert "no host h2.example.net waits for approval" in capsys.readouterr().err
