"""Where the answers come from: the kernel's ``dom0kit.answers=``, parsed and then fetched."""

from __future__ import annotations

import re
import shlex
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from answerfiles.model import Answers
from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from dom0kit.run import run
from installer.commands import Commands
from installer.machine import MEDIUM

BY_LABEL = Path("/dev/disk/by-label")
SECONDS_FOR_LABEL = 30.0
LARGEST = 1024 * 1024
FORMS = "give dom0kit.answers=/path/on/the/medium or dom0kit.answers=label:LABEL/path"


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


Source = OnMedium | OnLabel


@dataclass(frozen=True)
class Arguments:
    """What the kernel's command line asks of the installer."""

    answers: Source | None
    plan_only: bool


def words_of(cmdline: str) -> list[str]:
    """The words of a kernel command line; double quotes hold blanks together."""
    try:
        return shlex.split(cmdline)
    except ValueError:
        return cmdline.split()


def parse_cmdline(cmdline: str) -> Arguments:
    """What ``/proc/cmdline`` asks for; the last ``dom0kit.answers=`` counts.

    :raises UserError: when its source cannot be understood.
    """
    words = words_of(cmdline)
    sources = [word.partition("=")[2] for word in words if word.startswith("dom0kit.answers=")]
    plan_only = any(word in ("dom0kit.plan-only", "dom0kit.plan-only=1") for word in words)
    return Arguments(parse_source(sources[-1]) if sources and sources[-1] else None, plan_only)


def parse_source(text: str) -> Source:
    """A source from its text.

    :raises UserError: for URLs, which are not supported yet, and for anything else that is no source.
    """
    if re.match(r"[a-z]+://", text, re.IGNORECASE):
        raise UserError(f"answers from a URL are not yet supported: {text.partition('?')[0]}", FORMS)
    if text.startswith("/"):
        return OnMedium(_inside(text, text))
    if text.startswith("label:"):
        label, slash, path = text.removeprefix("label:").partition("/")
        if label and slash and path:
            return OnLabel(label, _inside(path, text))
    raise UserError(f"the source of answers {text!r} cannot be understood", FORMS)


def _inside(path: str, text: str) -> str:
    parts = PurePosixPath(path.lstrip("/")).parts
    if not parts or ".." in parts:
        raise UserError(f"the source of answers {text!r} names no file on the volume", FORMS)
    return "/".join(parts)


def fetch(source: Source, commands: Commands, tell: Callable[[float, str], None] = lambda fraction, text: None) -> Answers:
    """Read the answers; a volume is mounted read-only for a moment.

    :param tell: called with the fraction of the waiting time and a text while a device has not appeared yet.
    :raises UserError: when they are not there or not valid.
    """
    if isinstance(source, OnMedium):
        return parse_answers(_read(Path(MEDIUM), source.path, str(source)), str(source))
    device = wait_for_label(source.label, tell)
    with tempfile.TemporaryDirectory(prefix="dom0kit-answers-") as name:
        commands(["mount", "-o", "ro", device, name])
        try:
            text = _read(Path(name), source.path, str(source))
        finally:
            commands(["umount", name])
    return parse_answers(text, str(source))


def _read(root: Path, path: str, source: str) -> str:
    try:
        with (root / path).open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise UserError(f"the answers in {source} are larger than {LARGEST // 1024} KiB")
        return data.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{source} is not text in UTF-8: byte {error.start}") from error
    except OSError as error:
        there = ", ".join(sorted(entry.name for entry in root.iterdir())[:20]) if root.is_dir() else "nothing"
        raise UserError(f"cannot read the answers {source}: {error.strerror}", f"at its top there is: {there}") from error


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


def wait_for_label(
    label: str,
    tell: Callable[[float, str], None] = lambda fraction, text: None,
    *,
    find: Callable[[str], Path | None] = find_label,
    seconds: float = SECONDS_FOR_LABEL,
) -> Path:
    """Wait for a volume: USB sticks and virtual media may appear long after the system is up.

    :raises UserError: when it does not appear within ``seconds``.
    """
    start = time.monotonic()
    while (device := find(label)) is None:
        spent = time.monotonic() - start
        if spent >= seconds:
            raise UserError(
                f"no volume with the label {label} appeared within {seconds:.0f} s", "'lsblk -f' shows those that are there"
            )
        tell(spent / seconds, f"waiting for the volume {label}, {seconds - spent:.0f} s left")
        time.sleep(min(0.5, seconds / 10))
    return device
