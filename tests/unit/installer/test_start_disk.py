"""The disk of an installed host is started: by the firmware's next boot, or by a request to the boot menu."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from installer_samples import DISK, answers, facts, manifest_text

from dom0kit.events import Event, Reporter
from dom0kit.process import Result
from installer import session as sessions
from installer import unattended as entry
from installer.answer_source.source import Fetched
from installer.command_log import Commands
from installer.model.installation import Installation
from installer.session import Session, guarded
from installer.start_disk import entry_of, environment_block, request_start

GUID = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0002"
LISTING = f"""BootCurrent: 0001
BootOrder: 0001,0000,0004
Boot0000* UiApp\tFvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
Boot0001* UEFI QEMU DVD-ROM\tPciRoot(0x0)/Pci(0x1f,0x2)/Sata(1,65535,0)
Boot0003  dom0kit\tHD(2,GPT,{GUID.upper()},0x1000,0x80000)/\\EFI\\dom0kit\\grubx64.efi
Boot0004* dom0kit\tHD(2,GPT,{GUID},0x1000,0x80000)/\\EFI\\dom0kit\\grubx64.efi
"""


class Machine:
    """Commands of a machine: answers by the program's name; the others succeed without output."""

    def __init__(self, **outputs: str) -> None:
        self.outputs = outputs
        self.calls: list[list[str]] = []
        self.fails: set[str] = set()

    def __call__(self, argv: Any, **options: Any) -> Result:
        words = [str(word) for word in argv]
        self.calls.append(words)
        if words[0] == "mcopy":
            self.block = Path(words[-2]).read_bytes()
        failed = any(word in self.fails for word in words)
        return Result(tuple(words), int(failed), self.outputs.get(words[0], ""), "", 0.0)


def commands(machine: Machine) -> Commands:
    return Commands(io.StringIO(), runner=machine)


def test_the_entry_of_a_disk() -> None:
    assert entry_of(LISTING, GUID) == "0004"
    assert entry_of(LISTING, GUID.upper()) == "0004"
    assert entry_of(LISTING, GUID[:-1] + "9") == ""


def test_the_block_is_grubs() -> None:
    block = environment_block("a", "yes")
    assert len(block) == 1024
    assert block.startswith(b"# GRUB Environment Block\na=yes\n#####")


def test_uefi_boots_the_entry_of_this_disk_once() -> None:
    machine = Machine(blkid=f"{GUID}\n", efibootmgr=LISTING)
    assert request_start("/dev/nvme0n1", "uefi", commands(machine)) == ""
    assert machine.calls[-1] == ["efibootmgr", "--quiet", "--bootnext", "0004"]
    assert machine.calls[0][-1] == "/dev/nvme0n1p2"


@pytest.mark.parametrize("fails", ["--bootnext", "efibootmgr", "blkid"])
def test_without_an_entry_the_boot_menu_is_asked(fails: str) -> None:
    machine = Machine(blkid="" if fails == "blkid" else GUID, efibootmgr="" if fails == "efibootmgr" else LISTING)
    machine.fails = {fails}
    assert request_start("/dev/sda", "uefi", commands(machine)) == ""
    [copy] = [words for words in machine.calls if words[0] == "mcopy"]
    assert copy[2:4] == ["-i", "/dev/sda2"]
    assert copy[-1] == "::/EFI/dom0kit/start.env"
    assert machine.block == environment_block("dom0kit_start_disk", "yes")


def test_bios_asks_the_boot_menu() -> None:
    machine = Machine()
    assert request_start("/dev/mapper/36001", "bios", commands(machine)) == ""
    assert [words[0] for words in machine.calls] == ["mcopy", "blockdev"]


@pytest.mark.parametrize("words", ["", " dom0kit.plan-only", " dom0kit.armed=new"])
def test_an_installed_machine_starts_its_disk(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is touched, the report says so, and the machine restarts into its disk whatever `finish` says."""
    events: list[Event] = []
    machine = Machine()
    session = Session(Reporter("installer", [events.append]), commands(machine), io.StringIO(), tmp_path, tmp_path)
    (tmp_path / "manifest.json").write_text(manifest_text())
    found = Installation(DISK.path, ("xen1",), version="0.1.0")
    monkeypatch.setattr(sessions, "collect", lambda loops: facts(installations=(found,)))
    monkeypatch.setattr(entry, "read_links", lambda runner: [])
    monkeypatch.setattr(entry, "fetch", lambda *arguments: Fetched("", "a.yaml"))
    monkeypatch.setattr(entry, "read_fetched", lambda fetched, redactor: answers(wipe=True, more="finish: poweroff"))
    monkeypatch.setattr(entry, "MEDIUM", str(tmp_path))
    monkeypatch.setattr(entry, "EFI", tmp_path / "none")
    monkeypatch.setattr(entry, "carry_out", lambda plan, session: pytest.fail("touched the disk"))
    assert guarded(session, lambda: entry.unattended(session, f"dom0kit.answers=/a.yaml{words}")) == 0
    assert isinstance(session.out, io.StringIO)
    said = session.out.getvalue()
    assert "this machine is installed already: xen1 on /dev/sda (version 0.1.0); nothing was changed" in said
    assert "reinstall: true" in said
    if "plan-only" in words:
        assert events[-1]["installed"] is False
        assert "mcopy" not in str(machine.calls)
        return
    assert (events[-1]["event"], events[-1]["installed"], events[-1]["unchanged"]) == ("finished", True, True)
    assert machine.calls[-1] == ["systemctl", "reboot"]
    assert "mcopy" in [call[0] for call in machine.calls]
