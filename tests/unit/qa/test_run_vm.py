"""Selection, final checks and report of scenarios; the machine for a user."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from dom0kit.errors import UserError
from qa import run_vm, timeouts
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials
from qa.scenario import Scenario, Settings
from qa.selection import Selection, choose, collect
from qa.vm import accelerator
from qa.vm.machine import Machine
from qa.vm.qemu_args import MachineSpec

KNOWN = ["install-bios", "install-uefi", "live-xen"]


def test_choose_by_exact_name() -> None:
    """In their own order; all when none is named."""
    assert choose(["live-xen", "install-bios"], KNOWN) == ["install-bios", "live-xen"]
    assert choose([], KNOWN) == KNOWN


@pytest.mark.parametrize("name", ["install", "install-bio", "nothing"])
def test_choose_unknown(name: str) -> None:
    """A part of a name is no name; the list is shown."""
    with pytest.raises(UserError, match=f"no scenario {name}") as caught:
        choose([name], KNOWN)
    assert "install-bios, install-uefi, live-xen" in caught.value.hint
    assert ("did you mean install-bios?" in caught.value.hint) == (name == "install-bio")


def test_nothing_ran_is_not_passed() -> None:
    """Zero of zero is no success, a skipped or failed scenario neither."""
    selection = Selection(Settings())
    assert not selection.all_passed
    selection.chosen = ["a", "b"]
    selection.passed = {"a"}
    assert not selection.all_passed
    selection.passed = {"a", "b"}
    assert selection.all_passed
    selection.failed = {"b"}
    assert not selection.all_passed


def test_missing_iso(tmp_path: Path) -> None:
    """Said before anything starts."""
    with pytest.raises(UserError, match="there is no ISO"):
        Settings(iso=tmp_path / "x.iso").check()


def test_secret_in_an_artifact(tmp_path: Path) -> None:
    """Root's password and its hash may stand in no log."""
    settings = Settings(artifacts=tmp_path)
    settings.__dict__["credentials"] = Credentials("qa-pass", "$6$salt$hash", Path("/k"), "key")
    scenario = Scenario("x", settings)
    scenario.prepare()
    scenario.final_check()
    scenario.keep("console-x.log", "password_hash: $6$salt$hash")
    with pytest.raises(ScenarioFailed, match=r"a secret is in console-x\.log"):
        scenario.final_check()


def test_expected_finding_must_be_there(tmp_path: Path) -> None:
    """A scenario that provokes a panic fails without one."""
    scenario = Scenario("x", Settings(artifacts=tmp_path), expected={"kernel panic"})
    scenario.prepare()
    with pytest.raises(ScenarioFailed, match="not found: kernel panic"):
        scenario.final_check()


def test_findings_of_a_system_that_must_fail_are_not_judged(tmp_path: Path) -> None:
    """Those of the scenario's other machines are."""
    scenario = Scenario("x", Settings(artifacts=tmp_path), broken={"trial"})
    scenario.prepare()
    panic = "[    6.010803] Kernel panic - not syncing: VFS: Unable to mount root fs"
    machines = [SimpleNamespace(name="trial", started=True, console_text=panic, events=[], starved_seconds=0.0, seconds=1.0)]
    scenario.machines = cast(list[Machine], machines)
    scenario.final_check()
    machines[0].name = "back"
    with pytest.raises(ScenarioFailed, match="back: kernel panic"):
        scenario.final_check()


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("2.5", 2.5)])
def test_patience(text: str, value: float) -> None:
    """A factor."""
    assert timeouts.factor({"DOM0KIT_QA_PATIENCE": text}) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "soon"])
def test_no_patience(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UserError, match="DOM0KIT_QA_PATIENCE"):
        timeouts.factor({"DOM0KIT_QA_PATIENCE": text})


def test_forced_accelerator() -> None:
    """Asked for, not probed."""
    assert accelerator.forced({"DOM0KIT_QA_ACCEL": "tcg"}) == accelerator.TCG
    assert accelerator.forced({}) is None
    with pytest.raises(UserError, match="hvf"):
        accelerator.forced({"DOM0KIT_QA_ACCEL": "hvf"})


def test_accelerator_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One probe for each kernel; no device, no probe."""
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(b"one")
    probes: list[Path] = []

    def boots(path: Path, words: tuple[str, ...]) -> bool:
        probes.append(path)
        return True

    monkeypatch.delenv("DOM0KIT_QA_ACCEL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(accelerator, "boots", boots)
    monkeypatch.setattr("os.access", lambda *_: True)
    assert accelerator.accelerator(kernel) == accelerator.accelerator(kernel) == accelerator.KVM
    assert len(probes) == 1
    kernel.write_bytes(b"two")
    accelerator.accelerator(kernel)
    assert len(probes) == 2
    monkeypatch.setattr("os.access", lambda *_: False)
    assert accelerator.accelerator(kernel) == accelerator.TCG


def test_window() -> None:
    """A window where there is a screen and QEMU can draw on it."""
    offered = "Available display backend types:\nnone\ngtk\nsdl\n"
    assert run_vm.window({"DISPLAY": ":0"}, offered) == "gtk"
    assert run_vm.window({"WAYLAND_DISPLAY": "wayland-0"}, "none\nsdl\n") == "sdl"
    assert run_vm.window({"DISPLAY": ":0"}, "none\ncurses\n") is None
    assert run_vm.window({}, offered) is None


def test_machine_for_a_person(tmp_path: Path) -> None:
    """Disk first, ISO second; on the terminal the serial console and the monitor share it."""
    drives = run_vm.drives(Path("/x.iso"), Path("/d.qcow2"), None)
    words = run_vm.argv(MachineSpec(tmp_path, drives=drives), None)
    assert words[-4:] == ["-display", "none", "-serial", "mon:stdio"]
    assert [drive.bootindex for drive in drives] == [0, 1]
    assert "-S" not in words


def test_only_chosen_scenarios_need_a_laboratory() -> None:
    """Who runs install-bios alone needs neither root nor nginx."""
    offline = collect(["install-bios", "live-xen"])
    assert not offline.lab
    assert offline.programs == []
    network = collect(["install-bios", "pxe-uefi"])
    assert network.lab
    assert "nginx" in network.programs
    assert network.chosen == ["install-bios", "pxe-uefi"]
