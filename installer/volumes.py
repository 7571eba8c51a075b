"""Files on the boot medium and on volumes with a label: USB sticks, virtual media."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.run import run
from installer.commands import Commands
from installer.machine import MEDIUM

BY_LABEL = Path("/dev/disk/by-label")
SECONDS_FOR_LABEL = 30.0
LARGEST = 1024 * 1024

Tell = Callable[[float, str], None]
"""Called with a fraction of the waiting time and a text, while something has not appeared yet."""


@dataclass(frozen=True)
class OnMedium:
    """A file on the medium that the system was started from; ``path`` is relative to it."""

    path: str

    def __str__(self) -> str:
        return f"/{self.path} on the boot medium"


@dataclass(frozen=True)
class OnLabel:
    """A file on the file system with a label; ``path`` is relative to it."""

    label: str
    path: str

    def __str__(self) -> str:
        return f"/{self.path} on the volume {self.label}"


def read_file(source: OnMedium | OnLabel, commands: Commands, tell: Tell = lambda fraction, text: None) -> str:
    """A file's text; a volume is mounted read-only for a moment.

    :raises UserError: when it is not there, too large or no text.
    """
    if isinstance(source, OnMedium):
        return _read(Path(MEDIUM), source.path, str(source))
    device = wait_for_label(source.label, tell)
    with tempfile.TemporaryDirectory(prefix="dom0kit-volume-") as name:
        commands(["mount", "-o", "ro", device, name])
        try:
            return _read(Path(name), source.path, str(source))
        finally:
            commands(["umount", name])


def decode(data: bytes, source: str) -> str:
    """Bytes as text.

    :raises UserError: when they are not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{source} is not text in UTF-8: byte {error.start}") from error


def _read(root: Path, path: str, source: str) -> str:
    try:
        with (root / path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        there = ", ".join(sorted(entry.name for entry in root.iterdir())[:20]) if root.is_dir() else "nothing"
        raise UserError(f"cannot read {source}: {error.strerror}", f"at its top there is: {there}") from error
    if len(data) > LARGEST:
        raise UserError(f"{source} is larger than {LARGEST // 1024} KiB")
    return decode(data, source)


def find_label(label: str) -> Path | None:
    """The device of the file system with a label, as udev or blkid know it."""
    # udev writes characters that a path cannot hold as \x2f.
    escaped = "".join(c if c.isalnum() or c in "#+-.:=@_" else "".join(f"\\x{b:02x}" for b in c.encode()) for c in label)
    link = BY_LABEL / escaped
    if link.exists():
        return link.resolve()
    # blkid by name tries every device itself; it exits with 2 when there is none.
    found = run(["blkid", "--label", label], check=False)
    return Path(found.output.strip()) if found.returncode == 0 and found.output.strip() else None


def find_uuid(uuid: str) -> Path | None:
    """The device of the file system with a UUID, as blkid knows it."""
    found = run(["blkid", "--uuid", uuid], check=False)
    return Path(found.output.strip()) if found.returncode == 0 and found.output.strip() else None


def wait_for_label(
    label: str,
    tell: Tell = lambda fraction, text: None,
    *,
    find: Callable[[str], Path | None] = find_label,
    seconds: float = SECONDS_FOR_LABEL,
    kind: str = "label",
) -> Path:
    """Wait for a volume: USB sticks and virtual media may appear long after the system is up.

    :param kind: what ``label`` is, in a word; ``find`` looks for that.
    :raises UserError: when it does not appear within ``seconds``.
    """
    start = time.monotonic()
    while (device := find(label)) is None:
        spent = time.monotonic() - start
        if spent >= seconds:
            raise UserError(
                f"no volume with the {kind} {label} appeared within {seconds:.0f} s", "'lsblk -f' shows those that are there"
            )
        tell(spent / seconds, f"waiting for the volume {label}, {seconds - spent:.0f} s left")
        time.sleep(min(0.5, seconds / 10))
    return device
