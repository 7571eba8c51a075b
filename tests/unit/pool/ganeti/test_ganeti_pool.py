from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest
from fake_runner import FakeRunner
from ganeti_samples import make_pool

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.ganeti import add_node, cleanup, create, daemons, health, leave, rapi
from pool.ganeti.driver import Ganeti
from pool.ganeti.peers import connections
from pool.ganeti.ssconf import read_ssconf
from pool.host_access import LocalHost, ManagedHost
from pool.join import openssh_keys
from pool.join.messages import JoinRefused
from pool.join.request_signing import Signer
from pool.join.token import JoinToken

NEW = create.NewPool("pool.example.org", "10.0.0.10")
KEY = "ssh-rsa AAAAB3NzaC1yc2E root@h1"
TOKEN = JoinToken(b"\2" + bytes(32), bytes(range(32)), ("10.0.0.10",), 22).write()
HOST_KEY = openssh_keys.ed25519_line(b"k" * 32)
HOST_1 = JoiningHost("h2.example.org", ("10.0.0.12", "fd00::12"), "0.1.0", "ganeti 3.1.0", "uuid", key=HOST_KEY)


@pytest.fixture(autouse=True)
def _no_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapi.shutil, "chown", lambda path, group: None)
    monkeypatch.setattr(connections, "answers", lambda address, port: False)
    monkeypatch.setattr(connections, "has_address", lambda address: True)
    monkeypatch.setattr(add_node, "replicate_tokens", lambda access: None)
    monkeypatch.setattr(add_node, "send_ssconf", lambda access, name, address: None)


def test_a_pool_is_made_by_one_command_and_its_daemons_run(access: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    commands.acts["gnt-cluster init"] = lambda: make_pool(access)
    create.create(access, own, NEW)
    (init,) = commands.ran("gnt-cluster init")
    for word in ("--vg-name=guests", "--master-netdev=xenbr0", "mode=openvswitch,link=xenbr0", "--no-etc-hosts", NEW.name):
        assert word in init
    assert commands.calls[-1].startswith("systemctl start ganeti.target ganeti-noded.service ")
    assert access.read(daemons.CRON) == access.read(daemons.CRON_SOURCE)
    assert "10.0.0.10\tpool.example.org pool" in access.read("etc/hosts")
    assert access.path(rapi.CREDENTIALS).stat().st_mode & 0o777 == 0o600
    assert not access.path(daemons.CREATING).exists()


def test_the_rsa_host_key_that_ganeti_wants_is_made_before_the_pool(
    access: LocalHost, own: ManagedHost, commands: FakeRunner
) -> None:
    commands.acts["gnt-cluster init"] = lambda: make_pool(access)
    create.create(access, own, NEW)
    programs = [call.split()[0] for call in commands.calls]
    assert commands.calls[programs.index("ssh-keygen")] == "ssh-keygen -A"
    assert programs.index("ssh-keygen") < programs.index("gnt-cluster")
    assert commands.ran("systemctl try-reload-or-restart ssh.service")


def test_an_rsa_host_key_that_is_there_stays(access: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    access.write(create.RSA_HOST_KEY, "ssh-rsa AAAA root@h1\n")
    commands.acts["gnt-cluster init"] = lambda: make_pool(access)
    create.create(access, own, NEW)
    assert not commands.ran("ssh-keygen")


def test_a_pool_that_is_there_is_not_made_again(in_pool: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    create.create(in_pool, own, NEW)
    assert not commands.ran("gnt-cluster")


def test_a_pool_cut_off_in_the_making_is_removed_and_made(in_pool: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    in_pool.write(daemons.CREATING, "{}")
    in_pool.write("var/lib/ganeti/config.data", "half")
    seen: list[list[str]] = []
    commands.acts["gnt-cluster init"] = lambda: seen.append(cleanup.leftover_files(in_pool))
    create.create(in_pool, own, NEW)
    assert seen == [[]], "gnt-cluster refuses to create a pool next to another pool's files"


def test_a_failed_creation_is_known_to_be_ours(access: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    commands.failing.add("gnt-cluster init")
    with pytest.raises(UserError):
        create.create(access, own, NEW)
    assert access.path(daemons.CREATING).exists()


def test_somebody_elses_pool_is_left_alone(access: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    access.write("var/lib/ganeti/config.data", "unknown")
    with pytest.raises(UserError, match=r"incomplete pool: config\.data"):
        create.create(access, own, NEW)
    assert access.read("var/lib/ganeti/config.data") == "unknown"


def test_a_member_of_another_pool_makes_none(in_pool: LocalHost, own: ManagedHost) -> None:
    with pytest.raises(UserError, match=r"already in the pool pool\.example\.org"):
        create.create(in_pool, own, create.NewPool("other.example.org", "10.0.0.20"))


@pytest.mark.parametrize(
    ("address", "of_member", "text"),
    [
        (None, "10.0.0.11", "has no address"),
        ("10.0.0.11", "10.0.0.11", "this host's own"),
        ("fd00::1", "10.0.0.11", "not IPv4"),
        ("10.0.0.10", None, "has no IPv4 address"),
    ],
)
def test_addresses_that_cannot_be_a_pools(access: LocalHost, address: str | None, of_member: str | None, text: str) -> None:
    with pytest.raises(UserError, match=text):
        create.create(access, ManagedHost("h1.example.org", of_member), create.NewPool("pool.example.org", address))
    assert not access.path(daemons.CREATING).exists()


def test_without_an_address_the_name_is_resolved(access: LocalHost, own: ManagedHost, commands: FakeRunner) -> None:
    commands.outputs["getent ahostsv4"] = "10.0.0.10     STREAM pool.example.org\n"
    assert create.own_address(access, own, create.NewPool("pool.example.org")) == "10.0.0.10"


def test_a_small_volume_group_is_refused_before_anything_is_changed(
    access: LocalHost, own: ManagedHost, commands: FakeRunner
) -> None:
    commands.outputs["vgs --noheadings"] = "  9000.00\n"
    with pytest.raises(UserError, match="9000 MiB"):
        create.create(access, own, NEW)
    assert not commands.ran("gnt-cluster")


def test_a_host_without_guests_disks_makes_a_pool_of_shared_files(access: LocalHost, commands: FakeRunner) -> None:
    create.create(access, ManagedHost("h1.example.org", "10.0.0.11"), NEW)
    (init,) = commands.ran("gnt-cluster init")
    assert "--vg-name" not in init
    assert "--enabled-disk-templates=sharedfile" in init


def test_preparing_a_host_without_pool_starts_nothing(access: LocalHost, commands: FakeRunner) -> None:
    daemons.prepare(access)
    assert not commands.ran("systemctl")
    daemons.disable(access)
    assert "systemctl mask --quiet ganeti.target" in commands.calls


def test_a_host_of_a_pool_starts_its_daemons_at_each_boot(in_pool: LocalHost, commands: FakeRunner) -> None:
    daemons.prepare(in_pool)
    assert commands.calls[-1].startswith("systemctl start ganeti.target ganeti-noded.service ")


def test_a_start_that_the_watcher_calls_off_is_made_again(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.failing.add("systemctl start")
    commands.errors = "Failure: \nJob for ganeti-rapi.service canceled."
    commands.acts["systemctl start"] = lambda: commands.failing.discard("systemctl start") if twice() else None

    def twice() -> bool:
        return len(commands.ran("systemctl start")) == 2

    daemons.prepare(in_pool)
    assert len(commands.ran("systemctl start")) == 2


@pytest.mark.parametrize(
    ("says", "tries"), [("\nJob for ganeti-rapi.service canceled.", 3), ("\nJob for ganeti-noded.service failed because …", 1)]
)
def test_a_daemon_that_does_not_start_is_told(in_pool: LocalHost, commands: FakeRunner, says: str, tries: int) -> None:
    commands.failing.add("systemctl start")
    commands.errors = f"Failure: {says}"
    with pytest.raises(UserError, match="systemctl exited"):
        daemons.prepare(in_pool)
    assert len(commands.ran("systemctl start")) == tries


def test_a_member_starts_no_daemons_of_the_master(in_pool: LocalHost, commands: FakeRunner) -> None:
    make_pool(in_pool, master="h2.example.org")
    daemons.prepare(in_pool)
    assert "rapi" not in commands.calls[-1]
    assert commands.calls[-1].startswith("systemctl start ganeti-node.target ganeti-noded.service")


def test_no_watcher_starts_the_daemons_of_a_replaced_master_until_the_pool_takes_it_back(
    in_pool: LocalHost, commands: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "is_replaced", lambda pool: True)
    in_pool.write(daemons.CRON, "*/5 * * * * root ganeti-watcher\n")
    daemons.prepare(in_pool)
    daemons.follow(in_pool)
    assert not in_pool.path(daemons.CRON).exists()
    make_pool(in_pool, master="h2.example.org")
    commands.calls.clear()
    daemons.follow(in_pool)
    assert in_pool.read(daemons.CRON) == in_pool.read(daemons.CRON_SOURCE)
    (start,) = commands.ran("systemctl start")
    assert "ganeti-confd.service" in start, "gnt-node add --readd has stopped it"
    assert "luxid" not in start


def test_what_ganeti_writes_while_its_files_are_followed_is_followed_too(in_pool: LocalHost, commands: FakeRunner) -> None:
    make_pool(in_pool, master="h2.example.org")

    def written() -> None:
        commands.acts.clear()
        in_pool.write("var/lib/ganeti/ssconf_node_primary_ips", "h1.example.org 10.0.0.11\nh3.example.org 10.0.0.13\n")

    commands.acts["systemctl start"] = written
    daemons.follow(in_pool)
    assert "h3.example.org" in in_pool.read("etc/hosts")


@pytest.mark.parametrize("mark", [daemons.CREATING, daemons.JOINING])
def test_half_a_pool_has_no_watcher(in_pool: LocalHost, commands: FakeRunner, mark: str) -> None:
    make_pool(in_pool, master="h2.example.org")
    in_pool.write(mark, "{}")
    daemons.follow(in_pool)
    assert not in_pool.path(daemons.CRON).exists()
    assert not commands.ran("systemctl start")


@pytest.mark.parametrize("mark", [daemons.CREATING, daemons.JOINING])
def test_half_a_pool_is_not_started(in_pool: LocalHost, commands: FakeRunner, mark: str) -> None:
    in_pool.write(mark, "{}")
    daemons.prepare(in_pool)
    assert not commands.ran("systemctl")
    assert not health.state(in_pool, "h1.example.org").well


def test_a_host_that_could_not_be_added_leaves_no_keys(in_pool: LocalHost, commands: FakeRunner) -> None:
    def cut_off() -> None:
        in_pool.write("var/lib/ganeti/ganeti_pub_keys", f"uuid-1 {KEY}\nh3.example.org {KEY}\n")

    commands.acts["gnt-node add"] = cut_off
    commands.failing.add("gnt-node add")
    with pytest.raises(UserError, match="gnt-node add: Failure: it broke"):
        add_node.add(JoiningHost("h3.example.org", ("10.0.0.13",), "", "", "", key=HOST_KEY), in_pool)
    assert in_pool.read("var/lib/ganeti/ganeti_pub_keys") == f"uuid-1 {KEY}\n"


def test_a_node_daemon_that_answers_late_is_asked_again(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.outputs["gnt-node list"] = "h1.example.org\n"
    commands.errors = "Failure: " + (
        "Can't get version information from node h2.example.org: Error 28: Connection timed out after 5901 milliseconds"
    )
    commands.failing.add("gnt-node add")
    with pytest.raises(UserError, match="Connection timed out"):
        add_node.add(HOST_1, in_pool)
    assert len(commands.ran("gnt-node add")) == add_node.ADD_TRIES
    commands.acts["gnt-node add"] = lambda: commands.failing.clear() if len(commands.ran("gnt-node add")) == 5 else None
    add_node.add(HOST_1, in_pool)
    assert len(commands.ran("gnt-node add")) == 5


def test_names_that_did_not_arrive_go_by_ssh(in_pool: LocalHost, commands: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen: Ganeti's daemon was late with them three times, and the whole join started again."""
    commands.outputs |= {"gnt-node list": "h1.example.org\n", "gnt-cluster command": "return code = 1\n"}
    sent: list[str] = []

    def send(access: LocalHost, name: str, address: str) -> None:
        sent.append(address)
        commands.outputs["gnt-cluster command"] = "return code = 0\n"

    monkeypatch.setattr(add_node, "send_ssconf", send)
    add_node.add(HOST_1, in_pool)
    assert sent == [HOST_1.addresses[0]]
    assert not commands.ran("gnt-cluster redist-conf")


def test_files_that_did_not_arrive_are_sent_again(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.outputs |= {"gnt-node list": "h1.example.org\n", "gnt-cluster command": "return code = 1\n"}
    commands.acts["gnt-cluster redist-conf"] = lambda: commands.outputs.update({"gnt-cluster command": "return code = 0\n"})
    add_node.add(HOST_1, in_pool)
    assert len(commands.ran("gnt-cluster redist-conf")) == 1


def test_a_host_that_lacks_one_file_of_the_pool_is_found_out(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: ``gnt-cluster verify`` missed spice.pem on a third host, whose node daemon was late for this one file."""
    in_pool.write("var/lib/ganeti/spice.pem", "certificate")
    digest = hashlib.sha256(b"certificate").hexdigest()
    in_pool.write("var/lib/ganeti/rapi/users", "dom0kit {HA1}00 write\n")
    add_node.add(HOST_1, in_pool)
    (look,) = commands.ran("gnt-cluster command")
    assert "grep -Fxq h2.example.org" in look
    assert f"'{digest}  /var/lib/ganeti/spice.pem'" in look
    assert "/var/lib/ganeti/rapi/users" in look
    assert "hmac.key" not in look
    assert look.endswith("| sha256sum --check --status")


def test_a_host_is_added_by_its_name(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.outputs["gnt-node list"] = "h1.example.org\n"
    add_node.add(HOST_1, in_pool)
    assert commands.ran("gnt-node add") == ["gnt-node add h2.example.org"]


def test_a_host_that_the_pool_knows_comes_again(in_pool: LocalHost, commands: FakeRunner) -> None:
    in_pool.write("var/lib/ganeti/ganeti_pub_keys", f"uuid-1 {KEY}\nh2.example.org {KEY}\n")
    add_node.add(HOST_1, in_pool)
    assert commands.ran("gnt-node add") == ["gnt-node add --readd h2.example.org"]
    assert "h2.example.org" not in in_pool.read("var/lib/ganeti/ganeti_pub_keys")


def test_what_was_asked_of_a_host_before_its_power_was_cut_is_not_waited_for(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: the queue stood still for 14 minutes, until Ganeti gave up a request."""
    connections.close_connections(in_pool, ["10.0.0.12"])
    assert commands.calls == ["ss --kill --tcp state connected dst 10.0.0.12 and ( dport = :1811 or dport = :22 )"]


def test_an_ipv6_address_of_ss_is_in_brackets_and_its_failure_is_reported(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.failing.add("ss --kill")
    commands.errors = "RTNETLINK answers: Operation not supported"
    said: list[str] = []
    connections.close_connections(in_pool, ["2001:db8::5"], said.append)
    assert commands.calls == ["ss --kill --tcp state connected dst [2001:db8::5] and ( dport = :1811 or dport = :22 )"]
    assert [text.split(" could")[0] for text in said] == ["connections to 2001:db8::5"]


def test_a_try_that_failed_late_is_followed_by_a_readd(in_pool: LocalHost, commands: FakeRunner) -> None:
    commands.outputs["gnt-node list"] = "h1.example.org\n"
    commands.errors = "Failure: Could not update the node's SSH setup.: Error 28: Connection timed out after 5304 milliseconds"
    commands.failing.add("gnt-node add")

    def late() -> None:
        commands.outputs["gnt-node list"] += "h2.example.org\n"
        if len(commands.ran("gnt-node add")) == 2:
            commands.failing.clear()

    commands.acts["gnt-node add"] = late
    add_node.add(HOST_1, in_pool)
    first, second = commands.ran("gnt-node add")
    assert "--readd" not in first
    assert "--readd" in second


def test_a_host_missing_from_the_masters_names_is_added_after_they_are_renewed(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: "No SSH port information available for node", at each try, after Ganeti's daemon was late for the master itself."""
    commands.outputs["gnt-node list"] = "h1.example.org\nh2.example.org\nh3.example.org\n"
    in_pool.write("var/lib/ganeti/config.data", "{}")
    add_node.add(JoiningHost("h3.example.org", ("10.0.0.13",), "", "", "", key=HOST_KEY), in_pool)
    order = [call.split()[0] for call in commands.calls if call.startswith(("python3 -c", "gnt-node add"))]
    assert order == ["python3", "gnt-node"]
    assert "--readd" in commands.ran("gnt-node add")[0]


def test_a_lost_connection_in_words() -> None:
    """Of ssh's command with its options, which Ganeti gives in full, the host is what counts."""
    inner = "ssh -oEscapeChar=none -oPort=22 -4 root@h2.example.org '/bin/sh -c /usr/lib/ganeti/prepare-node-join'"
    said = add_node.failure_reason(f"Failure: command execution error:\nCommand '{inner}' failed: exited with exit code 255\n")
    assert said == "the master could not log in to h2.example.org by SSH, or lost the connection"
    other = f"Command '{inner}' failed: exited with exit code 1"
    assert add_node.failure_reason(other) == other
    late = f"Could not update the node's SSH setup.: Last exception: Command '{inner}' failed: exited with exit code 255."
    assert add_node.failure_reason(late) == said


@pytest.mark.parametrize(
    "said",
    [
        "Can't get version information from node h2.example.org: Error 28: Connection timed out after 5001 milliseconds",
        "Could not update the node's SSH setup.: Error 28: Connection timed out after 5304 milliseconds",
        "Node daemon on h2.example.org didn't answer queries within 10.0 seconds",
        "'NoneType' object has no attribute 'get'",
    ],
)
def test_who_answers_late_is_asked_again(said: str) -> None:
    assert add_node.SLOW_NODE.search(said)


def test_only_the_master_adds(in_pool: LocalHost) -> None:
    make_pool(in_pool, master="h2.example.org")
    with pytest.raises(UserError, match=r"master of the pool .* is h2"):
        add_node.add(JoiningHost("h3.example.org", ("10.0.0.13",), "", "", "", key=HOST_KEY), in_pool)


def test_a_host_with_ipv6_alone_is_not_added(in_pool: LocalHost) -> None:
    with pytest.raises(UserError, match="no IPv4 address"):
        add_node.add(JoiningHost("h3.example.org", ("fd00::13",), "", "", "", key=HOST_KEY), in_pool)


class Talk:
    """A conversation with a pool that takes the host."""

    def __init__(self, access: LocalHost, answer: PoolAnswer) -> None:
        self.access, self.answer, self.words = access, answer, list[str]()
        self.files_come = True

    def __call__(self, token: JoinToken, *, signer: Signer) -> Talk:
        self.signer = signer
        return self

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, host: JoiningHost) -> PoolAnswer:
        self.words.append("ask")
        return self.answer

    def keys(self, host: JoiningHost) -> tuple[str, ...]:
        self.words.append("keys")
        return (KEY,)

    def join(self, host: JoiningHost, progress: object) -> PoolAnswer:
        self.words.append("join")
        assert KEY in self.access.read("root/.ssh/authorized_keys"), "the master comes by ssh"
        assert self.access.path(daemons.JOINING).exists()
        if self.files_come:
            make_pool(self.access)
        return self.answer


WELCOME = PoolAnswer("pool.example.org", "h1.example.org", "10.0.0.11", hosts=1)
SECOND = ManagedHost("h2.example.org", "10.0.0.12", volume_group="guests")


def test_a_join_from_its_question_to_its_daemons(access: LocalHost, commands: FakeRunner) -> None:
    access.write("etc/hosts", "10.0.0.12\th2.example.org\n")
    talk = Talk(access, WELCOME)
    said: list[str] = []
    Ganeti(access, SECOND, token=TOKEN, say=said.append, converse=talk).join(HOST_1)  # type: ignore[arg-type]
    assert talk.words == ["ask", "keys", "join"]
    assert talk.signer.public == openssh_keys.ed25519_line(b"h" * 32), "the key that Ganeti does not replace"
    assert commands.calls[-1].startswith("systemctl start ganeti.target ganeti-noded.service ")
    assert "10.0.0.11\th1.example.org h1" in access.read("etc/hosts")
    assert not access.path(daemons.JOINING).exists()


def test_a_pool_that_refuses_leaves_the_host_as_it_was(access: LocalHost, commands: FakeRunner) -> None:
    talk = Talk(access, PoolAnswer(problems=(Problem("clock", "the clocks differ by 400 s", "set it"),)))
    with pytest.raises(JoinRefused, match="400 s"):
        Ganeti(access, SECOND, token=TOKEN, converse=talk).join(HOST_1)  # type: ignore[arg-type]
    assert talk.words == ["ask"]
    assert commands.calls == []
    assert not access.path("root/.ssh/authorized_keys").exists()


def test_a_member_does_not_ask_again(in_pool: LocalHost) -> None:
    talk = Talk(in_pool, WELCOME)
    Ganeti(in_pool, SECOND, token=TOKEN, converse=talk).join(HOST_1)  # type: ignore[arg-type]
    assert talk.words == []


def test_a_join_that_was_cut_off_is_done_again_whatever_ganeti_wrote(in_pool: LocalHost) -> None:
    in_pool.write(daemons.JOINING, "{}")
    talk = Talk(in_pool, WELCOME)
    driver = Ganeti(in_pool, SECOND, token=TOKEN, say=lambda text: None, converse=talk)  # type: ignore[arg-type]
    assert not driver.status().well
    driver.join(HOST_1)
    assert talk.words == ["ask", "keys", "join"]


def test_a_join_whose_files_did_not_come_fails_at_once_and_is_done_again(access: LocalHost, commands: FakeRunner) -> None:
    talk = Talk(access, WELCOME)
    talk.files_come = False
    with pytest.raises(UserError, match="its files did not arrive"):
        Ganeti(access, SECOND, token=TOKEN, say=lambda text: None, converse=talk).join(HOST_1)  # type: ignore[arg-type]
    assert access.path(daemons.JOINING).exists()
    assert not commands.ran("systemctl start"), "the daemons of a host that is in no pool"


def test_the_last_host_takes_the_pool_with_it(in_pool: LocalHost, commands: FakeRunner) -> None:
    in_pool.write("var/lib/ganeti/ssconf_node_list", "h1.example.org\n")
    in_pool.write("var/lib/ganeti/ssconf_node_primary_ips", "h1.example.org 10.0.0.11\n")
    leave.leave(in_pool, "h1.example.org")
    assert commands.ran("gnt-cluster destroy")
    assert read_ssconf(in_pool) is None
    assert "pool.example.org" not in in_pool.read("etc/hosts")


def test_the_master_of_others_does_not_leave(in_pool: LocalHost, commands: FakeRunner) -> None:
    with pytest.raises(UserError, match="is the master"):
        leave.leave(in_pool, "h1.example.org")
    assert commands.calls == []


def test_a_member_leaves_by_the_master(in_pool: LocalHost, commands: FakeRunner) -> None:
    make_pool(in_pool, master="h2.example.org")
    leave.leave(in_pool, "h1.example.org")
    (ssh,) = commands.ran("ssh ")
    assert ssh.endswith("root@10.0.0.12 gnt-node remove h1.example.org")
    assert "HostKeyAlias=pool.example.org" in ssh
    assert cleanup.leftover_files(in_pool) == []


def test_a_master_without_the_pool_address_gets_it(
    in_pool: LocalHost, commands: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen on a busy machine: a pool whose address no host had, found by ``gnt-cluster verify`` (ENODENET) alone."""
    found: list[str] = []
    monkeypatch.setattr(connections, "has_address", lambda address: address in found)
    with pytest.raises(UserError, match=r"10\.0\.0\.10 is not active"):
        daemons.prepare(in_pool)
    assert len(commands.ran("gnt-cluster activate-master-ip")) == daemons.ADDRESS_TRIES
    commands.acts["gnt-cluster activate-master-ip"] = lambda: found.append("10.0.0.10")
    daemons.prepare(in_pool)
    assert len(commands.ran("gnt-cluster activate-master-ip")) == daemons.ADDRESS_TRIES + 1


def test_the_pools_address_comes_though_the_command_was_too_slow(
    in_pool: LocalHost, commands: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    monkeypatch.setattr(connections, "has_address", found.__contains__)

    def too_slow() -> None:
        found.append("10.0.0.10")
        raise CommandFailed(["gnt-cluster", "activate-master-ip"], -9, "")

    commands.acts["gnt-cluster activate-master-ip"] = too_slow
    daemons.prepare(in_pool)
    assert len(commands.ran("gnt-cluster activate-master-ip")) == 1


@pytest.fixture
def _replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine answers at the pool's address."""
    monkeypatch.setattr(connections, "answers", lambda address, port: address == "10.0.0.10")
    monkeypatch.setattr(connections, "has_address", lambda address: False)


@pytest.mark.usefixtures("_replaced")
def test_a_master_that_comes_back_says_that_another_one_took_over(in_pool: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (health.NODE_DAEMON, health.CONFD):
        in_pool.write(path, "1\n")
    in_pool.write("proc/1/stat", "")
    assert "another host is the master now" in health.state(in_pool, "h1.example.org").reason
    monkeypatch.setattr(connections, "has_address", lambda address: True)
    assert "the master's daemons do not answer" in health.state(in_pool, "h1.example.org").reason


@pytest.mark.usefixtures("_replaced")
def test_a_replaced_master_starts_the_daemons_of_a_node_alone(in_pool: LocalHost, commands: FakeRunner) -> None:
    """Seen: wconfd and luxid asked for votes without end, and the host's first boot stood still with them."""
    daemons.prepare(in_pool)
    (start,) = commands.ran("systemctl start")
    assert "ganeti-noded.service" in start
    assert "ganeti-wconfd.service" not in start


def test_an_address_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert connections.has_address("127.0.0.1")
    assert not connections.has_address("192.0.2.1")


def test_states(access: LocalHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "answers", lambda address, port: False)
    assert health.state(access, "h1.example.org").role == "alone"
    make_pool(access)
    assert "node daemon does not run" in health.state(access, "h1.example.org").reason
    for path in (health.NODE_DAEMON, health.CONFD):
        access.write(path, "42\n")
    access.path("proc/42").mkdir(parents=True)
    found = health.state(access, "h1.example.org")
    assert (found.role, found.hosts, found.reason) == ("master", 2, "the master's daemons do not answer: check gnt-cluster info")
    path = access.path(health.QUERY_SOCKET)
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert health.state(access, "h1.example.org").well
    assert "does not know this host" in health.state(access, "h9.example.org").reason
