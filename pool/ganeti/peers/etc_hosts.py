"""The pool's names in ``/etc/hosts``.

Ganeti uses host names, which a data center's DNS may not have.

Every host writes its own block from the files that Ganeti distributes; Ganeti's own way is to copy
the master's whole file to every host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dom0kit.managed_block import outside
from pool.ganeti.ssconf import Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess

HOSTS = "etc/hosts"
BEGIN = "# dom0kit pool: begin"
END = "# dom0kit pool: end"


def block(names: Mapping[str, str]) -> list[str]:
    """Return the lines for names with their addresses, each with its short name."""
    lines = []
    for name, address in sorted(names.items()):
        short = name.partition(".")[0]
        if address:
            lines.append(f"{address}\t{name}" + ("" if short == name else f" {short}"))
    return lines


def hosts_text(text: str, names: Mapping[str, str]) -> str:
    """Return ``/etc/hosts`` with the pool's block replaced or appended.

    Without names the block is removed.

    Names that a line outside of the block has, such as the host's own, are left out of the block.
    """
    around = outside(text, BEGIN, END)
    taken = {word for line in around for word in line.partition("#")[0].split()[1:]}
    lines = block({name: address for name, address in names.items() if name not in taken})
    return "\n".join([*around, *([BEGIN, *lines, END] if lines else [])]) + "\n"


def names_of(ssconf: Ssconf | None) -> dict[str, str]:
    """Return the addresses of a pool's names: its own and those of its hosts."""
    return {} if ssconf is None else {**ssconf.hosts, ssconf.pool: ssconf.address}


def inside(text: str) -> dict[str, str]:
    """Return the addresses of the names in the block."""
    lines = text.splitlines()
    if BEGIN not in lines or END not in lines:
        return {}
    found = (line.split() for line in lines[lines.index(BEGIN) + 1 : lines.index(END)])
    return {words[1]: words[0] for words in found if len(words) > 1}


def write_hosts(access: HostAccess, more: Mapping[str, str] | None = None, *, keep: bool = False) -> bool:
    """Update the pool's block in ``/etc/hosts``.

    :param more: additional names.
    :param keep: keep names that are in the block already: Ganeti's files may change in the middle
        of a job that uses a name which is not in them yet, or no longer.
    :returns: whether the file was changed.
    """
    text = access.read(HOSTS)
    names = {**(inside(text) if keep else {}), **names_of(read_ssconf(access)), **(more or {})}
    return access.write(HOSTS, hosts_text(text, names))
