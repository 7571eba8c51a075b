"""``dom0ctl image``: the images of this host."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from dom0kit.arguments.paths import path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.fs import read_limited
from dom0kit.http_client import SYSTEM, Trust, parse_trust
from dom0kit.http_proxy import HttpProxy
from dom0kit.linux.boot_choice import Choice
from dom0kit.linux.signatures import KEYS, has_keys, verify
from dom0kit.units import MIB, human_bytes, table
from firstboot.host import HOST_JSON, Host
from installer.bootloader.menus import image_entry
from installer.command_log import Commands
from pool.arguments import add_list_options, add_root
from pool.local_pool import as_root
from upgrade.choice import esps
from upgrade.state.describe import describe
from upgrade.state.prepare import Report
from upgrade.store.compatibility import day
from upgrade.store.differences import compare, diff_lines
from upgrade.store.images import Store, StoredImage
from upgrade.store.removal import remove
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.source import MANIFEST, Source
from upgrade.store.staging import CheckSignature, Stager
from upgrade.trial import changes

LOG = Path("var/log/dom0kit/image.log")
LOG_SECONDS = 10.0
"""Print the progress of a step when the output is no terminal.

Kind: pace. Reason: a log stays readable, and still shows that the work goes on. Expiry: the next line.
"""


def register(add: Add) -> None:
    """Register the subcommands."""
    add("image list", "list the images of this host", add_list_options, list_images, example="dom0ctl image list")
    add(
        "image stage",
        "bring another image to this host, verified; it does not start",
        _configure_stage,
        stage,
        example="dom0ctl image stage http://192.0.2.1\ndom0ctl image stage /root/dom0kit.iso\ndom0ctl image stage /dev/sdb",
    )
    add(
        "image diff",
        "show what changes from the running image to another one",
        _configure_diff,
        diff,
        example="dom0ctl image diff 0.2.0",
    )
    add("image remove", "remove an image and its state", _configure_remove, remove_image, example="dom0ctl image remove 0.1.0")


def _configure_stage(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="an ISO, a stick or disc with one, an image folder, or the http or https URL of a network-boot tree",
    )
    parser.add_argument("--force", action="store_true", help="accept an older image, and one that failed on this host")
    parser.add_argument(
        "--trust",
        metavar="TRUST",
        help="for https: the fingerprint of the server's certificate, as sha256:HEX, or a file with CA certificates in PEM",
    )


def _configure_diff(parser: argparse.ArgumentParser) -> None:
    add_list_options(parser)
    parser.add_argument(
        "name", metavar="IMAGE", nargs="?", help="its name or the beginning of it (default: the one that was staged last)"
    )
    parser.add_argument("--all", action="store_true", help="list also what dom0kit and services write")


def _configure_remove(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("name", metavar="IMAGE", help="its name or the beginning of it")


def host_store(root: Path) -> Store:
    """Return the images of the host whose root folder is ``root``; another root than ``/`` has no boot loader."""
    if root != Path("/"):
        return Store(root)
    return Store(root, choice_or_none, names_of_choices)


def choice_or_none() -> Choice | None:
    """Return which image the boot loader starts; None, with a warning, when no ESP says it."""
    try:
        return esps.read_choice()
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None


def names_of_choices() -> frozenset[str]:
    """Return the images that any copy of the choice names."""
    choices = [copy.choice for copy in esps.read_copies() if copy.choice is not None]
    return frozenset(name for choice in choices for name in (choice.image, choice.trial) if name)


def host_commands(root: Path) -> Commands:
    """Return commands that are logged to the host's log, or to nowhere while it cannot be written."""
    log = root / LOG
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return Commands(log.open("a", encoding="utf-8"))
    except OSError:
        return Commands(tempfile.TemporaryFile("w", encoding="utf-8"))


def list_images(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image list``."""
    images: list[StoredImage] = as_root(host_store(arguments.root).images)
    if arguments.json:
        print(json.dumps([image_to_json(image) for image in images], indent=2))
        return 0
    rows: list[tuple[str, ...]] = []
    for image in images:
        found = image.manifest
        facts = (day(found.epoch), found.kernel, found.xen) if found else ("", "", "")
        rows.append((image.name, ", ".join(image.states), human_bytes(image.size), *facts))
    print(table(("image", "state", "size", "packages of", "kernel", "Xen"), rows))
    for image in images:
        if image.reason:
            print(f"{image.name} failed: {image.reason}")
    return 0


def image_to_json(image: StoredImage) -> dict[str, Any]:
    """Return an image as a JSON value."""
    found = image.manifest
    value: dict[str, Any] = {"name": image.name, "states": list(image.states), "size": image.size, "reason": image.reason}
    facts = {"version": "", "id": "", "epoch": 0, "kernel": "", "xen": ""}
    return value | {key: getattr(found, key) if found else default for key, default in facts.items()}


def stage(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image stage``."""
    store = host_store(arguments.root)
    source = open_source(arguments.source, read_trust(arguments.trust), proxy_of(arguments.root))
    reporter = Reporter("upgrade", [TerminalSink(every=LOG_SECONDS)])
    stager = Stager(store, reporter, image_entry, check_signature(arguments.root))
    staged = as_root(lambda: stager.stage(source, force=arguments.force))
    name = staged.manifest.name
    print(f"{name} is staged" if staged.fresh else f"{name} was staged before, and is whole")
    if name != store.running:
        print(f"what changes: dom0ctl image diff {name}")
    return 0


def check_signature(root: Path) -> CheckSignature:
    """Return the check of a source's signature; an image without keys accepts what is not signed."""
    keys = root / KEYS

    def check(source: Source) -> None:
        if has_keys(keys):
            verify(source.manifest, source.signature, keys, f"{MANIFEST} of {source.name}")

    return check


def diff(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image diff``."""
    store = host_store(arguments.root)
    running = store.running_manifest()
    image = store.find(arguments.name) if arguments.name else newest(store.images())
    if image.manifest is None:
        raise UserError(f"{image.name} is damaged", f"remove it: dom0ctl image remove {image.name}")
    if image.name == running.name:
        raise UserError(f"{image.name} is running", "name another image: dom0ctl image list")
    report: Report = as_root(lambda: changes.prepare_state(store, image, host_commands(arguments.root), dry=True))
    rows = describe(report.plan, report.packages.plan, everything=arguments.all)
    found = compare(running, image.manifest)
    if arguments.json:
        state = {"state": [row.to_json() for row in rows], "problems": list(report.problems)}
        print(json.dumps(found.to_json() | state, indent=2))
        return 0
    print("\n".join(diff_lines(found)))
    if rows:
        print("\nwhat was changed by hand on this host, and what becomes of it:\n")
        print(table(("what", "change", "becomes", "because"), [(row.what, row.change, row.verdict, row.reason) for row in rows]))
    for problem in report.problems:
        print(f"prevents the change of image: {problem}")
    return 0


def remove_image(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image remove``."""
    gone = as_root(lambda: remove(host_store(arguments.root), arguments.name))
    print(f"{gone.name} is removed, {human_bytes(gone.size)} are free again")
    return 0


def newest(images: list[StoredImage]) -> StoredImage:
    """Return the image that was staged last.

    :raises UserError: when there is only the running one.
    """
    others = [image for image in images if "running" not in image.states]
    if not others:
        raise UserError("there is only the image that runs", "stage another one: dom0ctl image stage SOURCE")
    return max(others, key=lambda image: image.folder.stat().st_mtime)


def read_trust(text: str | None) -> Trust:
    """Return what to trust on https by ``--trust``.

    :raises UserError: when it is neither a fingerprint nor a file with certificates.
    """
    if text is None:
        return SYSTEM
    if text.lower().startswith("sha256:"):
        return parse_trust(text)
    try:
        trust = Trust(ca=read_limited(path(text), MIB).decode("ascii", "replace"))
    except OSError as error:
        raise UserError(f"--trust {text} cannot be read: {error.strerror}", "give sha256:HEX, or a file in PEM") from error
    trust.context()
    return trust


def proxy_of(root: Path) -> HttpProxy | None:
    """Return the HTTP proxy of the host's answers."""
    host = Host(root)
    if not host.path(HOST_JSON).exists():
        return None
    proxy = host.host_json.get("proxy")
    return HttpProxy(proxy["url"], tuple(proxy.get("except_for") or ())) if proxy else None
