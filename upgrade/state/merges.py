"""Three-way merges of files that the image and the host both write (pure).

Each takes the text of the old image, of the host and of the new image. The accounts are merged by record and field: passwd(5),
group(5), shadow(5), gshadow(5), subuid(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dom0kit.managed_block import outside
from firstboot import config_files
from pool.ganeti.peers import etc_hosts
from upgrade.state.nodes import Texts

PASSWD, GROUP, SHADOW, GSHADOW = "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"
SUBUID, SUBGID = "etc/subuid", "etc/subgid"
HOSTS = "etc/hosts"
CHRONY = "etc/chrony/chrony.conf"
LISTS: Mapping[str, frozenset[int]] = {GROUP: frozenset({3}), GSHADOW: frozenset({2, 3})}
"""Fields, counted from 0, that are lists of names with commas."""
NUMBER = 2
"""Field of the number in passwd and group."""


def records(text: str) -> dict[str, list[str]]:
    """Return the records of an account file by their first field; lines without a name are left out."""
    rows = (line.split(":") for line in text.splitlines() if line.strip())
    return {row[0]: row for row in rows if row[0]}


def by_record(texts: Texts, lists: frozenset[int] = frozenset()) -> str:
    """Return the new image's records with the host's changes: records added and removed, and single fields.

    A record that the host removed stays removed, one that the new image brings is added. The new image's order comes first.
    """
    old, host, new = records(texts.old), records(texts.host), records(texts.new)
    merged = []
    for name, row in new.items():
        if name in host:
            merged.append(_row(old.get(name, []), host[name], row, lists))
        elif name not in old:
            merged.append(row)
    # A record that the host has only because the old image had it goes with the old image, unless the host changed it.
    merged += [row for name, row in host.items() if name not in new and row != old.get(name)]
    return "".join(":".join(row) + "\n" for row in merged)


def _row(old: list[str], host: list[str], new: list[str], lists: frozenset[int]) -> list[str]:
    if not len(host) == len(new) == len(old or host):
        return host
    before = old or new
    return [
        _names(was, now, fresh) if number in lists else (fresh if now == was else now)
        for number, (was, now, fresh) in enumerate(zip(before, host, new, strict=True))
    ]


def _names(old: str, host: str, new: str) -> str:
    was, now, fresh = (tuple(name for name in text.split(",") if name) for text in (old, host, new))
    kept = [name for name in fresh if name in now or name not in was]
    return ",".join(dict.fromkeys([*kept, *(name for name in now if name not in was)]))


def by_line(texts: Texts) -> str:
    """Return the new image's lines without those that the host removed, and with those that it added."""
    old, host, new = (tuple(text.splitlines()) for text in (texts.old, texts.host, texts.new))
    kept = [line for line in new if line in host or line not in old]
    added = [line for line in host if line not in old and line not in new]
    return "".join(line + "\n" for line in [*kept, *added])


def hosts(texts: Texts) -> str | None:
    """Return the new image's ``/etc/hosts`` with the blocks of host name and pool; None when the host changed other lines."""

    def bare(text: str) -> list[str]:
        own = "\n".join(outside(text, config_files.BEGIN, config_files.END))
        return outside(own, etc_hosts.BEGIN, etc_hosts.END)

    if bare(texts.host) != bare(texts.old):
        return None
    lines, foreign = texts.host.splitlines(), list(bare(texts.host))
    blocks = []
    for line in lines:
        if foreign and line == foreign[0]:
            foreign.pop(0)
        else:
            blocks.append(line)
    return "\n".join([*texts.new.splitlines(), *blocks]) + "\n"


def chrony(texts: Texts) -> str | None:
    """Return the new image's ``chrony.conf`` with Debian's servers off as on the host; None when the host changed more."""

    def bare(text: str) -> str:
        return config_files.chrony_config(text, own_servers=False)

    if bare(texts.host) != bare(texts.old):
        return None
    return config_files.chrony_config(texts.new, own_servers=config_files.OFF in texts.host)


MERGES: Mapping[str, Callable[[Texts], str | None]] = {
    PASSWD: by_record,
    GROUP: lambda texts: by_record(texts, LISTS[GROUP]),
    SHADOW: by_record,
    GSHADOW: lambda texts: by_record(texts, LISTS[GSHADOW]),
    SUBUID: by_line,
    SUBGID: by_line,
    HOSTS: hosts,
    CHRONY: chrony,
}


@dataclass(frozen=True)
class Numbers:
    """Names and numbers of one account file of both images and the host."""

    what: str
    texts: Texts

    def problems(self, merged: str) -> list[str]:
        """Return why files would belong to another account after the change.

        :param merged: the text that the host will have.
        """
        old, new, found = numbers(self.texts.old), numbers(self.texts.new), numbers(merged)
        moved = [
            f"the {self.what} {name} has number {number} in the new image, and files of number {old.get(name, found[name])}"
            for name, number in new.items()
            if name in found and (old.get(name, number) != number or (name not in old and found[name] != number))
        ]
        owners: dict[str, list[str]] = {}
        for name, number in found.items():
            owners.setdefault(number, []).append(name)
        doubled = [
            f"the {self.what}s {' and '.join(sorted(names))} would both have number {number}"
            for number, names in owners.items()
            if any(name in new and name not in old for name in names) and any(name not in new for name in names)
        ]
        return sorted([*moved, *doubled])


def numbers(text: str) -> dict[str, str]:
    """Return the numbers of users or groups by name."""
    return {name: row[NUMBER] for name, row in records(text).items() if len(row) > NUMBER}
