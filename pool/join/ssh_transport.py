"""One request to a pool by ssh: with a pinned host key and a one-purpose key, and nothing of the user's own configuration.

This is the one place beside :mod:`dom0kit.process` that starts a process: a request waits for the pool's first line, so that the
clock that it carries is that of its arrival and not of the minute that a slow machine needs for ssh's key exchange.
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
from pool.driver import Problem
from pool.join import openssh_keys
from pool.join.messages import LARGEST, Refused, problem_from_json
from pool.join.token import NEW, JoinToken

ALIAS = "dom0kit-pool"
PRIVATE = (Path("/run"), Path("/dev/shm"))  # noqa: S108 - a private folder is made in the first of them; both are in RAM
CONNECT_SECONDS = 60
"""Connect to the pool's master by ssh (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: covers the key exchange of a busy master as well; one that is silent longer is down, and the next
address is asked. Expiry: the pool counts as unreachable, and the host comes again.
"""
SECONDS = 480.0
"""Make one request to the pool's master by ssh.

Kind: cap. Reason: an emulated master needs half a minute to start the program that answers; ssh notices a master that has
gone by ServerAliveInterval. Expiry: the pool counts as unreachable, and the host comes again.
"""
ALIVE_SECONDS = 15
"""Interval of ssh's questions whether the master is there (ServerAliveInterval of ssh_config(5)).

Kind: protocol. Reason: with the number of questions it makes two minutes until a master whose power was cut is given up; sshd
answers before any program of the master's. Expiry: ssh ends, and the host comes again.
"""
AGAIN = "the pool is asked by many hosts now; this one comes again by itself"
OTHER_PIN = (
    "another machine answers at this address, or the pool's host key was changed on purpose: compare with 'ssh-keygen -lf "
    "/etc/ssh/ssh_host_ecdsa_key.pub' on the master, and make a new token there"
)
SERVER = "is the pool's master up, and this its address? look at its SSH server"
FAILED = 255
"""ssh's exit code when it is ssh that failed (ssh(1)); others are those of the command."""
WHY = (
    (r"host key verification failed|identification has changed", "pin", "{where} has another host key than the pool", OTHER_PIN),
    (r"no matching host key type", "pin", "{where} has no host key of the pool's kind", OTHER_PIN),
    (
        r"permission denied \(|too many authentication failures",
        "token",
        "the pool at {where} does not let the join token {id} in",
        f"it was revoked, or belongs to another pool; {NEW}",
    ),
    (
        r"not allowed at this time|exceeded maxstartups|connection (closed|reset) by|kex_exchange_identification|broken pipe",
        "busy",
        "the pool at {where} ended the connection before it had answered",
        AGAIN,
    ),
    (r"connection refused", "unreachable", "nobody listens at {where}", SERVER),
    (
        r"no route to host|network is unreachable",
        "unreachable",
        "there is no way to {where}",
        "look at cable, VLAN, address and gateway of this host",
    ),
    (r"timed out|timeout", "unreachable", "{where} does not answer", "is the pool's master up, and is a firewall between?"),
)
"""What ssh says (a pattern), the problem's code, its text and its hint."""


def options(folder: Path) -> list[str]:
    """ssh's options (ssh_config(5)): what is not said here may not come from a file."""
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


class Keys:
    """The key and the pinned host key as files in RAM, for as long as the ``with`` lasts."""

    def __init__(self, token: JoinToken, public: Callable[[bytes], bytes] = openssh_keys.public_of) -> None:
        self._token, self._public = token, public
        self.folder = Path()

    def __enter__(self) -> Keys:
        above = next((path for path in PRIVATE if os.access(path, os.W_OK)), None)
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
    """What went wrong, from what ssh said."""
    for pattern, code, text, hint in WHY:
        if re.search(pattern, errors, re.IGNORECASE):
            value = {"code": code, "text": text.format(where=where, id=token.id), "hint": hint}
            return problem_from_json(value)
    return Problem("unreachable", f"the pool at {where} could not be asked: {last_line(errors)}", SERVER)


def last_line(text: str) -> str:
    """What a program said last."""
    return text.strip().splitlines()[-1].strip()[:200] if text.strip() else "it said nothing"


def shown(address: str, port: int) -> str:
    """An address for a sentence; the usual port is left out."""
    if port == 22:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def speak(
    token: JoinToken, keys: Keys, address: str, word: str, request: Callable[[], dict[str, Any]], *, seconds: float = SECONDS
) -> dict[str, Any]:
    """One request.

    :param request: makes the object to send, at the moment when the pool listens.
    :returns: the last line's ``answer``.
    :raises Refused: when there is none, with the pool's problem or one of the way to it.
    """
    where = shown(address, token.port)
    argv = ["ssh", *options(keys.folder), "-p", str(token.port), "-l", "root", "--", address, word]
    try:
        child = subprocess.Popen(
            argv, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except FileNotFoundError as error:
        raise UserError("the program ssh is not installed", "apt-get install openssh-client") from error
    with child:
        try:
            talk = Talk(child, time.monotonic() + seconds)
            last = talk.run(request)
        finally:
            if child.poll() is None:
                child.kill()
    if "answer" in last and isinstance(last["answer"], dict):
        return last["answer"]
    if "problem" in last:
        value = last["problem"]
        address = value.get("address", "") if isinstance(value, dict) else ""
        raise Refused(problem_from_json(value), address if isinstance(address, str) else "")
    if talk.late:
        raise Refused(
            Problem("unreachable", f"no answer from {where} within {seconds:.0f} s", "is the master overloaded? try again")
        )
    if talk.greeted:
        raise Refused(Problem("busy", f"the connection to {where} was lost before the pool had answered", AGAIN))
    if child.returncode != FAILED:
        text = f"{where} lets the join token in, and does not answer as a pool: {last_line(talk.errors)}"
        raise Refused(
            Problem("refused", text, "is dom0kit on the master as new as on this image? on the master: dom0ctl pool token list")
        )
    raise Refused(explain(talk.errors, where, token))


class Talk:
    """The lines of one conversation, within a time."""

    def __init__(self, child: subprocess.Popen[bytes], end: float) -> None:
        self._child, self._end = child, end
        self.errors = ""
        self.late = self.greeted = False

    def run(self, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Greet, send, and read to the end.

        :returns: the last object; an empty one when there was none.
        """
        out, err = self._child.stdout, self._child.stderr
        assert out is not None
        assert err is not None
        pending = b""
        last: dict[str, Any] = {}
        open_files = [out.fileno(), err.fileno()]
        while open_files:
            left = self._end - time.monotonic()
            ready, _, _ = select.select(open_files, [], [], max(left, 0.0))
            if not ready:
                self.late = True
                break
            for fd in ready:
                data = os.read(fd, 65536)
                if not data:
                    open_files.remove(fd)
                elif fd == err.fileno():
                    self.errors = (self.errors + data.decode(errors="replace"))[-8192:]
                else:
                    *lines, pending = (pending + data).split(b"\n")
                    for line in lines:
                        last = self._line(line, request) or last
                    pending = pending[-LARGEST:]
        return last

    def _line(self, line: bytes, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            value = json.loads(line[:LARGEST])
        except (ValueError, RecursionError):
            # A banner, or a login script that talks; kept for the case that nothing else comes.
            self.errors += line.decode(errors="replace") + "\n"
            return {}
        if not isinstance(value, dict):
            return {}
        if "hello" in value and not self.greeted:
            self.greeted = True
            assert self._child.stdin is not None
            with suppress(BrokenPipeError):
                self._child.stdin.write((json.dumps(request()) + "\n").encode())
                self._child.stdin.flush()
        return value
