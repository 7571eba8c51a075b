"""Tag a host's Ganeti node with its disks that miss paths.

``gnt-node list`` and the RAPI show the tags.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import first_line
from dom0kit.process import Runner, run

DATA = "var/lib/ganeti"
TAG = "dom0kit:paths-missing:"
"""Prefix of the WWID; Ganeti's tags consist of letters, digits and ``.+*/:@_-``, at most 128
(gnt-node(8)).
"""
TRY_AGAIN = 60.0
"""Pause between two tries to write the node's tags.

Kind: pace. Reason: a master that is down may be replaced by then. Expiry: the next try; after the
last one the next change of a path begins again.
"""
TRIES = 10
SECONDS = 3600.0
"""Run gnt-node on the pool's master.

Kind: cap. Reason: a job of the pool waits for others that hold the node, such as the creation of a
guest. Expiry: another try after a pause.
"""
CONNECT_SECONDS = 60
"""Connect to the pool's master by ssh (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: covers the key exchange of a busy master as well; one that is silent longer is down. Expiry: another try
after a pause.
"""


def on_master(root: Path, argv: list[str]) -> list[str]:
    """Return the command to run on the master, where Ganeti's commands work; empty without a pool.

    Master candidates have the key for it; all hosts of a pool have host keys under the pool's name
    (ganeti(7)).
    """

    def text(name: str) -> str:
        try:
            return (root / DATA / name).read_text().strip()
        except OSError:
            return ""

    master, pool = text("ssconf_master_node"), text("ssconf_cluster_name")
    if not master or not pool:
        return []
    if master == node_name():
        return argv
    options = {
        "BatchMode": "yes",
        "HostKeyAlias": pool,
        "GlobalKnownHostsFile": f"/{DATA}/known_hosts",
        "UserKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
    }
    return ["ssh", *(word for name, value in options.items() for word in ("-o", f"{name}={value}")), f"root@{master}", *argv]


def node_name() -> str:
    """Return Ganeti's name of this host."""
    return socket.getfqdn()


def difference(listed: str, missing: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the tags to add and those to remove.

    :param listed: output of ``gnt-node list-tags``.
    :param missing: WWIDs of the disks that miss paths.
    """
    there = {word for word in listed.split() if word.startswith(TAG)}
    wanted = {TAG + wwid for wwid in missing}
    return sorted(wanted - there), sorted(there - wanted)


def update_tags(root: Path, missing: Iterable[str], runner: Runner = run) -> None:
    """Update the node's tags.

    :raises UserError: when the master cannot be reached, or does not have this host.
    """
    if not on_master(root, ["true"]):
        return
    node = node_name()
    listed = runner(on_master(root, ["gnt-node", "list-tags", node]), timeout=SECONDS).output
    for action, tags in zip(("add-tags", "remove-tags"), difference(listed, missing), strict=True):
        if tags:
            runner(on_master(root, ["gnt-node", action, node, *tags]), timeout=SECONDS)


class NodeTags:
    """Keep the tags current in a thread, with retries while the master cannot be reached.

    :param missing: returns the WWIDs of the disks that miss paths now.
    """

    def __init__(self, root: Path, missing: Callable[[], Iterable[str]], note: Callable[[str], None]) -> None:
        self._root, self._missing, self._note = root, missing, note
        self._wake = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self.changed()

    def changed(self) -> None:
        """Request an update; return at once."""
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            for _ in range(TRIES):
                self._wake.clear()
                try:
                    update_tags(self._root, self._missing())
                    break
                except (OSError, UserError) as error:
                    self._note(f"cannot update the node tags of missing paths: {first_line(error)}")
                self._wake.wait(TRY_AGAIN)
