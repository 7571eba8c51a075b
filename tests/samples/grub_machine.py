"""A machine that starts GRUB from small disks of an installed host, with stand-ins for Xen that print what they were given.

GRUB is that of the built image: the core for BIOS that the installer writes, with the menu of the working tree.
"""

from __future__ import annotations

import functools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer_samples import manifest
from live_root import SQUASHFS
from loop_devices import output

from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from dom0kit.units import MIB, SECTOR
from installer.apply.partitioning import EXT4_FEATURES
from installer.bootloader import grub_bios, menus
from installer.bootloader.grub import BIOS_CORE
from installer.model import partition_layout

SYSTEM = uuid.UUID("0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001")
ESP_START = partition_layout.HEAD + partition_layout.CORE
ESP_SIZE = 34 * MIB
"""FAT32, as the real one is, needs 65525 clusters."""
SYSTEM_START = ESP_START + ESP_SIZE
SYSTEM_SIZE = 12 * MIB
XEN = bytes.fromhex(
    # multiboot2: a flat image for address 1 MiB, of which all is loaded, with its entry
    "d65052e8 00000000 40000000 eaaead17 0200 0000 18000000 00001000 00001000 00000000 00000000"
    "0300 0000 0c000000 40001000 00000000 0000 0000 08000000"
    # start: lea esi,[ebx+8]
    "8d7308"
    # tag: mov eax,[esi]; lea edi,[esi+8]; dec eax; js done (type 0); je line (type 1: the command line)
    "8b06 8d7e08 48 7828 7408"
    # lea edi,[esi+16]; cmp eax,2; jne next (type 3: a module, with its own command line)
    "8d7e10 83f802 7512"
    # line: mov edx,0x3f8; mov al,'>'
    "baf8030000 b03e"
    # byte: out dx,al; mov al,[edi]; inc edi; test al,al; jne byte; mov al,'\n'; out dx,al
    "ee 8a07 47 84c0 75f8 b00a ee"
    # next: mov eax,[esi+4]; lea esi,[esi+eax+7]; and esi,-8; jmp tag
    "8b4604 8d740607 83e6f8 ebd0"
    # done: mov edx,0xf4 (isa-debug-exit); out dx,al; hlt
    "baf4000000 ee f4"
)
"""A program in place of Xen: it writes its command line and those of its modules to COM1, each behind ``>``, and ends QEMU."""
START_SECONDS = 120
"""Let a boot loader start an image.

Kind: cap. Reason: seconds on an idle machine; more when the tests share it. Expiry: the test fails.
"""
QUIET = {"MTOOLS_SKIP_CHECK": "1", "PATH": os.environ["PATH"]}


@dataclass(frozen=True)
class Started:
    """What a start of the machine came to.

    :param xen: Xen's arguments; ``linux``: those of dom0's kernel; both "" when none was started.
    :param shown: all that was on the serial line.
    """

    xen: str
    linux: str
    shown: str

    @property
    def image(self) -> str:
        """Return the name of the image that was started; "" for none."""
        words = [word for word in self.linux.split() if word.startswith("dom0kit.image=")]
        return words[0].rpartition("/")[2] if words else ""

    @property
    def trial(self) -> str:
        """Return the image that dom0 is asked to try; "" for none."""
        words = [word for word in self.linux.split() if word.startswith("dom0kit.try=")]
        return words[0].partition("=")[2] if words else ""


class Images:
    """Stand-ins for images, in a folder that becomes a system partition."""

    def __init__(self, folder: Path, *, mirror: bool = False) -> None:
        self.folder = folder
        grub = folder / "boot/grub"
        grub.mkdir(parents=True)
        (grub / "grub.cfg").write_text(menus.host_menu().replace("set timeout=5", "set timeout=0"))
        (grub / "host.env").write_bytes(menus.host_settings(manifest(), SYSTEM, mirror=mirror))

    def show_menu(self) -> None:
        """Have the menu wait for keys, as long as it takes."""
        (self.folder / "boot/grub/grub.cfg").write_text(menus.host_menu().replace("set timeout=5", "set timeout=3600"))

    def add(self, version: str, letter: str) -> str:
        """Add an image that has run on this host; return its name."""
        made = manifest(version=version, id=letter * 16)
        image = self.folder / "images" / made.name
        image.mkdir(parents=True)
        (image / "xen.gz").write_bytes(XEN)
        (image / "vmlinuz").write_text("linux")
        (image / "initrd.img").write_text("initramfs")
        (image / "boot.cfg").write_text(menus.image_entry(made))
        (self.folder / "state" / made.name).mkdir(parents=True)
        (self.folder / "state" / made.name / "installed.json").write_text(json.dumps({}))
        return made.name


@functools.cache
def _blank_disk() -> bytes:
    """Return a disk up to its system partition, and what follows behind that: table, boot loader and an empty ESP.

    Made once, because sgdisk(8) waits for a second.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "disk"
        with file.open("xb") as made:
            made.truncate(SYSTEM_START + SYSTEM_SIZE + partition_layout.TAIL)
        places = [(partition_layout.HEAD, ESP_START, "EF02"), (ESP_START, SYSTEM_START, "EF00")]
        places.append((SYSTEM_START, SYSTEM_START + SYSTEM_SIZE, "8300"))
        words = ["--set-alignment=1"]
        for number, (start, end, code) in enumerate(places, 1):
            words += [f"-n{number}:{start // SECTOR}:{end // SECTOR - 1}", f"-t{number}:{code}"]
        output("sgdisk", *words, file)
        _write_loader(file)
        output("mkfs.vfat", "-F", "32", "-s", "1", "--offset", str(ESP_START // SECTOR), file, str(ESP_SIZE // 1024))
        output("mmd", "-i", f"{file}@@{ESP_START}", "::/EFI", "::/EFI/dom0kit")
        return file.read_bytes()


def make_disk(file: Path, images: Images, env: bytes | None) -> Path:
    """Make the disk of an installed host that starts from BIOS.

    :param env: the block on its ESP; None: there is none.
    """
    part = file.with_suffix(".ext4")
    words = ["-O", EXT4_FEATURES, "-U", str(SYSTEM), "-d", images.folder, part, f"{SYSTEM_SIZE // 1024}k"]
    output("mke2fs", "-q", "-t", "ext4", *words)
    blank = _blank_disk()
    file.write_bytes(blank[:SYSTEM_START] + part.read_bytes() + blank[SYSTEM_START + SYSTEM_SIZE :])
    part.unlink()
    if env is not None:
        write_env(file, env)
    return file


def _write_loader(file: Path) -> None:
    """Write boot sector, core and early configuration as the installer does."""
    early = menus.early_config(SYSTEM).removeprefix(menus.BOOT_DISK)
    core, first = _of_the_image(str(BIOS_CORE)), partition_layout.HEAD // SECTOR
    with file.open("r+b") as disk:
        sector = disk.read(SECTOR)
        disk.seek(partition_layout.HEAD)
        disk.write(grub_bios.core_image(core, first, partition_layout.CORE))
        disk.seek(menus.EARLY_SECTOR * SECTOR)
        disk.write(grub_bios.early_sector(early))
        disk.seek(0)
        disk.write(grub_bios.boot_sector(_of_the_image("/usr/lib/grub/i386-pc/boot.img"), sector, first))


def _of_the_image(path: str) -> bytes:
    command = ["unsquashfs", "-cat", str(SQUASHFS), path.removeprefix("/")]
    return subprocess.run(command, capture_output=True, check=True).stdout


def write_env(disk: Path, data: bytes) -> None:
    """Write the block on a disk's ESP."""
    command = ["mcopy", "-o", "-i", f"{disk}@@{ESP_START}", "-", f"::/{boot_choice.PATH}"]
    subprocess.run(command, input=data, check=True, env=QUIET)


def read_choice(disk: Path) -> Choice:
    """Return the choice on a disk's ESP."""
    command = ["mtype", "-i", f"{disk}@@{ESP_START}", f"::/{boot_choice.PATH}"]
    return boot_choice.parse(subprocess.run(command, capture_output=True, check=True, env=QUIET).stdout)


def start(*disks: Path, read_only: Sequence[Path] = (), keys: Sequence[tuple[str, bytes]] = ()) -> Started:
    """Switch the machine on and wait until it has started an image, or switches itself off.

    :param read_only: disks that refuse writes.
    :param keys: texts to wait for on the serial line, and what to type then.
    """
    program = shutil.which("qemu-system-x86_64")
    assert program, "'make prepare' installs QEMU"
    argv = [program, "-nodefaults", "-no-user-config", "-machine", "pc,accel=tcg", "-m", "64", "-display", "none"]
    argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-serial", "stdio"]
    for number, disk in enumerate(disks):
        mode = ",readonly=on" if disk in read_only else ""
        argv += ["-drive", f"if=none,id=d{number},format=raw,file={disk}{mode}"]
        argv += ["-device", f"virtio-blk-pci,drive=d{number},bootindex={number + 1}"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            shown = _watch(process, list(keys))
        finally:
            process.kill()
    lines = [line[1:] for line in shown.replace("\r", "\n").splitlines() if line.startswith(">")]
    xen, linux = [*lines, "", ""][:2]
    return Started(xen, linux, shown)


def _watch(process: subprocess.Popen[bytes], keys: list[tuple[str, bytes]]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    end, shown = time.monotonic() + START_SECONDS, ""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"nothing was started; on the serial line: {shown[-2000:]!r}"
        data = os.read(process.stdout.fileno(), 65536)
        if not data:
            return shown
        shown += data.decode("ascii", "replace")
        while keys and keys[0][0] in shown:
            process.stdin.write(keys.pop(0)[1])
            process.stdin.flush()
