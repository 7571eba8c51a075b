"""``dom0ctl updates``: newer images in a feed, and what the host does about them."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.fs import write_json
from dom0kit.linux.signatures import KEYS
from dom0kit.units import human_bytes, table
from firstboot.updates_status import CHECKED, Checked, read_checked
from installer.bootloader.menus import image_entry
from pool.arguments import add_list_options
from pool.local_pool import as_root
from upgrade.commands.images import LOG_SECONDS, check_signature, host_store, proxy_of, read_trust
from upgrade.feed import settings as stored
from upgrade.feed.index import Index, Offer, newer
from upgrade.feed.reader import open_image, place_of, read_index
from upgrade.feed.settings import WAYS, Settings
from upgrade.store.compatibility import day
from upgrade.store.images import Store
from upgrade.store.staging import Stager
from upgrade.trial import window

HINT = "name it: dom0ctl updates --source URL"


def register(add: Add) -> None:
    """Register the subcommand."""
    add(
        "updates",
        "list newer images of a feed, and choose what this host does about them",
        _configure,
        updates,
        example="dom0ctl updates --source https://images.example.com/feed\n"
        "dom0ctl updates --source https://images.example.com/feed --auto stage\n"
        'dom0ctl updates --window "Sun 02:00-04:00"',
    )


def _configure(parser: argparse.ArgumentParser) -> None:
    add_list_options(parser)
    parser.add_argument(
        "--source", metavar="URL", help="the feed: a URL of http, https or file, or a folder; default: the one stored by --auto"
    )
    parser.add_argument(
        "--trust",
        metavar="TRUST",
        help="for https: the fingerprint of the server's certificate, as sha256:HEX, or a file with CA certificates in PEM",
    )
    parser.add_argument(
        "--auto",
        choices=WAYS,
        help="store the feed, and what is done once a day: 'stage' brings the newest image to this host; nothing is restarted",
    )
    parser.add_argument(
        "--window",
        metavar="WINDOW",
        help="store when this host may restart into another image, in local time: 'Sun 02:00-04:00', 'Mon..Fri 22:00-02:00'; "
        "'none' for any time",
    )
    parser.add_argument("--automatic", action="store_true", help=argparse.SUPPRESS)


def updates(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl updates``."""
    return int(as_root(lambda: _automatic(arguments.root) if arguments.automatic else _updates(arguments)))


def _updates(arguments: argparse.Namespace) -> int:
    root: Path = arguments.root
    old = stored.read(root)
    settings = changed(old, arguments.source, arguments.trust, arguments.auto, arguments.window)
    read_trust(settings.trust or None)
    offers = check(root, settings) if settings.source else []
    if not settings.source and arguments.window is None and arguments.auto != "off":
        raise UserError("this host knows no feed", HINT)
    # The feed and the trust of one look are not stored.
    kept = settings if arguments.auto is not None else replace(old, window=settings.window)
    if kept != old:
        stored.write(root, kept)
    if arguments.json:
        print(json.dumps(to_json(kept, offers), indent=2))
        return 0
    if settings.source:
        print(offers_text(offers, settings.source))
    if kept != old:
        print(settings_text(kept))
    return 0


def changed(old: Settings, source: str | None, trust: str | None, auto: str | None, window_text: str | None) -> Settings:
    """Return the settings with what a command line says (pure).

    :raises UserError: when a value cannot be used.
    """
    found = old
    if source is not None:
        place_of(source)
        found = replace(found, source=source, trust="")
    if trust is not None:
        found = replace(found, trust=trust)
    if auto == "stage" and not found.source:
        raise UserError("--auto stage needs a feed", HINT)
    if auto is not None:
        found = replace(found, auto=auto)
    if window_text is not None:
        found = replace(found, window="" if window_text == "none" else window.parse(window_text).text)
    return found


def check(root: Path, settings: Settings) -> list[Offer]:
    """Compare the running image with a feed, and record the result for ``dom0ctl status``.

    :raises UserError: when the feed cannot be read, or is older than it was.
    """
    store = host_store(root)
    running, failed = store.running_manifest(), store.failed()
    before = read_checked(root)
    seen = before["serial"] if before is not None and before["source"] == settings.source else 0
    record: Checked = {"source": settings.source, "time": time.time(), "serial": seen, "newest": "", "error": ""}
    try:
        index = read_index(settings.source, root / KEYS, read_trust(settings.trust or None), proxy_of(root))
        check_serial(index, seen, settings.source)
    except UserError as error:
        record["error"] = error.message
        _record(root, record)
        raise
    offers = newer(index, running, tuple(failed))
    usable = [offer.image.name for offer in offers if not offer.obstacle]
    _record(root, record | {"serial": index.serial, "newest": usable[0] if usable else ""})
    return offers


def check_serial(index: Index, seen: int, source: str) -> None:
    """Refuse an index that is older than one of the same feed that this host has seen (pure).

    :raises UserError: an old copy hides newer images.
    """
    if index.serial < seen:
        raise UserError(
            f"the index of {source} has the serial {index.serial}, this host has seen {seen}: it is an old copy",
            f"get the feed again; or, when it was made again from nothing, remove /{CHECKED}",
        )


def _record(root: Path, record: Any) -> None:
    path = root / CHECKED
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)


def _automatic(root: Path) -> int:
    """Do once a day what the settings say."""
    settings = stored.read(root)
    if settings.auto != "stage" or not settings.source:
        return 0
    image = to_stage(check(root, settings), host_store(root))
    if image is None:
        print(f"{settings.source} has no newer image for this host.")
        return 0
    trust, proxy = read_trust(settings.trust or None), proxy_of(root)
    source = open_image(settings.source, image.image, trust, proxy)
    reporter = Reporter("upgrade", [TerminalSink(every=LOG_SECONDS)])
    staged = Stager(host_store(root), reporter, image_entry, check_signature(root)).stage(source)
    print(f"{staged.manifest.name} is staged: dom0ctl image try {staged.manifest.name}")
    return 0


def to_stage(offers: Sequence[Offer], store: Store) -> Offer | None:
    """Return the newest image that the host can use, unless it is staged; None when there is none."""
    usable = next((offer for offer in offers if not offer.obstacle), None)
    return None if usable is None or (store.folder / usable.image.name).is_dir() else usable


def offers_text(offers: Sequence[Offer], source: str) -> str:
    """Return newer images as text (pure)."""
    if not offers:
        return f"{source} has no newer image"
    rows: list[tuple[str, ...]] = []
    for offer in offers:
        image = offer.image
        facts = (day(image.epoch), image.kernel, image.xen, human_bytes(image.size))
        rows.append((image.name, *facts, offer.obstacle or "yes"))
    text = table(("newer image", "packages of", "kernel", "Xen", "size", "for this host"), rows)
    usable = next((offer.image.name for offer in offers if not offer.obstacle), "")
    return f"{text}\nstage it: dom0ctl image stage {place_of(source)}/{usable}" if usable else text


def settings_text(settings: Settings) -> str:
    """Return stored settings as text (pure)."""
    day_by_day = (
        f"the newest image of {settings.source} is staged once a day" if settings.auto == "stage" else "nothing is staged"
    )
    restart = f"only in the window {settings.window}" if settings.window else "at any time"
    return f"stored: {day_by_day}; a restart into another image is allowed {restart}"


def to_json(settings: Settings, offers: Sequence[Offer]) -> dict[str, Any]:
    """Return settings and newer images as plain values (pure)."""
    images = [vars(offer.image) | {"obstacle": offer.obstacle} for offer in offers]
    return {"settings": vars(settings), "newer": images}
