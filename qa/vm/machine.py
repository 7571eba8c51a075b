"""One QEMU machine, from power-on to its end."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TextIO

from dom0kit.process import environment
from qa import timeouts
from qa.errors import ScenarioFailed
from qa.observers import Watcher
from qa.recording.recorder import Recorder
from qa.vm.channels import Channels, Message, connect
from qa.vm.guest import Guest
from qa.vm.guest_progress import Progress
from qa.vm.machine_time import CLOCK, Meter, meter
from qa.vm.polling import poll
from qa.vm.qemu_args import OVMF_VARS, MachineSpec, argv
from qa.vm.running import RUNNING
from qa.vm.serial_console import Console
from qa.vm.waits import Waits

FAST = 2**33
"""Bytes per second for writing a machine's state: no limit, since nothing else competes."""
PDEATHSIG = ("setpriv", "--pdeathsig", "KILL")
"""Prefix of QEMU's command line: QEMU ends with the harness even when the harness is killed."""


class Machine(Waits):
    """A QEMU machine that runs inside a ``with`` block and is ended at its exit, whatever happens.

    :param name: its purpose, such as ``install``; names its artifacts.
    :param artifacts: the scenario's folder for logs and screenshots.
    :param expected_failures: sources whose ``failed`` events do not fail the scenario.
    :param stop_at_fatal: end a wait at once when the console shows a panic or a maintenance shell.
    """

    def __init__(
        self,
        spec: MachineSpec,
        name: str,
        artifacts: Path,
        *,
        expected_failures: tuple[str, ...] = (),
        stop_at_fatal: bool = True,
    ) -> None:
        self.spec = spec
        self.name = name
        self.artifacts = artifacts
        self._expected_failures = expected_failures
        self._stop_at_fatal = stop_at_fatal
        self._process: subprocess.Popen[bytes] | None = None
        self._channels: Channels | None = None
        self._files: list[IO[Any]] = []
        self._shots = 0
        self._meter: Meter | None = None
        self.seconds = 0.0
        self.began = 0.0
        self.screenshots: list[Path] = []
        self.watchers: list[Watcher] = []

    def __enter__(self) -> Machine:
        try:
            self._start()
        except BaseException:
            self.crash()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            for watcher in self.watchers:
                watcher.machine_ends(self, error)
            if self._channels and self.running:
                self._channels.checking = False
                self.screenshot("failed" if kind else "end")
        except (ScenarioFailed, OSError):
            pass  # a machine without a screenshot must still be ended
        finally:
            self.crash()

    @property
    def channels(self) -> Channels:
        """Return the channels of the running machine."""
        assert self._channels, "the machine is not started"
        return self._channels

    @property
    def started(self) -> bool:
        """Return whether the machine was started, so that it has a console and a list of events."""
        return self._channels is not None

    @property
    def running(self) -> bool:
        """Return whether QEMU runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def events(self) -> list[Message]:
        """Return the events so far."""
        return self.channels.events

    @property
    def console_text(self) -> str:
        """Return the console's text so far, without escape sequences."""
        return self.channels.transcript.text

    def artifact(self, kind: str, suffix: str) -> Path:
        """Return the path of an artifact of this machine, such as ``console-install.log``."""
        return self.artifacts / f"{kind}-{self.name}.{suffix}"

    def _open(self, kind: str, suffix: str) -> TextIO:
        file = self.artifact(kind, suffix).open("w")
        self._files.append(file)
        return file

    def _start(self) -> None:
        spec = self.spec
        spec.folder.mkdir(parents=True, exist_ok=True)
        self.artifacts.mkdir(parents=True, exist_ok=True)
        if spec.firmware == "uefi" and not spec.variable_store.exists():
            shutil.copyfile(OVMF_VARS, spec.variable_store)
        words = argv(spec)
        self.artifact("qemu", "txt").write_text(shlex.join(words) + "\n")
        output = self._open("qemu", "log")
        # A session of its own: Ctrl-C reaches the harness alone, which still takes a screenshot and ends QEMU itself.
        self._process = subprocess.Popen(
            [*PDEATHSIG, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(inherit=("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XAUTHORITY")),
            start_new_session=True,
        )
        try:
            lines = [connect(path, lambda: self.running) for path in (spec.serial_socket, spec.event_socket, spec.qmp_socket)]
        except ScenarioFailed as error:
            raise ScenarioFailed(f"{error}: {self.artifact('qemu', 'log').read_text().strip()}") from None
        self._channels = Channels(
            *lines,
            console_log=self._open("console", "log"),
            event_log=self._open("events", "jsonl"),
            expected_failures=self._expected_failures,
            stop_at_fatal=self._stop_at_fatal,
        )
        self._meter = meter(self._process.pid)
        CLOCK.register(self._meter)
        RUNNING.append(self)
        self._channels.progress = Progress(self._meter)
        self.began = time.monotonic()
        self.qmp("qmp_capabilities")
        if spec.state:
            self._wait_migration()
        self.qmp("cont")
        self._channels.recorder = Recorder(self.artifacts / f"frames-{self.name}")

    def qmp(self, command: str, arguments: Message | None = None, limit: float = timeouts.QEMU) -> Any:
        """Send QEMU a command and return its reply.

        :param limit: seconds of machine time for the reply.
        :raises ScenarioFailed: when QEMU refuses the command, has ended, or does not reply within the limit.
        """
        number = self.channels.send_qmp(command, arguments or {})

        def runs() -> None:
            if not self.running:
                raise ScenarioFailed(f"QEMU ended before it answered to {command}")

        answers, pump = self.channels.answers, self.channels.pump
        what = f"answer of QEMU to {command}"
        poll(lambda: number in answers, what, limit=limit, interval=0.2, pause=pump, still_possible=runs)
        answer = answers.pop(number)
        if "error" in answer:
            raise ScenarioFailed(f"QEMU refuses {command}: {answer['error'].get('desc')}")
        return answer["return"]

    def save(self, path: Path, disks: Callable[[], object]) -> None:
        """Write the machine's state to a file, from which other machines can continue any number of times; then continue.

        :param disks: called while the machine is stopped: copies the disks that belong to that state.
        """
        self.qmp("stop")
        self.qmp("migrate-set-parameters", {"max-bandwidth": FAST})
        self.qmp("migrate", {"uri": f"exec:cat >{shlex.quote(str(path))}"})
        self._wait_migration()
        disks()
        self.qmp("cont")

    def _wait_migration(self) -> None:
        """Wait until the state is written or read.

        :raises ScenarioFailed: when the migration fails.
        """

        def completed() -> bool:
            status = self.qmp("query-migrate").get("status")
            if status == "failed":
                raise ScenarioFailed("the machine's state cannot be saved or loaded: QEMU's migration failed")
            return bool(status == "completed")

        what = f"end of QEMU's migration of {self.name}"
        poll(completed, what, limit=timeouts.COMMAND, interval=0.5, pause=self.channels.pump)

    def console(self) -> Console:
        """Return a dialogue on the serial console that begins at the last reset."""
        return Console(self.channels)

    def screenshot(self, label: str) -> Path:
        """Write the VGA screen as a PNG file to the artifacts and return its path."""
        self._shots += 1
        path = self.artifact(f"screen-{self._shots}", "png").with_name(f"screen-{self.name}-{self._shots}-{label}.png")
        self.qmp("screendump", {"filename": str(path.resolve()), "format": "png"})
        self.screenshots.append(path)
        return path

    def snapshot(self, name: str) -> None:
        """Save the machine's state, memory and disks, under a name in its first qcow2 disk; the machine continues.

        :raises ScenarioFailed: when QEMU cannot.
        """
        output = self.qmp("human-monitor-command", {"command-line": f"savevm {name}"}, limit=timeouts.COMMAND)
        if output.strip():
            raise ScenarioFailed(f"QEMU made no snapshot: {output.strip()}")

    def set_link(self, card: int, *, up: bool) -> None:
        """Connect or disconnect the cable of a network card by its number."""
        self.qmp("set_link", {"name": f"nic{card}", "up": up})

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass while the channels are read."""
        self.channels.drain(seconds)

    def rest(self, seconds: float) -> None:
        """Let ``seconds`` of machine time pass: the guest takes a key from its keyboard, which holds few, only while it runs."""
        end = CLOCK.now() + seconds
        while self.running and CLOCK.now() < end:
            self.sleep(seconds / 5)

    def shutdown(self, guest: Guest) -> str:
        """Power the guest off and wait until the machine has ended; return QEMU's reason, ``guest-shutdown`` when all is right.

        :param guest: executes the command in this machine.
        :raises TimedOut: when the machine does not end within ``timeouts.REBOOT``.
        """
        guest.execute("systemctl poweroff --no-block; true")
        return self.wait_for_shutdown()

    def reboot(self, guest: Guest) -> str:
        """Reboot the guest and wait until the machine has ended; for machines that a reset ends (``reset_ends``).

        :param guest: executes the command in this machine.
        :return: QEMU's reason, ``guest-reset`` when all is right.
        :raises TimedOut: when the machine does not end within ``timeouts.REBOOT``.
        """
        guest.execute("systemctl reboot --no-block; true")
        return self.wait_for_shutdown()

    @property
    def pid(self) -> int:
        """Return QEMU's process number."""
        assert self._process, "the machine is not started"
        return self._process.pid

    @property
    def cpu_seconds(self) -> float:
        """Return the processor time in seconds that QEMU used so far."""
        return self._meter.used if self._meter else 0.0

    @property
    def starved_seconds(self) -> float:
        """Return the seconds in which QEMU was ready to run and got no processor."""
        return self._meter.starved if self._meter else 0.0

    def crash(self) -> None:
        """Cut the power: end QEMU at once, so that what the guest had not flushed is lost. Harmless when it has ended."""
        if self in RUNNING:
            RUNNING.remove(self)
        if self._meter:
            CLOCK.now()
            CLOCK.forget(self._meter)
            self.seconds = self.seconds or time.monotonic() - self.began
        if self._process:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
        if self._channels:
            if self._channels.recorder:
                self._channels.recorder.close()
            self._channels.close()
        while self._files:
            self._files.pop().close()
