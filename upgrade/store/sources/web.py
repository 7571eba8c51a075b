"""An image on a web server: an image folder, or a network-boot tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Trust, WebError, get, shown
from dom0kit.http_proxy import HttpProxy
from dom0kit.untrusted.values import read_json
from upgrade.store.sources.http_stream import Stream, open_stream
from upgrade.store.sources.source import LARGEST_MANIFEST, LARGEST_SIGNATURE, MANIFEST, SIGNATURE

TREE_MANIFEST = "images/manifest.json"
"""In a network-boot tree: a copy of the manifest of the image in use, whose id is the name of the image's folder."""
HINT = "give the URL of a network-boot tree that 'dom0kit answers render' made, or of an image folder in it: URL/images/ID"


@dataclass(frozen=True)
class WebSource:
    """An image on a web server; ``name`` is the URL of the image folder, without a slash at its end."""

    name: str
    manifest: bytes
    signature: bytes
    trust: Trust
    proxy: HttpProxy | None

    @contextmanager
    def open(self, name: str, size: int, offset: int) -> Iterator[Stream]:
        """Open a file of the image; see :class:`upgrade.store.sources.source.Source`."""
        with open_stream(f"{self.name}/{name}", size, offset, trust=self.trust, proxy=self.proxy) as stream:
            yield stream


def open_url(url: str, trust: Trust = SYSTEM, proxy: HttpProxy | None = None) -> WebSource:
    """Find the image at a URL.

    :raises UserError: when the server cannot be reached or has none there.
    """
    base = url.rstrip("/").removesuffix(f"/{MANIFEST}")
    if base.lower().endswith(".iso"):
        raise UserError(f"{shown(url)} is an ISO, which cannot be read over the network", "download it, and name the file")

    def fetch(path: str, largest: int) -> bytes | None:
        try:
            return get(f"{base}/{path}", trust=trust, proxy=proxy, largest=largest)
        except WebError as error:
            if error.status in (403, 404):
                return None
            raise

    manifest = fetch(MANIFEST, LARGEST_MANIFEST)
    if manifest is None:
        tree = fetch(TREE_MANIFEST, LARGEST_MANIFEST)
        if tree is None:
            raise UserError(f"there is no image at {shown(url)}: it has neither {MANIFEST} nor {TREE_MANIFEST}", HINT)
        base = f"{base}/images/{image_id(tree, shown(url))}"
        manifest = fetch(MANIFEST, LARGEST_MANIFEST)
        if manifest is None:
            raise UserError(f"there is no image at {base}, which {shown(url)}/{TREE_MANIFEST} names", "render the tree again")
    return WebSource(base, manifest, fetch(SIGNATURE, LARGEST_SIGNATURE) or b"", trust, proxy)


def image_id(manifest: bytes, url: str) -> str:
    """Return the name of the image's folder in a tree, from the tree's copy of the manifest.

    :raises UserError: when it is none.
    """
    try:
        found = str(read_json(manifest)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{url}/{TREE_MANIFEST} is no manifest", HINT) from error
    if not re.fullmatch(r"[0-9a-f]{16}", found):
        raise UserError(f"{url}/{TREE_MANIFEST} has the id {found!r}, which is not 16 hexadecimal digits", HINT)
    return found
