"""A scenario is held at its failure: what is printed, who has the console, and that it goes on."""

from __future__ import annotations

import io
import os
import socket
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from qa.errors import ScenarioFailed
from qa.failure.recorder import FailureRecorder
from qa.guest.ssh_access import Credentials
from qa.interactive import stop
from qa.result_files import EXPLANATION_TEXT
from qa.scenario import Scenario, Settings
from qa.vm.channels import Channels, connect
from qa.vm.machine import Machine
from qa.vm.qemu_args import MachineSpec, Nic
from qa.vm.running import RUNNING


class Recorder:
    """Explains any failure in one line."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def write(self, error: BaseException) -> None:
        self._scenario.folder.mkdir(parents=True)
        (self._scenario.folder / EXPLANATION_TEXT).write_text(f"{error}\n")


def test_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(artifacts=tmp_path)
    settings.__dict__["credentials"] = Credentials("secret", "hash", tmp_path / "key", "public")
    scenario = Scenario("s", settings)
    keyboard, enter = os.pipe()
    os.write(enter, b"\n")
    # A path of a socket ends at 107 bytes, which pytest's folders may exceed.
    with tempfile.TemporaryDirectory() as short, os.fdopen(keyboard) as stdin, socket.socket(socket.AF_UNIX) as server:
        monkeypatch.setattr(sys, "stdin", stdin)
        machine = Machine(MachineSpec(Path(short), nics=(Nic(ssh_port=2222),), interactive=True), "host", tmp_path)
        server.bind(str(machine.spec.serial_socket))
        server.listen(1)
        console = connect(machine.spec.serial_socket, lambda: True)
        first, _ = server.accept()
        pairs = [socket.socketpair() for _ in range(2)]
        channels = Channels(console, *(near for near, _ in pairs), console_log=io.StringIO(), event_log=io.StringIO())
        machine._channels = channels
        machine._process = cast(Any, SimpleNamespace(poll=lambda: None, pid=os.getpid()))
        scenario.machines.append(machine)
        RUNNING.append(machine)
        try:
            with closing(channels):
                stop.hold(scenario, cast(FailureRecorder, Recorder(scenario)), ScenarioFailed("it broke"))
                assert first.recv(1) == b"", "the console was not handed over"
                second, _ = server.accept()
                second.sendall(b"here I am\n")
                channels.pump(1)
                assert machine.console_text == "here I am\n"
                second.close()
        finally:
            RUNNING.remove(machine)
        first.close()
        for _, far in pairs:
            far.close()
    os.close(enter)
    shown = capsys.readouterr().out
    for part in ("it broke", f"qa attach {short}/serial", "-p 2222", "qmp-user", "vncviewer", "Enter or Ctrl-C"):
        assert part in shown
    assert "secret" not in shown
