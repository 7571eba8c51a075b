"""Power cuts while images are staged, tried, kept and removed: what GRUB, which does not replay the journal, finds after each.

Every write and every flush of the disk is recorded. After each write, GRUB's own FAT and ext2 drivers must find the choice, and
whole what it starts: once with all writes up to there, and once without some of those that were not flushed.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from loop_devices import output
from recorded_host import Phase, Recording, named, record
from write_log import Replay

from dom0kit.errors import UserError
from dom0kit.linux import boot_choice, host_initramfs
from firstboot.multipath_monitor import cli as initramfs_command
from upgrade.trial import changes

ALL = "DOM0KIT_ALL_POWER_CUTS"
"""Variable of the environment: cut after each write, and not after some of them."""
EVERY = 3
SHORT, LAST = 20, 6
SEED = 1


def problem(disk: Path, phase: Phase) -> str:
    """Return what is wrong on a disk for GRUB; "" when it finds the choice and all that it starts."""
    found = subprocess.run(["grub-fstest", disk, "cat", f"(loop0,gpt2)/{boot_choice.PATH}"], capture_output=True, check=False)
    try:
        choice = boot_choice.parse(found.stdout)
    except UserError as error:
        return f"no choice: {error.message}"
    wrong = f"another choice: {choice}"
    for expected, folder in dict.fromkeys((phase.after, phase.before)):
        if choice == expected:
            lacks = [text for image in named(choice) if (text := lacking(disk, folder / image))]
            if not lacks:
                return ""
            wrong = "; ".join(lacks)
    return wrong


def lacking(disk: Path, folder: Path) -> str:
    """Compare an image with what GRUB reads of it; return the first difference."""
    command = ["grub-fstest", disk, "cmp", "(loop0,gpt3)/", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    return f"{folder.name}: {said or done.returncode}" if done.returncode or said else ""


@dataclass(frozen=True)
class Found:
    """What was looked at, by kind of cut and act of the host; and what was wrong."""

    looked: Counter[tuple[str, str]]
    wrong: list[tuple[str, str, int, str]]

    def look(self, kind: str, phase: Phase, number: int, disk: Path) -> None:
        """Look at a disk after a cut, and count it."""
        self.looked[kind, phase.name] += 1
        if text := problem(disk, phase):
            self.wrong.append((kind, phase.name, number, text))


def chosen(recording: Recording, every: int) -> Iterator[tuple[int, Phase]]:
    """Yield the number of entries before a cut, and the act that it falls into.

    Of a long act, after every so many writes, and at its end, where the choice changes.
    """
    start = 0
    for phase in recording.phases:
        writes = [n for n, entry in enumerate(recording.entries, 1) if start < entry.end <= phase.end and entry.data is not None]
        step = every if len(writes) > SHORT else 1
        yield from ((number, phase) for number in sorted({*writes[::step], *writes[-LAST:]}))
        start = phase.end


def cut(recording: Recording, every: int) -> Found:
    """Cut the power again and again; look at the disk with all writes, and with losses."""
    replay, found, choose = Replay(recording.disk, recording.entries), Found(Counter(), []), random.Random(SEED)
    for number, phase in chosen(recording, every):
        replay.take(number)
        found.look("all writes", phase, number, replay.file)
        with replay.losses(choose):
            found.look("losses", phase, number, replay.file)
    replay.take(len(recording.entries))
    output("cmp", replay.file, recording.end)
    return found


def show(found: Found, recording: Recording) -> None:
    """Print the numbers."""
    print(f"{len(recording.entries)} writes and flushes, {found.looked.total()} cuts, {len(found.wrong)} wrong")
    wrong = Counter((kind, name) for kind, name, _, _ in found.wrong)
    for (kind, name), count in sorted(found.looked.items()):
        print(f"  {kind}, {name}: {count} cuts, {wrong[kind, name]} wrong")


@pytest.mark.kernel("fuse")
def test_after_every_power_cut_the_boot_loader_finds_what_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = record(tmp_path, monkeypatch)
    found = cut(recording, 1 if os.environ.get(ALL) else EVERY)
    show(found, recording)
    assert found.wrong == []
    assert found.looked.total() >= 400
    assert {name for _, name in found.looked} >= {"stage", "arm", "count", "confirm", "remove", "initramfs", "leave"}


def without_freezes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave all changes in the journal, until ext4 itself brings them to their places."""
    monkeypatch.setattr(changes, "settle", lambda folder: None)
    plain_rename(monkeypatch)


def plain_rename(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rename the new initramfs of the confirmed image over the old one, which is durable, and no more."""
    monkeypatch.setattr(initramfs_command, "replacing_settled", host_initramfs.replace_unsettled)


@pytest.mark.kernel("fuse")
@pytest.mark.parametrize("spoil", [without_freezes, plain_rename])
def test_it_is_seen_when_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pytest.MonkeyPatch], None]
) -> None:
    spoil(monkeypatch)
    recording = record(tmp_path, monkeypatch)
    found = cut(recording, 3 * EVERY)
    show(found, recording)
    assert {kind for kind, *_ in found.wrong} == {"all writes", "losses"}
