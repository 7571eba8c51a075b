from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from fake_runner import Ended, FakeRunner

from dom0kit.errors import UserError
from pool.ganeti.peers import file_replication
from pool.host_access import LocalHost

TOKEN_FILE = "var/lib/dom0kit/pool/tokens/abc.json"


def sent(runner: FakeRunner) -> list[tuple[list[str], bytes]]:
    """Return the commands and what each read from standard input."""
    return [(list(call.argv), call.stdin) for call in runner.requests if isinstance(call.stdin, bytes)]


def test_files_go_to_the_other_candidates_with_their_modes(in_pool: LocalHost) -> None:
    in_pool.write(TOKEN_FILE, "{}", 0o600)
    runner = FakeRunner()
    file_replication.copy_to_candidates([in_pool.path(TOKEN_FILE)], in_pool, runner)
    ((argv, data),) = sent(runner)
    assert "root@10.0.0.12" in argv
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        (file,) = tar.getmembers()
        assert (file.name, file.mode, file.uid, file.gid) == (TOKEN_FILE, 0o600, 0, 0)


def test_a_file_that_is_gone_goes_there_too(in_pool: LocalHost) -> None:
    runner = FakeRunner()
    file_replication.copy_to_candidates([in_pool.path("var/lib/dom0kit/pool/it's gone")], in_pool, runner)
    ((argv, _),) = sent(runner)
    assert argv[-1].startswith("rm -f -- '/var/lib/dom0kit/pool/it'\"'\"'s gone' && tar ")


def test_an_offline_candidate_is_left_out_and_a_silent_one_is_told(in_pool: LocalHost) -> None:
    with pytest.raises(UserError, match=r"not copied to .*h2\.example\.org"):
        file_replication.copy_to_candidates([Path(in_pool.path(TOKEN_FILE))], in_pool, FakeRunner({"": Ended(255)}))
    in_pool.write("var/lib/ganeti/ssconf_offline_nodes", "h2.example.org\n")
    runner = FakeRunner()
    file_replication.copy_to_candidates([in_pool.path(TOKEN_FILE)], in_pool, runner)
    assert sent(runner) == []


def test_without_a_pool_nothing_is_copied(access: LocalHost) -> None:
    runner = FakeRunner()
    file_replication.copy_to_candidates([access.path(TOKEN_FILE)], access, runner)
    assert sent(runner) == []


def test_a_new_candidate_gets_every_token_and_the_keys(in_pool: LocalHost) -> None:
    for name in ("tokens/a.json", "tokens/b.json", "keys/root"):
        in_pool.write(f"{file_replication.BOOK}/{name}", "{}", 0o600)
    runner = FakeRunner()
    file_replication.replicate_tokens(in_pool, runner)
    with tarfile.open(fileobj=io.BytesIO(sent(runner)[0][1])) as tar:
        assert [name.removeprefix(f"{file_replication.BOOK}/") for name in tar.getnames()] == [
            "tokens/a.json",
            "tokens/b.json",
            "keys/root",
        ]


def test_a_host_gets_what_the_pool_tells_all(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: a third host's ``ssconf_node_list`` lacked itself after three distributions of Ganeti's, two 0.1 and 0.2 s late."""
    runner = FakeRunner()
    file_replication.send_ssconf(in_pool, "h2.example.org", "10.0.0.12", runner)
    assert commands.calls == []
    ((argv, data),) = sent(runner)
    assert "root@10.0.0.12" in argv
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert "var/lib/ganeti/ssconf_node_list" in names
    assert all(name.startswith("var/lib/ganeti/ssconf_") for name in names)


def test_a_master_that_did_not_hear_of_the_host_itself_writes_the_names_first(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: Ganeti's distribution was 1.1 s late for all three hosts, the master among them, which then sent its old list."""
    in_pool.write("var/lib/ganeti/config.data", "{}")

    def written() -> None:
        in_pool.write("var/lib/ganeti/ssconf_node_list", "h1.example.org\nh2.example.org\nh3.example.org\n")

    commands.acts["python3 -c"] = written
    runner = FakeRunner()
    file_replication.send_ssconf(in_pool, "h3.example.org", "10.0.0.13", runner)
    ((_, data),) = sent(runner)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.extractfile("var/lib/ganeti/ssconf_node_list")
        assert names is not None
        assert b"h3.example.org" in names.read()
    (renewal,) = commands.ran("python3 -c")
    assert not renewal.endswith("var/lib/ganeti/config.data"), "Ganeti may write the file that it is given"
