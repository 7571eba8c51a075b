"""The files that let a network boot install a host: without them its boot configuration starts the local disk.

``render`` writes them for hosts that are new to the tree, ``dom0kit answers arm`` for any other; they are removed when the
installation begins to write. Whatever is lost, late or restored, a host that is not armed keeps what is on its disk.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sync_folder, write_atomic

FOLDER = "armed"
OLD_FOLDER = "done"
NEW = "new"
"""The order of a host that is new to the tree: it installs on a disk without an installation of this host."""

ORDER = re.compile(r"new|\d{8}T\d{6}\.\d{3}Z")
"""Every order: :data:`NEW`, or the time of an explicit one, from :func:`order_now`."""


def order_now(now: float | None = None) -> str:
    """Return the order of an explicit arming: the time in UTC, so that orders sort by age.

    A disk keeps the order by which it was installed. Only a later one replaces the installation: a mark that nothing could
    remove, or that was restored with an old tree, orders nothing.
    """
    moment = time.time() if now is None else now
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03}Z"


def armed_files(host: str, order: str) -> dict[str, str]:
    """Return the contents of the two files by their names below ``armed/``: what boot loaders read."""
    return {
        f"{host}.cfg": f"# {host} will be installed. Without this file its disk is started.\nset dom0kit_armed={order}\n",
        f"{host}.ipxe": f"#!ipxe\n# {host} will be installed. Without this file its disk is started.\n"
        f"set dom0kit-armed {order}\n",
    }


def arm(tree: Path, host: str, order: str) -> None:
    """Write a host's files, each whole."""
    folder = tree / FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in armed_files(host, order).items():
        write_atomic(folder / name, text)


def disarm(tree: Path, host: str) -> bool:
    """Remove a host's files, durably; return whether there were any."""
    found = False
    for name in armed_files(host, NEW):
        path = tree / FOLDER / name
        try:
            path.unlink()
            found = True
        except FileNotFoundError:
            pass
    if found:
        sync_folder(tree / FOLDER)
    return found


def is_armed(tree: Path, host: str) -> bool:
    """Return whether the next network boot installs a host, with either boot loader; for one of many hosts at a time."""
    return any((tree / FOLDER / name).exists() for name in armed_files(host, NEW))


def armed_hosts(tree: Path) -> set[str]:
    """Return the hosts that the next network boot installs, with either boot loader."""
    return {path.stem for path in (tree / FOLDER).glob("*") if path.suffix in (".cfg", ".ipxe")}


def refuse_old_tree(tree: Path) -> None:
    """Reject a tree of the old scheme, which installed every host without a file below ``done/``.

    :raises UserError: with the way to a new tree.
    """
    folder = tree / OLD_FOLDER
    if not folder.is_dir():
        return
    names = sorted({path.stem for path in folder.glob("*.*")})
    known = f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}" if names else "no host"
    raise UserError(
        f"{tree} was rendered by an older dom0kit: its {OLD_FOLDER}/ names the hosts that are installed ({known}), "
        f"today {FOLDER}/ names those that will be",
        f"move it away (mv {tree} {tree}.old), render it again with --arm none, then arm the hosts that are to be installed: "
        f"dom0kit answers arm {tree} HOST",
    )


def check_known(hosts: Iterable[str], known: Iterable[str], what: str) -> None:
    """Check that hosts are in the tree or inventory.

    :raises UserError: naming the first that is not.
    """
    if strangers := sorted(set(hosts) - set(known)):
        raise UserError(f"{what} has no host {strangers[0]}", "check the spelling; hosts.json lists the hosts of a tree")
