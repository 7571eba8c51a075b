"""Attacks on a join: a real sshd, the real join server behind it, and real keys on both sides."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loop_devices import output

from dom0kit.errors import UserError
from dom0kit.process import BASE_ENVIRONMENT, run
from pool.driver import JoiningHost
from pool.ganeti import add_node
from pool.host_access import LocalHost
from pool.join import request_signing, ssh_transport
from pool.join.client import PoolClient
from pool.join.messages import JoinRefused
from pool.join.request_signing import HostKey, Purpose, fingerprint, make_key, signed_request, verify_signature
from pool.join.token import JoinToken, read_token

PROJECT = Path(__file__).resolve().parents[2]
ADDRESS = "127.0.0.1"
DOM0CTL = "import sys; from programs.dom0ctl import main; sys.exit(main())"
SECRET = "the private keys of the pool"
HOST = JoiningHost("h2.example.net", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u2", macs=("52:54:00:00:00:02",))


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        return int(free.getsockname()[1])


@contextmanager
def sshd(folder: Path, name: str, port: int, *, host_key: Path, keys: Path) -> Iterator[None]:
    """Run an SSH server that lets in the keys of a file."""
    config, log = folder / f"{name}.conf", folder / f"{name}.log"
    lines = [
        f"Port {port}",
        f"ListenAddress {ADDRESS}",
        f"HostKey {host_key}",
        f"AuthorizedKeysFile {keys}",
        *("StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin prohibit-password", "PasswordAuthentication no"),
    ]
    config.write_text("\n".join(lines) + "\n")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with log.open("wb") as file:
        argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 60
        while "Server listening" not in log.read_text():
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < end, "sshd does not listen"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(60)


def key_pair(path: Path, kind: str = "ed25519") -> Path:
    """Make a key."""
    output("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path)
    return path


class Master:
    """A pool's master in a folder: the files that Ganeti keeps, and this project's own program."""

    def __init__(self, root: Path) -> None:
        self.root, self.port = root, free_port()
        self.query = socket.socket(socket.AF_UNIX)
        files = {
            "etc/hostname": "h1.example.net\n",
            "etc/dom0kit/pool-networks": "192.0.2.0/24\n",
            "run/dom0kit/image/manifest.json": json.dumps({"version": "0.1.0", "packages": {"ganeti": "3.1.0-1"}}),
            "var/lib/ganeti/ssconf_cluster_name": "pool.example.net\n",
            "var/lib/ganeti/ssconf_master_node": "h1.example.net\n",
            "var/lib/ganeti/ssconf_master_ip": "192.0.2.10\n",
            "var/lib/ganeti/ssconf_node_primary_ips": "h1.example.net 192.0.2.11\n",
            "var/lib/ganeti/ssconf_offline_nodes": "\n",
            "root/.ssh/id_rsa.pub": "ssh-rsa AAAAB3NzaC1yc2E= root@h1\n",
        }
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "etc/ssh").mkdir()
        key_pair(root / "etc/ssh/ssh_host_ecdsa_key", "ecdsa")
        program = root / "usr/bin/dom0ctl"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\nexec env PYTHONPATH={PROJECT} {sys.executable} -c '{DOM0CTL}' \"$@\"\n")
        program.chmod(0o755)

    @contextmanager
    def running(self) -> Iterator[Master]:
        """Run the SSH server, and a socket in place of Ganeti's daemon."""
        place = self.root / "run/ganeti/socket/ganeti-query"
        place.parent.mkdir(parents=True)
        # The path may be longer than the address of a Unix socket may be.
        here = os.open(place.parent, os.O_PATH)
        self.query.bind(f"/proc/self/fd/{here}/{place.name}")
        os.close(here)
        self.query.listen(64)
        keys = self.root / "var/lib/dom0kit/pool/keys/root"
        with self.query, sshd(self.root, "sshd", self.port, host_key=self.root / "etc/ssh/ssh_host_ecdsa_key", keys=keys):
            yield self

    def ctl(self, *words: str, check: bool = True) -> str:
        """Run ``dom0ctl pool`` on the master."""
        return run([self.root / "usr/bin/dom0ctl", "pool", *words, "--root", str(self.root)], check=check).output

    def token(self, *options: str) -> JoinToken:
        """Make a join token."""
        return read_token(self.ctl("token", "create", "--address", ADDRESS, "--port", str(self.port), *options))


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    """Run a master."""
    with Master(tmp_path / "m").running() as value:
        yield value


@pytest.fixture
def own(tmp_path: Path) -> HostKey:
    """Return the joining host's SSH host key."""
    return HostKey(key_pair(tmp_path / "own"))


@pytest.fixture
def other(tmp_path: Path) -> HostKey:
    """Return the SSH host key of another machine."""
    return HostKey(key_pair(tmp_path / "other"))


class Queued(Exception):
    """Raised when a host is in the queue."""


def enter(token: JoinToken, host: JoiningHost = HOST, *, signer: HostKey) -> str:
    """Let a host join until it is in the queue; return its progress, or the code of the refusal."""

    def leave(progress: Any) -> None:
        raise Queued(progress.text)

    try:
        with PoolClient(token, signer=signer) as pool:
            pool.join(host, leave)
    except JoinRefused as error:
        return error.problem.code
    except Queued as queued:
        return str(queued)
    return "joined"


def send(token: JoinToken, word: str, request: Any) -> dict[str, Any]:
    """Send a request as an attacker makes it; return the pool's answer, or its problem."""
    try:
        with ssh_transport.KeyFiles(token) as keys:
            return ssh_transport.send_request(token, keys, ADDRESS, word, request)
    except JoinRefused as error:
        return {"code": error.problem.code, "text": error.problem.text}


def test_h1_a_token_admits_only_the_host_that_it_was_made_for(master: Master, own: HostKey) -> None:
    token = master.token("--host", HOST.name, "--mac", HOST.macs[0])
    assert enter(token, replace(HOST, name="h3.example.net"), signer=own) == "wrong-host"
    assert enter(token, replace(HOST, macs=("52:54:00:00:00:99",)), signer=own) == "wrong-host"
    assert "1st in the pool's queue" in enter(token, signer=own)


def test_m4_a_used_token_is_worth_nothing_to_who_repeats_name_and_uuid(master: Master, own: HostKey, other: HostKey) -> None:
    token = master.token("--host", HOST.name)
    assert "1st in the pool's queue" in enter(token, signer=own)
    assert enter(token, signer=other) == "used-up"
    assert "1st in the pool's queue" in enter(token, signer=own), "the host itself may ask again"
    (use,) = json.loads(master.ctl("token", "list", "--json"))[0]["used"]
    assert use["key"] == fingerprint(own.public)


def test_a_recorded_request_is_refused_on_another_connection(master: Master, own: HostKey) -> None:
    token = master.token("--host", HOST.name)
    recorded: list[dict[str, Any]] = []

    def make(hello: dict[str, Any]) -> dict[str, Any]:
        recorded.append(signed_request(own, Purpose(hello["nonce"], token.id, "ask"), HOST, time.time()))
        return recorded[0]

    assert send(token, "ask", make)["problems"] == []
    again = send(token, "ask", make)
    assert again["code"] == "refused"
    assert "signed for another connection" in again["text"]
    assert recorded[0] is not recorded[1]


def test_requests_without_a_valid_signature_are_refused(master: Master, own: HostKey, other: HostKey) -> None:
    token = master.token("--host", HOST.name)

    def signed(hello: dict[str, Any], **values: Any) -> dict[str, Any]:
        purpose = Purpose(**{"nonce": hello["nonce"], "token": token.id, "word": "join", **values})
        return signed_request(own, purpose, HOST, time.time())

    def changed(hello: dict[str, Any]) -> dict[str, Any]:
        value = signed(hello)
        return {**value, "request": value["request"].replace("192.0.2.20", "192.0.2.66")}

    def claims_anothers_key(hello: dict[str, Any]) -> dict[str, Any]:
        value = signed(hello)
        text = value["request"].replace(own.public, other.public)
        return {"request": text, "signature": own.sign(text)}

    cases = {
        "not signed": lambda hello: {"name": HOST.name},
        "signature is not that": changed,
        "signature is not that of the host key": claims_anothers_key,
        "another word": lambda hello: signed(hello, word="ask"),
        "another token": lambda hello: signed(hello, token="aaaabbbb"),
        "another connection": lambda hello: signed(hello, nonce="0" * 32),
    }
    for text, request in cases.items():
        said = send(token, "join", request)
        assert text in said.get("text", said), text
    assert "queue is empty" in master.ctl("queue")


def test_a_signature_for_another_purpose_is_not_valid(own: HostKey, monkeypatch: pytest.MonkeyPatch) -> None:
    good = own.sign("text")
    assert verify_signature(own.public, "text", good)
    assert not verify_signature(own.public, "text ", good)
    monkeypatch.setattr(request_signing, "NAMESPACE", "file")
    foreign = own.sign("text")
    monkeypatch.undo()
    assert not verify_signature(own.public, "text", foreign)
    assert not verify_signature(own.public, "text", "")


def test_a_machine_without_a_host_key_asks_with_a_key_of_its_own(master: Master, tmp_path: Path) -> None:
    token = master.token("--host", HOST.name)
    with PoolClient(token) as pool:
        assert pool.ask(HOST).accepted
    made = make_key(tmp_path)
    assert verify_signature(made.public, "x", made.sign("x"))
    assert json.loads(master.ctl("token", "list", "--json"))[0]["used"] == []


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.51.100.7", "192.0.2.11"])
def test_h5_no_address_that_is_not_a_hosts_own_in_the_pools_network(master: Master, own: HostKey, address: str) -> None:
    token = master.token("--host", HOST.name)
    assert enter(token, replace(HOST, addresses=(address,)), signer=own) == "address"
    assert "queue is empty" in master.ctl("queue")


@pytest.mark.parametrize("name", ["pool.example.net", "h1.example.net", "localhost", "h1.elsewhere.example", "deb.debian.org"])
def test_m3_names_that_belong_to_others_are_refused(master: Master, own: HostKey, name: str) -> None:
    assert enter(master.token("--any-host"), replace(HOST, name=name), signer=own) == "name"


def test_a_host_waits_for_approval(master: Master, own: HostKey, other: HostKey) -> None:
    token = master.token("--host", HOST.name, "--require-approval")
    said = enter(token, signer=own)
    assert "approves it" in said
    assert fingerprint(own.public) in said
    (entry,) = json.loads(master.ctl("queue", "--json"))
    assert (entry["state"], entry["name"], entry["key"]) == ("held", HOST.name, fingerprint(own.public))
    assert "no host h9 waits" in run_failing(master, "approve", "h9")
    assert fingerprint(own.public) in master.ctl("approve", HOST.name)
    assert "1st in the pool's queue" in enter(token, signer=own)


def test_a_denied_host_learns_it_and_stays_out(master: Master, own: HostKey, other: HostKey) -> None:
    token = master.token("--any-host", "--uses", "2", "--require-approval")
    enter(token, signer=own)
    master.ctl("deny", HOST.name)
    assert enter(token, signer=own) == "denied"
    assert enter(token, signer=own) == "denied"
    assert "approves it" in enter(token, replace(HOST, name="h3.example.net", uuid="u3"), signer=other)


def run_failing(master: Master, *words: str) -> str:
    """Run ``dom0ctl pool`` on the master, which fails; return its message."""
    done = run([master.root / "usr/bin/dom0ctl", "pool", *words, "--root", str(master.root)], check=False)
    assert done.returncode == 1
    return done.errors


class JoiningMachine:
    """The machine at the joining host's address, and Ganeti's command that sends it the pool's secrets by ssh."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.port = folder, free_port()
        self.received = folder / "received"
        self.access = LocalHost(folder)
        files = {
            "etc/hostname": "h1.example.net\n",
            "etc/hosts": "192.0.2.11\th1.example.net h1\n",
            "var/lib/ganeti/server.pem": "x",
            "var/lib/ganeti/known_hosts": "",
            "var/lib/ganeti/ssconf_cluster_name": "pool.example.net\n",
            "var/lib/ganeti/ssconf_master_node": "h1.example.net\n",
            "var/lib/ganeti/ssconf_master_ip": "192.0.2.10\n",
            "var/lib/ganeti/ssconf_node_list": "h1.example.net\n",
            "var/lib/ganeti/ssconf_node_primary_ips": "h1.example.net 192.0.2.11\n",
        }
        for name, text in files.items():
            self.access.write(name, text)
        login = key_pair(folder / "login")
        # The options of ssh are those of Ganeti's SshRunner (lib/ssh.py); the last word is the name of the host.
        ssh = (
            f"ssh -i {login} -oEscapeChar=none -oHashKnownHosts=no -oGlobalKnownHostsFile={folder}/var/lib/ganeti/known_hosts "
            f"-oUserKnownHostsFile=/dev/null -oCheckHostIp=no -oConnectTimeout=10 -oPort={self.port} "
            f'-oStrictHostKeyChecking=$check -4 root@$name "cat >{self.received}"'
        )
        failed = "Failure: command execution error:\\nCommand 'ssh -4 root@%s x' failed: exited with exit code 255\\n"
        lines = [
            "#!/bin/sh",
            "check=ask",
            'for name; do test "$name" = --no-ssh-key-check && check=no; done',
            'test "$1" = list && echo h1.example.net',
            'test "$1" = add || exit 0',
            f"echo {SECRET!r} | {ssh} && exit",
            f'printf "{failed}" "$name" >&2; exit 1',
        ]
        self.access.write("bin/gnt-node", "\n".join(lines) + "\n", 0o755)
        self.access.write("bin/gnt-cluster", '#!/bin/sh\necho "return code = 0"\n', 0o755)
        monkeypatch.setitem(BASE_ENVIRONMENT, "PATH", f"{folder}/bin:{BASE_ENVIRONMENT['PATH']}")

    def listens(self, host_key: Path) -> Any:
        """Run the SSH server of a machine with a host key, which lets in anybody's key of this test."""
        return sshd(self.folder, "machine", self.port, host_key=host_key, keys=self.folder / "login.pub")


def test_h2_the_pools_secrets_go_to_the_machine_that_signed_the_request(
    tmp_path: Path, own: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = JoiningMachine(tmp_path / "m", monkeypatch)
    with machine.listens(tmp_path / "own"):
        add_node.add(JoiningHost("localhost", (ADDRESS,), "0.1.0", "ganeti 3.1.0", "u2", key=own.public), machine.access)
    assert machine.received.read_text().strip() == SECRET


def test_h2_an_impostor_at_the_hosts_address_gets_nothing(tmp_path: Path, own: HostKey, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = JoiningMachine(tmp_path / "m", monkeypatch)
    key_pair(tmp_path / "impostor")
    before = machine.access.read("etc/hosts")
    host = JoiningHost("localhost", (ADDRESS,), "0.1.0", "ganeti 3.1.0", "u2", key=own.public)
    with machine.listens(tmp_path / "impostor"), pytest.raises(UserError, match="another machine answers") as caught:
        add_node.add(host, machine.access)
    assert not machine.received.exists()
    assert "localhost" in caught.value.message
    after = machine.access.read("etc/hosts")
    assert "localhost" not in after, "the name of a host that was not added"
    assert before in after
    assert not machine.access.path("var/lib/dom0kit/pool/adding").exists()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_h2_an_impostor_with_a_key_of_another_kind_gets_nothing(
    tmp_path: Path, own: HostKey, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    machine = JoiningMachine(tmp_path / "m", monkeypatch)
    host = JoiningHost("localhost", (ADDRESS,), "0.1.0", "ganeti 3.1.0", "u2", key=own.public)
    with machine.listens(key_pair(tmp_path / "impostor", kind)), pytest.raises(UserError, match="another machine answers"):
        add_node.add(host, machine.access)
    assert not machine.received.exists()
