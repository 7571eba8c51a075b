"""An addition reaches only the machine that signed the request, and leaves nothing of a refused one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_runner import FakeRunner

from dom0kit.errors import UserError
from pool.driver import JoiningHost
from pool.ganeti import add_node, facts
from pool.ganeti.peers import pinned_ssh
from pool.host_access import LocalHost
from pool.join import openssh_keys

KEY = openssh_keys.ed25519_line(b"k" * 32)
HOST = JoiningHost("h3.example.org", ("10.0.0.13",), "0.1.0", "ganeti 3.1.0", "u3", key=KEY)


@pytest.fixture(autouse=True)
def _no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_node, "replicate_tokens", lambda access: None)
    monkeypatch.setattr(add_node, "send_ssconf", lambda access, name, address: None)


def test_ssh_knows_the_key_of_the_host_for_its_addition_alone(in_pool: LocalHost, commands: FakeRunner) -> None:
    seen: list[str] = []
    folder = in_pool.path(pinned_ssh.FOLDER)
    commands.acts["gnt-node add"] = lambda: seen.extend(path.read_text() for path in sorted(folder.iterdir()))
    add_node.add(HOST, in_pool)
    known_hosts, program = seen
    assert known_hosts == f"{HOST.name} {KEY}\n"
    assert f"-o UserKnownHostsFile={folder}/known_hosts -o StrictHostKeyChecking=yes" in program
    (call,) = [call for call in commands.requests if call.argv[:2] == ("gnt-node", "add")]
    assert call.env["PATH"].split(":")[0] == str(folder)
    assert "--no-ssh-key-check" not in call.argv
    assert not folder.exists()


def test_the_list_of_an_interrupted_addition_is_not_used_again(in_pool: LocalHost) -> None:
    in_pool.write(f"{pinned_ssh.FOLDER}/known_hosts", "h9 ssh-rsa AAAA\n")
    with pinned_ssh.pinned_ssh(in_pool, HOST.name, KEY):
        assert in_pool.read(f"{pinned_ssh.FOLDER}/known_hosts") == f"{HOST.name} {KEY}\n"


def test_the_names_of_the_pool_are_as_before_after_a_refusal(in_pool: LocalHost, commands: FakeRunner) -> None:
    seen: list[str] = []
    commands.acts["gnt-node add"] = lambda: seen.append(in_pool.read("etc/hosts"))
    commands.failing.add("gnt-node add")
    with pytest.raises(UserError, match="gnt-node add"):
        add_node.add(HOST, in_pool)
    assert "10.0.0.13\th3.example.org h3" in seen[0]
    assert "h3" not in in_pool.read("etc/hosts")


def test_the_names_are_as_before_after_a_bug(in_pool: LocalHost, commands: FakeRunner) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    commands.acts["gnt-node add"] = fail
    with pytest.raises(RuntimeError):
        add_node.add(HOST, in_pool)
    assert "h3" not in in_pool.read("etc/hosts")
    assert not in_pool.path(pinned_ssh.FOLDER).exists()


def test_a_host_without_a_key_is_not_contacted(in_pool: LocalHost, commands: FakeRunner) -> None:
    with pytest.raises(UserError, match="no SSH host key"):
        add_node.add(JoiningHost("h3.example.org", ("10.0.0.13",), "", "", ""), in_pool)
    assert not commands.ran("gnt-node add")


def test_an_impostor_in_words() -> None:
    ssh = "Command 'ssh -oPort=22 -4 root@h3.example.org x' failed: exited with exit code 255"
    for said in ("Host key verification failed.", "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @"):
        text = add_node.failure_reason(f"{said}\nFailure: command execution error:\n{ssh}\n")
        assert text.startswith("another machine answers at the address of h3.example.org")


def test_a_member_is_taken_back_by_the_key_that_all_hosts_share(in_pool: LocalHost, commands: FakeRunner) -> None:
    in_pool.write("var/lib/ganeti/known_hosts", "other ssh-rsa BBBB\npool.example.org ssh-rsa AAAA comment\n")
    seen: list[str] = []
    commands.acts["gnt-node add"] = lambda: seen.append(in_pool.read(f"{pinned_ssh.FOLDER}/known_hosts"))
    add_node.readd("h2.example.org", in_pool)
    assert seen == ["h2.example.org ssh-rsa AAAA\n"]
    assert commands.ran("gnt-node add") == ["gnt-node add --readd h2.example.org"]


@pytest.mark.parametrize("name", ["h1.example.org", "h9.example.org", "--readd", ""])
def test_no_other_host_is_taken_back(in_pool: LocalHost, commands: FakeRunner, name: str) -> None:
    with pytest.raises(UserError, match="is not another host of the pool"):
        add_node.readd(name, in_pool)
    assert not commands.ran("gnt-node add")


def test_a_pool_whose_key_is_unknown_takes_nobody_back(in_pool: LocalHost, commands: FakeRunner) -> None:
    with pytest.raises(UserError, match="has no key of the pool"):
        add_node.readd("h2.example.org", in_pool)
    assert not commands.ran("gnt-node add")


ADDRESSES = json.dumps(
    [
        {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
        {
            "ifname": "xenbr0",
            "addr_info": [
                {"family": "inet", "local": "10.0.0.10", "prefixlen": 32},
                {"family": "inet", "local": "10.0.0.11", "prefixlen": 24},
                {"family": "inet6", "local": "fd00::11", "prefixlen": 64},
            ],
        },
        {"ifname": "ovs-system"},
    ]
)


def test_the_network_of_the_masters_own_address() -> None:
    own, network = facts.own_addresses(ADDRESSES, "10.0.0.11")
    assert own == ("127.0.0.1", "10.0.0.10", "10.0.0.11", "fd00::11")
    assert network == "10.0.0.0/24"
    assert facts.own_addresses(ADDRESSES, "10.0.0.10")[1] == "", "an address alone says nothing about its network"
    assert facts.own_addresses("", "10.0.0.11") == ((), "")


def test_facts_with_networks(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.outputs["ip -json address"] = ADDRESSES
    assert facts.read_current_facts(in_pool.root, commands).networks == ("10.0.0.0/24",)
    in_pool.write(facts.NETWORKS, "# hosts of row 2\n\n10.1.0.0/16 # all of them\n")
    assert facts.read_current_facts(in_pool.root, commands).networks == ("10.0.0.0/24", "10.1.0.0/16")
    in_pool.write(facts.NETWORKS, "10.1.0.1/16\n")
    with pytest.raises(UserError, match="pool-networks of this master is invalid"):
        facts.read_current_facts(in_pool.root, commands)


def test_names_of_a_test_network_are_not_looked_up(tmp_path: Path) -> None:
    assert facts.resolve(tmp_path, "localhost") == ()
    assert "127.0.0.1" in facts.resolve(Path("/"), "localhost")
