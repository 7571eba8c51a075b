"""One request to a pool over a real sshd on loopback: keys, the pinned host key, what goes wrong and what is said of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from loop_devices import output

from dom0kit.errors import UserError
from dom0kit.process import BASE_ENVIRONMENT
from pool.join import openssh_keys, ssh_transport
from pool.join.messages import JoinRefused
from pool.join.token import JoinToken
from pool.join.token_store import TokenRecord, keys_text

ADDRESS = "127.0.0.1"
HELLO = """import json, sys
print(json.dumps({"hello": 1}), flush=True)
"""
ECHO = (
    HELLO
    + """request = json.loads(sys.stdin.readline())
print(json.dumps({"answer": {"heard": request, "argv": sys.argv[1:], "word": __import__("os").environ["SSH_ORIGINAL_COMMAND"]}}))
"""
)


class Pool:
    """An sshd that runs a program for the token's key, as a pool's master does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind((ADDRESS, 0))
            self.port = free.getsockname()[1]
        output("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", folder / "host_key")
        self.token = JoinToken(self.host_key("host_key"), os.urandom(32), (ADDRESS,), self.port)
        self.program = folder / "answer.py"
        self.answer(ECHO)
        self.let_in(self.token)
        config = [
            f"Port {self.port}",
            f"ListenAddress {ADDRESS}",
            f"HostKey {folder}/host_key",
            f"AuthorizedKeysFile {folder}/keys",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
        ]
        (folder / "sshd_config").write_text("\n".join(config) + "\n")

    def host_key(self, name: str) -> bytes:
        """Return a host key of this folder in the form that tokens have."""
        return openssh_keys.short_host_key((self.folder / f"{name}.pub").read_text())

    def answer(self, program: str) -> None:
        """Set what the forced command runs."""
        self.program.write_text(program)

    def let_in(self, token: JoinToken | None) -> None:
        """Write the file of keys as the token store does, with one token's key or none."""
        entries = []
        if token is not None:
            key = openssh_keys.ed25519_line(openssh_keys.public_of(token.seed))
            entries.append(TokenRecord(token.id, key, time.time(), time.time() + 3600))
        (self.folder / "keys").write_text(keys_text(entries, time.time(), f"{sys.executable} {self.program}"))

    def start(self) -> subprocess.Popen[bytes]:
        """Start the server and wait until it listens."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = (self.folder / "sshd.log").open("wb")
        with log:
            argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config")]
            server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while "Server listening" not in (self.folder / "sshd.log").read_text():
            assert server.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < end, "sshd does not listen"
            time.sleep(0.05)
        return server


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """Run a pool that answers on loopback."""
    made = Pool(tmp_path)
    server = made.start()
    try:
        yield made
    finally:
        server.terminate()
        server.wait(60)


def ask(
    pool: Pool,
    token: JoinToken | None = None,
    *,
    word: str = "ask",
    request: Callable[[dict[str, Any]], dict[str, Any]] = lambda hello: {"name": "h1"},
    seconds: float = 300,
) -> dict[str, Any]:
    """Make one request with a token's key, by default the right one."""
    token = token or pool.token
    with ssh_transport.KeyFiles(token) as keys:
        return ssh_transport.send_request(token, keys, ADDRESS, word, request, seconds=seconds)


def refusal(pool: Pool, token: JoinToken | None = None, **settings: Any) -> tuple[str, str]:
    """Return the code and the text of the problem that a request ends with."""
    with pytest.raises(JoinRefused) as caught:
        ask(pool, token, **settings)
    return caught.value.problem.code, caught.value.problem.text


def test_the_forced_command_hears_the_request_and_answers(pool: Pool) -> None:
    heard = ask(pool, word="join", request=lambda hello: {"name": "grün", "clock": 12.5})
    assert heard == {"heard": {"name": "grün", "clock": 12.5}, "argv": [pool.token.id], "word": "join"}


def test_the_request_is_made_when_the_pool_listens(pool: Pool) -> None:
    """Send the clock of the moment when the request arrives, however long the server needed."""
    pool.answer("import time\ntime.sleep(2)\nopen(__file__ + '.greeted', 'w').write('x')\n" + ECHO)
    flag = pool.program.with_name("answer.py.greeted")
    assert ask(pool, request=lambda hello: {"greeted": flag.exists()})["heard"] == {"greeted": True}


def test_the_key_is_private_and_gone_afterwards(pool: Pool) -> None:
    with ssh_transport.KeyFiles(pool.token) as keys:
        folder = keys.folder
        assert (folder / "key").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        printed = output("ssh-keygen", "-y", "-f", folder / "key").split()[:2]
        assert printed == openssh_keys.ed25519_line(openssh_keys.public_of(pool.token.seed)).split()
    assert not folder.exists()


def test_another_host_key_is_never_spoken_to(pool: Pool) -> None:
    output("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", pool.folder / "other")
    pool.answer(f"open('{pool.folder}/was-run', 'w')\n" + ECHO)
    code, text = refusal(pool, replace(pool.token, host_key=pool.host_key("other")))
    assert (code, f"{ADDRESS}:{pool.port}" in text) == ("pin", True)
    assert not (pool.folder / "was-run").exists()


def test_a_server_without_a_key_of_the_pools_kind_is_another_one(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    other = Pool(tmp_path / "second")
    output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other.folder / "ed25519")
    config = other.folder / "sshd_config"
    config.write_text(config.read_text().replace("/host_key", "/ed25519"))
    server = other.start()
    try:
        code, text = refusal(other)
        assert code == "pin", text
    finally:
        server.terminate()
        server.wait(60)


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"], ids=["at once", "in the key exchange"])
def test_a_server_that_closes_the_connection_is_busy(tmp_path: Path, greeting: bytes) -> None:
    """Close the connection as an sshd does that has too many (MaxStartups) or that is restarted."""
    pool = Pool(tmp_path)

    def close() -> None:
        connection = server.accept()[0]
        with connection:
            connection.sendall(greeting)
            if greeting:
                connection.recv(65536)

    with socket.create_server((ADDRESS, pool.port)) as server:
        thread = threading.Thread(target=close)
        thread.start()
        code, text = refusal(pool)
        thread.join()
    assert code == "busy", text


def test_a_key_that_is_not_let_in(pool: Pool) -> None:
    pool.let_in(None)
    code, text = refusal(pool)
    assert code == "token"
    assert pool.token.id in text


def test_nobody_listens(tmp_path: Path) -> None:
    code, text = refusal(Pool(tmp_path))
    assert (code, text.startswith("127.0.0.1:")) == ("unreachable", True)


def test_a_server_that_is_silent_costs_no_more_than_the_time_given(pool: Pool) -> None:
    pool.answer("import os, time\nopen(__file__ + '.pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    begin = time.monotonic()
    code, text = refusal(pool, seconds=8)
    assert time.monotonic() - begin < 120
    assert (code, "within 8 s" in text) == ("unreachable", True)


def test_a_connection_that_is_lost_after_the_greeting(pool: Pool) -> None:
    pool.answer(HELLO + "sys.stdin.readline()\nsys.exit(3)\n")
    assert refusal(pool)[0] == "busy"


def test_the_pools_own_problem_with_the_address_of_its_master(pool: Pool) -> None:
    problem = {"problem": {"code": "moved", "text": "the master is elsewhere", "address": "192.0.2.9"}}
    pool.answer(HELLO + f"sys.stdin.readline()\nprint(json.dumps({problem!r}))\n")
    with pytest.raises(JoinRefused) as caught:
        ask(pool)
    assert (caught.value.problem.code, caught.value.address) == ("moved", "192.0.2.9")


def test_a_banner_before_the_greeting_is_passed_over(pool: Pool) -> None:
    pool.answer("print('Welcome to this machine')\nprint('[1, 2]')\nprint('{broken')\n" + ECHO)
    assert ask(pool)["word"] == "ask"


def test_a_machine_that_is_no_pool(pool: Pool) -> None:
    pool.answer("print('This account is not available.')\n")
    code, text = refusal(pool)
    assert code == "refused"
    assert "This account is not available." in text


def test_more_than_a_line_may_hold_is_no_answer(pool: Pool) -> None:
    pool.answer(HELLO + "sys.stdin.readline()\nsys.stdout.write('x' * 20_000_000)\n")
    assert refusal(pool)[0] == "busy"


def test_a_client_that_is_not_there(pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:

    with ssh_transport.KeyFiles(pool.token) as keys:
        monkeypatch.setitem(BASE_ENVIRONMENT, "PATH", str(tmp_path))
        with pytest.raises(UserError, match="ssh is not installed"):
            ssh_transport.send_request(pool.token, keys, ADDRESS, "ask", dict)
