"""A model of erasing: random stacks on disks are erased as a whole or refused as a whole, and other disks never change."""

from __future__ import annotations

import io
import os
import subprocess
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from kernel_features import has
from loop_devices import MIB, LoopDisk, digest, held_open, loop_disk, mounted, output, signatures
from raid_superblock import superblock

from dom0kit.errors import UserError
from installer.apply import release, wiping
from installer.command_log import Commands
from installer.hardware.disk_ends import read_ends
from installer.model.actions import OldDisk, Wipe

EXAMPLES = 12
"""Few, and the same in every run: each attaches three disks and makes file systems on them."""
SIZE = 256 * MIB
CONTENTS = ("nothing", "ext4", "swap", "vfat", "lvm", "raid 1.0", "raid 1.2", "array")
HOLDERS = ("nobody", "process", "loop", "this process")
OWN_HOLDERS = {"ext4": ("mount",), "swap": ("swap",), "lvm": ("volume",)}
"""Holders of some contents, in addition to those of all."""
NUMBERS = st.lists(st.integers(1, 9), unique=True, max_size=3)


@dataclass(frozen=True)
class Stack:
    """What is on a disk: contents by the partition's number (0: the whole disk), and who holds the one with number ``held``."""

    contents: dict[int, str]
    held: int = 0
    holder: str = "nobody"


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """Return a stack on partitions, on the whole disk, or none."""
    numbers = draw(st.one_of(st.just([0]), NUMBERS))
    contents = {number: draw(st.sampled_from(CONTENTS)) for number in numbers}
    if not contents:
        return Stack({})
    held = draw(st.sampled_from(numbers))
    # An array is taken apart; who holds its member is the array.
    holders = ("nobody",) if contents[held] == "array" else (*HOLDERS, *OWN_HOLDERS.get(contents[held], ()))
    return Stack(contents, held, draw(st.sampled_from(holders)))


def fill(disk: LoopDisk, stack: Stack, clean: ExitStack) -> None:
    """Make a stack on a disk."""
    numbers = [number for number in stack.contents if number]
    if numbers:
        output("sgdisk", "--clear", *(f"--new={number}:0:+{48 - number}M" for number in numbers), disk.path)
        # Where the kernel reads tables, it has them already.
        subprocess.run(["partx", "--add", disk.path], check=False, capture_output=True)
    for number, content in stack.contents.items():
        device = disk.part(number) if number else disk.path
        start, size = disk.parts()[number] if number else (0, disk.size)
        if content in ("ext4", "vfat"):
            output(f"mkfs.{content}", *(["-q", "-F"] if content == "ext4" else ["-I"]), device)
        elif content == "swap":
            output("mkswap", device)
        elif content == "lvm":
            output("vgcreate", "--yes", f"dom0kit-test-{uuid.uuid4().hex[:8]}", device)
        elif content.startswith("raid"):
            offset, raw = superblock(content.split()[1], size)
            disk.write(start + offset, raw)
        elif content == "array" and has("md"):
            name = f"/dev/md/dom0kit-test-{uuid.uuid4().hex[:8]}"
            output("mdadm", "--create", name, "--run", "--level=1", "--raid-devices=2", "--homehost=any", device, "missing")
            clean.callback(subprocess.run, ["mdadm", "--stop", name], check=False, capture_output=True)


def hold(disk: LoopDisk, stack: Stack, folder: Path, clean: ExitStack) -> bool:
    """Have the stack's holder hold it; return whether the disk must not be erased."""
    device = disk.part(stack.held) if stack.held else disk.path
    match stack.holder:
        case "process":
            clean.enter_context(held_open(device, "r+b"))
        case "this process":
            descriptor = os.open(device, os.O_RDONLY)
            clean.callback(os.close, descriptor)
        case "loop":
            upper = output("losetup", "--find", "--show", device).strip()
            clean.callback(output, "losetup", "--detach", upper)
        case "mount":
            clean.enter_context(mounted(device, folder))
        case "swap":
            output("swapon", device)
            clean.callback(output, "swapoff", device)
        case "volume" if has("dm"):
            hold_volume(device, clean)
        case _:
            return False
    # Readers of the whole disk do not matter.
    return not (stack.holder == "this process" and not stack.held)


def hold_volume(device: str, clean: ExitStack) -> None:
    """Make a volume on a physical volume, and have a process hold it open."""
    group = output("vgs", "--noheadings", "-o", "vg_name", "--select", f"pv_name={device}").strip()
    output("lvcreate", "--yes", "--wipesignatures", "n", "--extents", "1", "--name", "one", group)
    clean.callback(subprocess.run, ["vgchange", "--activate", "n", group], check=False, capture_output=True)
    clean.enter_context(held_open(f"/dev/{group}/one"))


def erase(disks: list[LoopDisk]) -> str:
    """Erase disks as the installer does; return the refusal, "" if they were erased."""
    old = tuple(OldDisk(disk.path, disk.size, (), digest=read_ends(disk.path, disk.size).digest) for disk in disks)
    try:
        wiping.wipe(Wipe(old, (), ()), Commands(io.StringIO()))
    except UserError as error:
        return error.message
    return ""


def seen(disks: list[LoopDisk], stacks: list[Stack]) -> list[object]:
    """Return content and partitions of disks; the kernel may write to swap while it is in use."""
    pairs = zip(disks, stacks, strict=True)
    return [(disk.parts(), "" if stack.holder == "swap" else digest(disk)) for disk, stack in pairs]


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chosen=st.lists(stacks(), min_size=1, max_size=2), other=stacks())
def test_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: list[Stack], other: Stack) -> None:
    monkeypatch.setattr(release, "SECONDS_IN_USE", 0.2)
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    made = [*chosen, other]
    with ExitStack() as clean:
        disks = [clean.enter_context(loop_disk(folder / str(number), SIZE)) for number in range(len(made))]
        for disk, stack in zip(disks, made, strict=True):
            fill(disk, stack, clean)
        with ExitStack() as holders:
            held = [
                hold(disk, stack, folder / f"look-{disk.file.name}", holders) for disk, stack in zip(disks, made, strict=True)
            ]
            before = seen(disks, made)
            refusal = erase(disks[:-1])
            after = seen(disks, made)
        if any(held[:-1]):
            event("refused")
            assert "nothing was changed" in refusal
            assert after == before
            return
        event("erased")
        assert refusal == ""
        assert after[-1] == before[-1]
        for disk in disks[:-1]:
            assert (signatures(disk.path), disk.parts()) == ([], {})
