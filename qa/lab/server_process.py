"""A server as a child process: start it, wait until it is ready, stop it cleanly."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from dom0kit.process import environment
from qa import timeouts
from qa.errors import ScenarioFailed
from qa.vm.polling import poll

READY_SECONDS = 300.0
STOP_SECONDS = 200.0


class Server:
    """A child process that serves inside a ``with`` block; its output is a file among the artifacts.

    :param argv: the complete command, in a namespace or not.
    :param ready: a regular expression that its output matches as soon as it serves.
    :param log: the file for its output.
    :raises ScenarioFailed: when it ends before it is ready, or is not ready within the limit.
    """

    def __init__(self, name: str, argv: Sequence[str], *, ready: str, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.argv = list(argv)
        self.log = log
        self._ready = re.compile(ready)
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def output(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as file:
            begin = file.tell()
            # SIGTERM and not SIGKILL when the harness dies: a server must end its own children.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *self.argv],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(self._env),
                start_new_session=True,
            )
        process = self._process

        def output() -> str:
            return f"its output:\n{self.output[begin:].strip()}"

        def runs() -> None:
            if process.poll() is not None:
                raise ScenarioFailed(f"the server {self.name} ended with exit code {process.returncode}; {output()}")

        what = f"server {self.name} that is ready"
        try:
            poll(
                lambda: self._ready.search(self.output, begin),
                what,
                limit=READY_SECONDS,
                interval=0.05,
                still_possible=runs,
                evidence=output,
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int | None:
        """End it and return its exit code; kill it when it ignores the signal. Harmless when it does not run.

        :raises ScenarioFailed: when it had to be killed.
        """
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeouts.patient(STOP_SECONDS))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ScenarioFailed(f"the server {self.name} did not end after SIGTERM:\n{self.output[-500:]}") from None

    @property
    def running(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.poll() is None
