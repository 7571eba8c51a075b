"""What rendering would do, without writing anything: every host checked, and what changes for which host."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles.inventory.differences import HostChange, differences
from answerfiles.inventory.inventory import Inventory
from answerfiles.inventory.render import Rendered, Site, load_key, render_hosts
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from iso import netboot_menus
from pipeline.netboot.render import check_place, hosts_before, key_path
from pipeline.netboot.tree_hosts import aliases, chosen_hosts, description, read_listing

MOST_NAMES = 12


@dataclass
class Preview:
    """The hosts that can be rendered, and how they differ from those of the tree that is there.

    :param other: changes that are none of one host, as sentences.
    """

    hosts: int
    changes: list[HostChange] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Return the changes as text; hosts with the same changes are one entry."""
        groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for change in self.changes:
            groups.setdefault((change.kind, change.lines), []).append(change.name)
        lines = list(self.other)
        for (kind, changed), names in groups.items():
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            lines += [f"{', '.join(names[:MOST_NAMES])}{more}: {kind}", *(f"  {line}" for line in changed)]
        kinds = [change.kind for change in self.changes]
        counts = [f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "removed")]
        same = self.hosts - kinds.count("added") - kinds.count("changed")
        return "\n".join([*lines, f"hosts: {', '.join(counts)}, {same} unchanged"])


def preview(
    inventory: Inventory, tree: Path, site_url: str, reporter: Reporter, *, limit: list[str], trust: str = "", image_id: str = ""
) -> Preview:
    """Check every host, and compare with the tree that is there.

    :raises InventoryError: when any host is wrong.
    """
    check_place(tree)
    hosts_before(tree)
    chosen = chosen_hosts(inventory, limit)
    # Without a key nothing was rendered, so that the tokens are new in any case.
    path = key_path(tree)
    key = load_key(path) if path.exists() else secrets.token_hex(32).encode()
    with reporter.step("check every host") as step:
        hosts = render_hosts(inventory, Site(site_url, key, trust), step.progress, chosen=chosen)
    listing = read_listing(tree)
    known: dict[str, Any] = listing.get("hosts", {}) if listing else {}
    old = {name: _answers(tree, name) for name in known if chosen is None or name in chosen}
    new = {rendered.host.name: rendered.answers for rendered in hosts}
    described = netboot_menus.Tree(site_url, image_id, "", trust)
    changes = {change.name: change for change in differences(old, new)}
    for rendered in hosts:
        name = rendered.host.name
        if name in known and (more := tuple(_boot_changes(tree, described, rendered, known[name]))):
            lines = changes[name].lines if name in changes else ()
            changes[name] = HostChange(name, "changed", (*lines, *more))
    other = []
    for key_, value in (("url", site_url), ("image", image_id)):
        if listing and listing.get(key_) != value:
            other.append(f"{key_}: {listing.get(key_)} -> {value}")
    return Preview(len(hosts), [changes[name] for name in sorted(changes)], other)


def _answers(tree: Path, name: str) -> str:
    try:
        return (tree / f"answers/{name}.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UserError(
            f"{tree}/answers/{name}.yaml cannot be read: {error.strerror}", "run as a user who may read the hosts' answers"
        ) from error


def _boot_changes(tree: Path, described: netboot_menus.Tree, rendered: Rendered, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield what changes in how a machine is recognized, and in its kernel's arguments."""
    now = json.loads(json.dumps(dict(description(rendered))))
    for key in ("mac", "macs", "uuid", "serial"):
        if known.get(key) != now.get(key):
            yield f"~ machine {key}: {known.get(key, 'none')} -> {now.get(key, 'none')}"
    arguments = netboot_menus.host_arguments(
        described, rendered.path, report=rendered.report, consoles=rendered.consoles, extra=rendered.boot_arguments
    )
    text = netboot_menus.host_cfg(rendered.host.name, arguments)
    for alias in aliases(known):
        path = tree / f"boot/hosts/{alias}.cfg"
        if path.is_file():
            before, after = _arguments(path.read_text()), _arguments(text)
            yield from (f"- kernel argument {word}" for word in before if word not in after)
            yield from (f"+ kernel argument {word}" for word in after if word not in before)
            return


def _arguments(text: str) -> list[str]:
    """Return the kernel arguments of a host's GRUB configuration."""
    return text.partition('dom0kit_arguments="')[2].rpartition('"')[0].split()
