"""Open the source that a user names."""

from __future__ import annotations

from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.http_proxy import HttpProxy
from upgrade.store.sources.folder import open_folder
from upgrade.store.sources.iso_file import open_iso
from upgrade.store.sources.source import Source
from upgrade.store.sources.web import open_url


def open_source(text: str, trust: Trust = SYSTEM, proxy: HttpProxy | None = None) -> Source:
    """Open an image by what a user types: a folder, an ISO, a stick or disc with one, or a URL.

    :raises UserError: when there is no image.
    """
    if text.startswith(("http://", "https://")):
        return open_url(text, trust, proxy)
    path = Path(text)
    if path.is_dir():
        return open_folder(path)
    if path.is_file() or path.is_block_device():
        return open_iso(path)
    if path.exists():
        raise UserError(f"{text} is neither a folder, a file nor a disk", "name an ISO, an image folder, a stick, or a URL")
    raise UserError(f"{text} does not exist", "name an ISO, an image folder, a stick such as /dev/sdb, or a URL of http or https")
