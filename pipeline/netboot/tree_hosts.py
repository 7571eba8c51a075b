"""The hosts of a network-boot tree: those that a limit chooses, and those of the old tree that are kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from answerfiles.inventory.inventory import Inventory
from answerfiles.inventory.render import Rendered
from dom0kit.errors import UserError
from iso import netboot_menus

LISTING = "hosts.json"


def chosen_hosts(inventory: Inventory, limit: Sequence[str]) -> frozenset[str] | None:
    """Return the names of the hosts that names of hosts and groups choose; None for all of them.

    :raises UserError: when the inventory has no such host or group, or the group has no host.
    """
    if not limit:
        return None
    names = {host.name for host in inventory.hosts}
    groups = {group for host in inventory.hosts for group in host.groups}
    chosen: set[str] = set()
    for name in limit:
        members = {host.name for host in inventory.hosts if name in host.groups}
        if name not in names | groups:
            unused = name in inventory.layer(("groups",))
            what = f"no host is in the group {name}" if unused else "the inventory has no such host or group"
            raise UserError(f"--limit {name}: {what}", "give a name below hosts or groups of the inventory")
        chosen |= members | ({name} & names)
    return frozenset(chosen)


def description(rendered: Rendered) -> Iterator[tuple[str, object]]:
    """Yield what a tree's listing says of a host; every MAC address when it has several."""
    host = rendered.host
    yield from ((kind, value) for kind, value in (("mac", host.mac), ("uuid", host.uuid), ("serial", host.serial)) if value)
    if len(host.macs) > 1:
        yield "macs", list(host.macs)
    yield "groups", list(host.groups)
    yield "answers", f"answers/{rendered.path}"


def aliases(known: Mapping[str, Any]) -> list[str]:
    """Return the names of the boot files of a host in a tree's listing."""
    macs = known.get("macs") or ([known["mac"]] if "mac" in known else [])
    pairs = [("mac", mac) for mac in macs] + [(kind, known[kind]) for kind in ("uuid", "serial") if kind in known]
    return netboot_menus.host_names(pairs)


def read_listing(tree: Path) -> dict[str, Any] | None:
    """Return what a tree says that it has; None without a tree.

    :raises UserError: when it is damaged.
    """
    try:
        value = json.loads((tree / LISTING).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{tree / LISTING} cannot be read: {error}", "remove the tree and render all hosts") from error
    if not isinstance(value, dict) or not isinstance(value.get("hosts"), dict):
        raise UserError(f"{tree / LISTING} has no hosts", "remove the tree and render all hosts")
    return value


def kept_hosts(inventory: Inventory, tree: Path, chosen: frozenset[str], url: str) -> dict[str, Any]:
    """Return the listing's entries of the old tree's hosts that a limited rendering keeps.

    :raises UserError: when they belong to another URL.
    """
    listing = read_listing(tree)
    if listing is None:
        return {}
    if listing.get("url") != url:
        raise UserError(
            f"--limit keeps the files of other hosts, which are for {listing.get('url')} and not for {url}",
            "render all hosts when the URL changes",
        )
    known = {host.name for host in inventory.hosts}
    return {name: entry for name, entry in listing["hosts"].items() if name in known - chosen}


def link_hosts(old: Path, new: Path, kept: Mapping[str, Any]) -> list[str]:
    """Link the files of kept hosts into a new tree; return their names.

    :raises UserError: when a rendered host has taken over what identifies one of them.
    """
    files = []
    for name, entry in kept.items():
        answers = f"answers/{name}.yaml"
        os.link(old / answers, new / answers)
        files.append(answers)
        if (path := str(entry.get("answers", answers))) != answers:
            os.symlink(f"{name}.yaml", new / path)
        for alias in aliases(entry):
            try:
                os.symlink(f"{name}.yaml", new / f"answers/{alias}.yaml")
            except FileExistsError:
                raise UserError(
                    f"{alias} belonged to {name} and now belongs to another host", f"render {name} too: --limit {name}"
                ) from None
            for suffix in ("cfg", "ipxe"):
                boot = f"boot/hosts/{alias}.{suffix}"
                os.link(old / boot, new / boot)
                files.append(boot)
    return files
