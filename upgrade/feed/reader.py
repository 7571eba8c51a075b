"""Read a feed: from a folder or a web server, its signature verified."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from dom0kit.errors import UserError
from dom0kit.fs import read_limited
from dom0kit.http_client import SYSTEM, Trust, WebError, get, shown
from dom0kit.http_proxy import HttpProxy
from dom0kit.linux.signatures import has_keys, verify
from upgrade.feed.index import INDEX, LARGEST, SIGNATURE, FeedImage, Index, parse
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.source import LARGEST_SIGNATURE, Source

HINT = "name the folder that 'dom0kit feed add' made, or its URL"


def place_of(text: str) -> str:
    """Return a feed's URL or path without a slash at its end; ``file:`` becomes a path.

    :raises UserError: for another scheme.
    """
    if text.startswith("file:"):
        return url2pathname(urlsplit(text).path).rstrip("/") or "/"
    if "://" in text and not text.startswith(("http://", "https://")):
        raise UserError(f"the feed {text} has a scheme that is not supported", "use http, https, file, or a folder's path")
    return text.rstrip("/") or "/"


def read_index(text: str, keys: Path, trust: Trust = SYSTEM, proxy: HttpProxy | None = None) -> Index:
    """Return the index of a feed.

    :param keys: folder of the accepted keys; without keys in it, an index need not be signed.
    :raises UserError: when there is none, or it is damaged or not signed by an accepted key.
    """
    place = place_of(text)
    data = _fetch(f"{place}/{INDEX}", LARGEST, trust, proxy)
    if data is None:
        raise UserError(f"there is no feed at {shown(place)}: it has no {INDEX}", HINT)
    if has_keys(keys):
        signature = _fetch(f"{place}/{SIGNATURE}", LARGEST_SIGNATURE, trust, proxy)
        verify(data, signature or b"", keys, f"{INDEX} of {shown(place)}")
    return parse(data, shown(place))


def open_image(text: str, image: FeedImage, trust: Trust = SYSTEM, proxy: HttpProxy | None = None) -> Source:
    """Open an image of a feed for staging.

    :raises UserError: when its manifest is not the one of the index.
    """
    source = open_source(f"{place_of(text)}/{image.name}", trust, proxy)
    if hashlib.sha256(source.manifest).hexdigest() != image.manifest_sha256:
        raise UserError(f"the manifest of {source.name} is not the one that {INDEX} names", "add the image to the feed again")
    return source


def _fetch(place: str, largest: int, trust: Trust, proxy: HttpProxy | None) -> bytes | None:
    if place.startswith(("http://", "https://")):
        try:
            return get(place, trust=trust, proxy=proxy, largest=largest)
        except WebError as error:
            if error.status in (403, 404):
                return None
            raise
    try:
        return read_limited(Path(place), largest)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{place} cannot be read: {error.strerror}", HINT) from error
