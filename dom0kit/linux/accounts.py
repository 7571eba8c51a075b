"""Give the system accounts of an image the numbers of earlier images.

Packages take the next free number when they are installed, so that one more package gives others to those after it. On a host the
files of a service would belong to another one after a change of image. The build runs this module with the list of numbers and
the image's root, when all packages are there.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError

FIRST, LAST = 100, 999
"""Numbers of accounts that packages make (Debian Policy, 9.2.2); those below are the same on all of Debian."""
NOT_WALKED = frozenset({"proc", "sys", "dev", "run", "tmp"})


@dataclass(frozen=True)
class Pins:
    """Numbers of users and groups by name."""

    users: Mapping[str, int]
    groups: Mapping[str, int]


def parse_pins(text: str) -> Pins:
    """Parse lines of ``user NAME NUMBER`` and ``group NAME NUMBER``; ``#`` begins a comment.

    :raises UserError: when a line is another, or a number is given twice.
    """
    found: dict[str, dict[str, int]] = {"user": {}, "group": {}}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        kind, *rest = words
        if kind not in found or len(rest) != 2 or not rest[1].isdigit() or not FIRST <= int(rest[1]) <= LAST:
            raise UserError(f"the list of accounts has the line {line!r}", f"write: user NAME NUMBER, from {FIRST} to {LAST}")
        name, number = rest[0], int(rest[1])
        if name in found[kind] or number in found[kind].values():
            raise UserError(f"the list of accounts names the {kind} {name} or the number {number} twice", "remove one of them")
        found[kind][name] = number
    return Pins(found["user"], found["group"])


def renumbered(now: Mapping[str, int], pins: Mapping[str, int]) -> dict[str, int]:
    """Return the numbers that accounts shall have.

    One without a pin keeps its number, unless a pin has it: then it gets the first free one.

    :param now: those in the image.
    """
    fixed = {name: pins.get(name, number) for name, number in now.items() if name in pins or number not in pins.values()}
    taken = {*pins.values(), *fixed.values()}
    free = (number for number in range(FIRST, LAST + 1) if number not in taken)
    return {name: fixed[name] if name in fixed else next(free) for name in now}


def unpinned(now: Mapping[str, int], pins: Mapping[str, int]) -> list[str]:
    """Return the accounts made by packages that have no pin."""
    return sorted(name for name, number in now.items() if FIRST <= number <= LAST and name not in pins)


def numbers(text: str) -> dict[str, int]:
    """Return the numbers in the text of ``/etc/passwd`` or ``/etc/group`` by name."""
    rows = (line.split(":") for line in text.splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 2 and row[2].isdigit()}


def changed(now: Mapping[str, int], wanted: Mapping[str, int]) -> dict[int, int]:
    """Return the new numbers by the old ones, of those that change."""
    return {now[name]: wanted[name] for name in now if now[name] != wanted[name]}


def with_numbers(text: str, *moves: Mapping[int, int]) -> str:
    """Return the text of an account file with other numbers.

    :param moves: of the third field, and in ``/etc/passwd`` of the fourth.
    """
    lines = []
    for line in text.splitlines():
        row = line.split(":")
        for field, move in enumerate(moves, 2):
            if len(row) > field and row[field].isdigit():
                row[field] = str(move.get(int(row[field]), int(row[field])))
        lines.append(":".join(row) + "\n")
    return "".join(lines)


def pin(root: Path, pins: Pins) -> list[str]:
    """Renumber the accounts below a root, and give their files to them.

    :returns: names of accounts without a pin, such as ``user tcpdump``.
    """
    passwd, group = root / "etc/passwd", root / "etc/group"
    users, groups = numbers(passwd.read_text()), numbers(group.read_text())
    uids, gids = changed(users, renumbered(users, pins.users)), changed(groups, renumbered(groups, pins.groups))
    if uids or gids:
        passwd.write_text(with_numbers(passwd.read_text(), uids, gids))
        group.write_text(with_numbers(group.read_text(), gids))
        for path in _files(root):
            _give(path, uids, gids)
    missing = {"user": unpinned(users, pins.users), "group": unpinned(groups, pins.groups)}
    return [f"{kind} {name}" for kind, names in missing.items() for name in names]


def _files(root: Path) -> Iterator[Path]:
    """Yield everything on the file system of a root."""
    device = root.lstat().st_dev
    for place, folders, files in os.walk(root):
        folder = Path(place)
        if folder == root:
            folders[:] = [name for name in folders if name not in NOT_WALKED]
        for name in (*folders, *files):
            yield folder / name
        folders[:] = [name for name in folders if (folder / name).lstat().st_dev == device]


def _give(path: Path, uids: Mapping[int, int], gids: Mapping[int, int]) -> None:
    found = path.lstat()
    uid, gid = uids.get(found.st_uid, found.st_uid), gids.get(found.st_gid, found.st_gid)
    if (uid, gid) == (found.st_uid, found.st_gid):
        return
    attributes = {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}
    os.chown(path, uid, gid, follow_symlinks=False)
    # A change of the owner takes set-user-ID, set-group-ID and capabilities away (chown(2)).
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode))
    for name in sorted(attributes.keys() - set(os.listxattr(path, follow_symlinks=False))):
        os.setxattr(path, name, attributes[name], follow_symlinks=False)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def main(arguments: list[str]) -> int:
    """Pin the accounts of an image: ``PINS ROOT``."""
    pins, root = (Path(word) for word in arguments)
    for account in pin(root, parse_pins(pins.read_text())):
        print(f"the {account} has no pinned number: add it to {pins}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
