"""One request to a pool over ssh, with a pinned host key and a single-purpose key.

The user's ssh configuration is ignored.

Apart from :mod:`dom0kit.process` this is the only module that starts a process: a request waits for
the pool's greeting, so that the clock in it is the one at arrival and not a minute old after a slow
machine's key exchange.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.process import environment
from dom0kit.untrusted.values import read_json
from pool.driver import Problem
from pool.join import openssh_keys
from pool.join.messages import LARGEST, JoinRefused, problem_from_json
from pool.join.token import NEW_HINT, JoinToken

ALIAS = "dom0kit-pool"
RAM_FOLDERS = (Path("/run"), Path("/dev/shm"))  # noqa: S108 - a private folder is made in the first of them; both are in RAM
CONNECT_SECONDS = 60
"""Connect to the pool's master by ssh (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: covers the key exchange of a busy master as well; one that is silent longer
is down, and the next address is tried. Expiry: the pool counts as unreachable, and the host asks
again.
"""
REQUEST_SECONDS = 480.0
"""Make one request to the pool's master by ssh.

Kind: cap. Reason: an emulated master needs half a minute to start the program that answers; ssh
notices a master that is down by ServerAliveInterval. Expiry: the pool counts as unreachable, and
the host asks again.
"""
ALIVE_SECONDS = 15
"""Interval of ssh's keepalive messages to the master (ServerAliveInterval of ssh_config(5)).

Kind: protocol. Reason: with their number it makes two minutes until a master whose power was cut is
given up; sshd answers before any program of the master's. Expiry: ssh ends, and the host asks
again.
"""
RETRY_HINT = "wait: the pool serves many hosts now, and this host retries automatically"
WRONG_KEY_HINT = (
    "check that the address is the pool's; if its host key was changed on purpose, compare it on the master "
    "(ssh-keygen -lf /etc/ssh/ssh_host_ecdsa_key.pub) and create a new token there"
)
SERVER_HINT = "check that the pool's master is up at this address, and its SSH server"
KEPT = 8192
"""Characters of ssh's and the pool's other output that are kept for the error."""
FAILED = 255
"""Exit code of ssh when ssh itself failed (ssh(1)); other codes are those of the command."""
SSH_ERRORS = (
    (
        r"host key verification failed|identification has changed",
        "pin",
        "the host key of {where} is not the pool's",
        WRONG_KEY_HINT,
    ),
    (r"no matching host key type", "pin", "{where} has no host key of the pool's type", WRONG_KEY_HINT),
    (
        r"permission denied \(|too many authentication failures",
        "token",
        "the pool at {where} does not accept the join token {id}",
        f"{NEW_HINT} (this one was revoked, or belongs to another pool)",
    ),
    (
        r"not allowed at this time|exceeded maxstartups|connection (closed|reset) by|kex_exchange_identification|broken pipe",
        "busy",
        "the pool at {where} closed the connection before it answered",
        RETRY_HINT,
    ),
    (r"connection refused", "unreachable", "{where} refuses the connection", SERVER_HINT),
    (
        r"no route to host|network is unreachable",
        "unreachable",
        "no route to {where}",
        "check cable, VLAN, address and gateway of this host",
    ),
    (r"timed out|timeout", "unreachable", "{where} does not answer", "check that the pool's master is up, and firewalls"),
)
"""Pattern of ssh's message, and the code, text and hint of the problem."""


def options(folder: Path) -> list[str]:
    """Return ssh's options (ssh_config(5)).

    Settings that are not given here must not come from a file.
    """
    values = {
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlgorithms": openssh_keys.P256,
        "HostKeyAlias": ALIAS,
        "CheckHostIP": "no",
        "UpdateHostKeys": "no",
        "IdentityFile": folder / "key",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "BatchMode": "yes",
        "ConnectTimeout": CONNECT_SECONDS,
        "ConnectionAttempts": 1,
        "ServerAliveInterval": ALIVE_SECONDS,
        "ServerAliveCountMax": 8,
        "ClearAllForwardings": "yes",
        "ControlPath": "none",
        "EscapeChar": "none",
        "LogLevel": "INFO",  # ssh says at this level that a negotiation failed or a connection was closed
    }
    return ["-F", "none", "-T", "-x", "-a", *(word for name, value in values.items() for word in ("-o", f"{name}={value}"))]


class KeyFiles:
    """The private key and the pinned host key as files in RAM, for the duration of the ``with``."""

    def __init__(self, token: JoinToken, public: Callable[[bytes], bytes] = openssh_keys.public_of) -> None:
        self._token, self._public = token, public
        self.folder = Path()

    def __enter__(self) -> KeyFiles:
        above = next((path for path in RAM_FOLDERS if os.access(path, os.W_OK)), None)
        self.folder = Path(tempfile.mkdtemp(prefix="dom0kit-pool-", dir=above))
        try:
            text = openssh_keys.private_key(self._token.seed, self._public(self._token.seed))
            with open(os.open(self.folder / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
            (self.folder / "known_hosts").write_text(f"{ALIAS} {openssh_keys.host_key_line(self._token.host_key)}\n")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def explain(errors: str, where: str, token: JoinToken) -> Problem:
    """Return the problem for ssh's error output.

    :param where: address and port, for the text.
    """
    for pattern, code, text, hint in SSH_ERRORS:
        if re.search(pattern, errors, re.IGNORECASE):
            value = {"code": code, "text": text.format(where=where, id=token.id), "hint": hint}
            return problem_from_json(value)
    return Problem("unreachable", f"the pool at {where} cannot be reached: {last_line(errors)}", SERVER_HINT)


def last_line(text: str) -> str:
    """Return the last line of a program's output."""
    return text.strip().splitlines()[-1].strip()[:200] if text.strip() else "no output"


def address_text(address: str, port: int) -> str:
    """Return an address for a sentence, without the default port."""
    if port == 22:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def send_request(
    token: JoinToken,
    keys: KeyFiles,
    address: str,
    word: str,
    request: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    seconds: float = REQUEST_SECONDS,
) -> dict[str, Any]:
    """Send one request and return the pool's reply.

    :param request: builds the object to send from the pool's greeting, called when the pool listens.
    :returns: the ``answer`` of the last line.
    :raises JoinRefused: when there is none, with the pool's problem or a transport problem.
    """
    where = address_text(address, token.port)
    argv = ["ssh", *options(keys.folder), "-p", str(token.port), "-l", "root", "--", address, word]
    try:
        child = subprocess.Popen(
            argv, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except FileNotFoundError as error:
        raise UserError("ssh is not installed", "install it: apt-get install openssh-client") from error
    with child:
        try:
            exchange = Exchange(child, time.monotonic() + seconds)
            last = exchange.run(request)
        finally:
            if child.poll() is None:
                child.kill()
    if "answer" in last and isinstance(last["answer"], dict):
        return last["answer"]
    if "problem" in last:
        value = last["problem"]
        address = value.get("address", "") if isinstance(value, dict) else ""
        raise JoinRefused(problem_from_json(value), address if isinstance(address, str) else "")
    if exchange.late:
        raise JoinRefused(
            Problem("unreachable", f"no answer from {where} within {seconds:.0f} s", "check the load of the master and retry")
        )
    if exchange.greeted:
        raise JoinRefused(Problem("busy", f"the connection to {where} was lost before the pool answered", RETRY_HINT))
    if child.returncode != FAILED:
        text = f"{where} accepts the join token but does not answer as a pool: {last_line(exchange.errors)}"
        raise JoinRefused(Problem("refused", text, "compare the dom0kit versions; check on the master: dom0ctl pool token list"))
    raise JoinRefused(explain(exchange.errors, where, token))


class Exchange:
    """The lines of one request within a time limit."""

    def __init__(self, child: subprocess.Popen[bytes], end: float) -> None:
        self._child, self._end = child, end
        self.errors = ""
        self.late = self.greeted = False

    def run(self, request: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Wait for the greeting, send the request, and read to the end.

        :returns: the last object; empty when there was none.
        """
        out, err = self._child.stdout, self._child.stderr
        assert out is not None
        assert err is not None
        pending = b""
        last: dict[str, Any] = {}
        open_files = [out.fileno(), err.fileno()]
        while open_files:
            left = self._end - time.monotonic()
            # The limit is for the whole request: a pool that never stops to send does not extend it.
            ready = select.select(open_files, [], [], left)[0] if left > 0 else []
            if not ready:
                self.late = True
                break
            for fd in ready:
                data = os.read(fd, 65536)
                if not data:
                    open_files.remove(fd)
                elif fd == err.fileno():
                    self.errors = (self.errors + data.decode(errors="replace"))[-KEPT:]
                else:
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        last = self._line(line, request) or last
                    pending = pending[-LARGEST:]
        return last

    def _line(self, line: bytes, request: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        try:
            value = read_json(line[:LARGEST])
        except ValueError:
            # A banner or the output of a login script; kept in case that there is no other output.
            self.errors = (self.errors + line[:KEPT].decode(errors="replace") + "\n")[-KEPT:]
            return {}
        if not isinstance(value, dict):
            return {}
        if "hello" in value and not self.greeted:
            self.greeted = True
            assert self._child.stdin is not None
            with suppress(BrokenPipeError):
                self._child.stdin.write((json.dumps(request(value)) + "\n").encode())
                self._child.stdin.flush()
        return value
