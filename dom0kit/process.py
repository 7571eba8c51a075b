"""Run commands: argv list, built environment, standard input closed, output kept.

>>> run(["true"]).returncode
0
"""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from dom0kit.errors import OF_HARDWARE, UserError

COMMAND_SECONDS = 1800
"""Run a command that changes something on this machine, such as mount(8) or systemctl(1).

Kind: cap. Reason: no command of this kind takes a tenth of it on a machine four times slower than an idle one. Expiry: the
command is killed, and the error names it and the time.
"""
QUERY_SECONDS = 300
"""Run a command that only reads what the kernel or a daemon knows, such as ip(8) or lsblk(8).

Kind: cap. Reason: no command of this kind takes a tenth of it on a machine four times slower than an idle one. Expiry: the
command is killed, and the error names it and the time.
"""
GRACE_SECONDS = 300
"""Let an interrupted command clean up after SIGTERM, such as mmdebstrap(1), which unmounts and removes its tree.

Kind: cap. Reason: removing a tree takes seconds, and a minute on a machine four times slower than an idle one. Expiry: the
command and all that it has started are killed.
"""

TAIL_LINES = 15
BASE_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


@dataclass(frozen=True)
class Result:
    """A command's result; ``output`` is standard output, ``errors`` standard error (empty when streamed)."""

    argv: tuple[str, ...]
    returncode: int
    output: str
    errors: str
    seconds: float


class CommandFailed(UserError):
    """A command exited with a code other than 0; shown ready to paste, with its last output."""

    def __init__(self, argv: Sequence[str], returncode: int, tail: str, hint: str = "") -> None:
        self.argv = tuple(argv)
        self.returncode = returncode
        self.tail = tail
        how = f"was killed by signal {-returncode}" if returncode < 0 else f"exited with {returncode}"
        if returncode == -signal.SIGBUS and not hint:
            # The kernel cannot read a page of the program or of a file that it maps.
            hint = "the disk or medium that holds the program fails; see 'dmesg'"
        text = f"{Path(argv[0]).name} {how}: {shlex.join(argv)}"
        if tail:
            text += "\n" + "\n".join(f"    {line}" for line in tail.splitlines()[-TAIL_LINES:])
        super().__init__(text, hint)


class Runner(Protocol):
    """Run a command to its end, as :func:`run` does; tests give a stand-in."""

    def __call__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        /,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | bytes | None = None,
        check: bool = True,
        timeout: float | None = None,
        hint: str = "",
    ) -> Result:
        """Run a command; see :func:`run`."""
        ...


def environment(extra: Mapping[str, str] | None = None, *, inherit: Sequence[str] = ()) -> dict[str, str]:
    """Return a command's environment: the base, the variables named in ``inherit``, then ``extra``.

    HOME, TERM and proxy settings are always included: package downloads need them.
    """
    keep = ("HOME", "TERM", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
    env = dict(BASE_ENVIRONMENT)
    env.update({name: os.environ[name] for name in (*keep, *inherit) if name in os.environ})
    env.update(extra or {})
    return env


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | bytes | None = None,
    check: bool = True,
    timeout: float | None = None,
    hint: str = "",
) -> Result:
    """Run a command to its end and keep its output.

    :param env: variables in addition to the base environment (see :func:`environment`).
    :param stdin: standard input; closed when None.
    :param timeout: seconds; after them the command is killed and CommandFailed is raised.
    :raises CommandFailed: on a non-zero exit code when ``check`` is set.
    :raises UserError: when the program is not installed.
    """
    words = [os.fspath(word) for word in argv]
    start = time.monotonic()
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(
            words,
            env=environment(env),
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise _not_started(words, cwd, hint, error) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(words, -9, f"timed out after {timeout} s", hint) from error
    output = done.stdout.decode(errors="replace")
    errors = done.stderr.decode(errors="replace")
    if check and done.returncode != 0:
        raise CommandFailed(words, done.returncode, (errors.strip() or output.strip()), hint)
    return Result(tuple(words), done.returncode, output, errors, time.monotonic() - start)


def stream(
    argv: Sequence[str | os.PathLike[str]],
    *,
    log: IO[str],
    on_line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    hint: str = "",
    terminal: bool = False,
    keep_open: Sequence[int] = (),
) -> Result:
    """Run a long command; pass every line of its output immediately to ``log`` and ``on_line``.

    Carriage returns count as line ends, so that progress meters can be followed.

    :param terminal: let the command write to a pseudo-terminal, for programs that show progress only there.
    :param keep_open: file descriptors that the command inherits.
    :raises CommandFailed: on a non-zero exit code; its tail is the last lines of both outputs.
    """
    words = [os.fspath(word) for word in argv]
    start = time.monotonic()
    log.write(f"+ {shlex.join(words)}\n")
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    reading, writing = _terminal() if terminal else os.pipe()
    try:
        child = subprocess.Popen(
            words,
            env=environment(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.STDOUT,
            pass_fds=keep_open,
            # A group of its own: when this is interrupted, the command ends with all that it has started.
            start_new_session=True,
        )
    except OSError as error:
        os.close(reading)
        raise _not_started(words, cwd, hint, error) from error
    finally:
        os.close(writing)
    try:
        for line in _lines(reading):
            log.write(line + "\n")
            log.flush()
            tail.append(line)
            if on_line:
                on_line(line)
        returncode = child.wait()
    except BaseException:
        _end(child)
        raise
    finally:
        os.close(reading)
    if returncode != 0:
        raise CommandFailed(words, returncode, "\n".join(tail), hint)
    return Result(tuple(words), returncode, "", "", time.monotonic() - start)


def _lines(reading: int) -> Iterator[str]:
    """Yield the lines that arrive at a file descriptor, without empty ones; a carriage return ends a line, too."""
    pending = b""
    while chunk := _read(reading):
        *lines, pending = (pending + chunk.replace(b"\r", b"\n")).split(b"\n")
        for raw in lines:
            if line := raw.decode(errors="replace").rstrip():
                yield line
    if line := pending.decode(errors="replace").rstrip():
        yield line


def _not_started(words: Sequence[str], cwd: Path | None, hint: str, error: OSError) -> UserError:
    """Return the error for a command that could not be started: program or working directory are missing or cannot be read."""
    if not isinstance(error, FileNotFoundError):
        fails = "the disk or medium that holds it fails; see 'dmesg'" if error.errno in OF_HARDWARE else ""
        return UserError(f"cannot run {words[0]}: {error.strerror}", hint or fails)
    if cwd is not None and not cwd.is_dir():
        return UserError(f"cannot run {words[0]}: the folder {cwd} does not exist", hint)
    return UserError(f"the program {words[0]} is not installed", hint or f"install it; it was needed to run: {shlex.join(words)}")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Terminate a command that leads a process group, with all its children; return when it has exited."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _terminal() -> tuple[int, int]:
    """Open a pseudo-terminal of 80 columns; without a width, programs draw no progress bar."""
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return reading, writing


def _read(fd: int) -> bytes:
    """Read what is available; b"" at the end, which a pseudo-terminal reports as EIO."""
    try:
        return os.read(fd, 65536)
    except OSError as error:
        if error.errno == errno.EIO:
            return b""
        raise
