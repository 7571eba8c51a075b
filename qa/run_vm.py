"""Boot the ISO for a user: in a window where there is a screen, on the terminal otherwise."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import environment
from dom0kit.process import run as run_command
from qa.scenario import LAST
from qa.vm import accelerator, media
from qa.vm.ports import reserve
from qa.vm.qemu_args import OVMF_VARS, Drive, MachineSpec, Nic, cpu_model, device_words, platform_words

WINDOWS = ("gtk", "sdl")


def window(env: Mapping[str, str], offered: str) -> str | None:
    """Return the kind of window to open, None for the terminal.

    :param offered: output of ``qemu-system-x86_64 -display help``.
    """
    if not (env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")):
        return None
    return next((kind for kind in WINDOWS if kind in offered.split()), None)


def argv(spec: MachineSpec, display: str | None) -> list[str]:
    """Return QEMU's command line: with a window, or with serial console and QEMU's monitor on the terminal."""
    words = ["qemu-system-x86_64", *platform_words(spec), *device_words(spec), "-vga", "std"]
    if display:
        return [*words, "-display", display, "-serial", "vc", "-monitor", "vc"]
    return [*words, "-display", "none", "-serial", "mon:stdio"]


def drives(iso: Path | None, disk: Path, stick: Path | None) -> tuple[Drive, ...]:
    """Return the disk, the ISO after it in the boot order, and the stick that selects the serial entry."""
    found = [Drive(disk, format="qcow2", serial="DISK1", bootindex=0)]
    if iso:
        found.append(Drive(iso, "cdrom", bootindex=1))
    if stick:
        found.append(Drive(stick, "usb", read_only=True, bootindex=LAST))
    return tuple(found)


def stick_files(answers: Path | None, *, serial: bool) -> dict[str, str]:
    """Return the files of the answers stick: the menu's entry for this terminal, and the answers if there are any.

    :raises UserError: when the answers cannot be read.
    """
    entry = "install-serial" if serial else "install"
    if answers is None:
        return {"boot.cfg": f"set default={entry}\n"}
    try:
        text = answers.read_text()
    except OSError as error:
        raise UserError(
            f"cannot read the answer file {answers}: {error.strerror}", "see docs/example-answers.yaml for an example"
        ) from error
    return {
        "boot.cfg": media.boot_cfg(entry, media.ANSWERS_ARGUMENT),
        media.ANSWERS_NAME: text,
    }


def boot(arguments: argparse.Namespace) -> int:
    """Boot until the user ends QEMU; return its exit code.

    :raises UserError: when the ISO or the disk is missing.
    """
    disk: Path = arguments.disk
    if arguments.disk_only and not disk.exists():
        raise UserError(f"there is no disk {disk}", "install first: run dom0kit run without --disk-only")
    if not arguments.iso.is_file() and not arguments.disk_only:
        raise UserError(f"there is no ISO {arguments.iso}", "run make iso, or give another file with --iso")
    disk.parent.mkdir(parents=True, exist_ok=True)
    if not disk.exists():
        run_command(["qemu-img", "create", "-q", "-f", "qcow2", disk, str(media.DISK_SIZE)])
    variables = disk.with_suffix(".vars.fd")
    if arguments.firmware == "uefi" and not variables.exists():
        shutil.copyfile(OVMF_VARS, variables)
    offered = run_command(["qemu-system-x86_64", "-display", "help"]).output
    display = None if arguments.terminal else window(os.environ, offered)
    port = reserve()
    with tempfile.TemporaryDirectory(prefix="dom0kit-run-") as folder:
        work = Path(folder)
        stick = None
        if not arguments.disk_only and (display is None or arguments.answers):
            stick = media.answers_stick(work / "answers.img", stick_files(arguments.answers, serial=display is None))
        words = choose_accelerator(arguments.iso, work)
        spec = MachineSpec(
            folder=work,
            firmware=arguments.firmware,
            drives=drives(None if arguments.disk_only else arguments.iso, disk, stick),
            nics=(Nic(ssh_port=port, restrict=False),),
            accelerator=words,
            cpu=cpu_model(words),
            memory=arguments.memory,
            cpus=arguments.cpus,
            variables=variables,
        )
        print(f"disk: {disk}; the guest's ssh: ssh -p {port} root@127.0.0.1; {' '.join(words)}")
        if display is None:
            print("end QEMU with: Ctrl-A X", flush=True)
        return subprocess.run(
            argv(spec, display),
            env=environment(inherit=("DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "XAUTHORITY")),
            check=False,
        ).returncode


def choose_accelerator(iso: Path, work: Path) -> tuple[str, ...]:
    """Return KVM if it boots the ISO's kernel; emulation otherwise, and when there is no ISO to take a kernel from."""
    wish = accelerator.forced(os.environ)
    if wish:
        return wish
    if not iso.is_file():
        return accelerator.TCG
    return accelerator.accelerator(media.extract(iso, "/dom0kit/vmlinuz", work / "vmlinuz"))
