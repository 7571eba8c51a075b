"""The serial port in the firmware's table of its console, for the installer of machines with their console on COM2."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from loop_devices import output

SCRIPT = Path(__file__).resolve().parents[2] / "image/elements/dom0-base/tree/usr/lib/dom0kit/bin/firmware-console"


def spcr(port: int, space: int = 1) -> bytes:
    """Return an ACPI table SPCR, revision 2: a 16550 at this address, 115200 baud."""
    body = struct.pack("<B3sBBBBQ", 0, bytes(3), space, 8, 0, 1, port) + bytes(6) + bytes([7, 0, 1]) + bytes(19)
    return struct.pack("<4sIBB6s8sI4sI", b"SPCR", 36 + len(body), 2, 0, b"QEMU  ", b"TEST    ", 1, b"TEST", 1) + body


def found(folder: Path, table: bytes | None, *, active: str = "tty0 ttyS0", mode: str = "install", types: str = "4") -> str:
    for name, text in {"active": f"{active}\n", "cmdline": f"boot=dom0kit dom0kit.mode={mode} quiet\n"}.items():
        (folder / name).write_text(text)
    if table is not None:
        (folder / "SPCR").write_bytes(table)
    for number in range(4):
        (folder / f"ttyS{number}").mkdir(exist_ok=True)
        (folder / f"ttyS{number}/type").write_text(f"{types}\n")
    return output("sh", SCRIPT, folder / "SPCR", folder / "active", folder, folder / "cmdline").strip()


@pytest.mark.parametrize(("port", "name"), [(0x2F8, "ttyS1"), (0x3E8, "ttyS2"), (0x2E8, "ttyS3"), (0x3F8, ""), (0x6000, "")])
def test_m4_the_port_of_the_firmwares_console(tmp_path: Path, port: int, name: str) -> None:
    """COM1 is a console of the kernel already; a port on a PCI card has no fixed name."""
    assert found(tmp_path, spcr(port)) == name


def test_m4_no_port(tmp_path: Path) -> None:
    assert found(tmp_path, None) == ""
    assert found(tmp_path, spcr(0x2F8, space=0)) == "", "memory-mapped"
    assert found(tmp_path, spcr(0x2F8)[:40]) == "", "cut off"
    assert found(tmp_path, spcr(0x2F8), types="0") == "", "there is no such port"
    assert found(tmp_path, spcr(0x2F8), mode="host") == "", "the answers name it"
    assert found(tmp_path, spcr(0x2F8), active="tty0 ttyS1") == "", "the menu's entry for COM2"
    assert found(tmp_path, spcr(0x3F8), active="tty0 ttyS1") == "ttyS0"
