"""An image in an ISO: a file, or a stick or disc that it was written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dom0kit.errors import OF_HARDWARE, UserError
from upgrade.store.sources import iso9660
from upgrade.store.sources.folder import FileReader, open_part
from upgrade.store.sources.source import LARGEST_MANIFEST, LARGEST_SIGNATURE, MANIFEST, SIGNATURE

FOLDER = "DOM0KIT"


@dataclass(frozen=True)
class IsoSource:
    """An image in an ISO."""

    name: str
    path: Path
    records: Mapping[str, iso9660.Record]
    manifest: bytes
    signature: bytes

    @contextmanager
    def open(self, name: str, size: int, offset: int) -> Iterator[FileReader]:
        """Open a file of the image; see :class:`upgrade.store.sources.source.Source`."""
        record = self.records.get(iso9660.plain_name(name))
        if record is None or record.length != size:
            raise UserError(
                f"{self.path} has no {name} of {size} bytes, which its manifest lists", "write or download the ISO again"
            )
        with open_part(self.path, record.start + offset, record.start + record.length) as reader:
            yield reader


def open_iso(path: Path) -> IsoSource:
    """Find the image in an ISO.

    :raises UserError: when it is no ISO of dom0kit.
    """
    try:
        with path.open("rb") as file:
            records = iso9660.find(file, FOLDER)
            manifest = _content(file, records, MANIFEST, LARGEST_MANIFEST)
            signature = _content(file, records, SIGNATURE, LARGEST_SIGNATURE)
    except iso9660.NotIso as error:
        raise UserError(
            f"{path} is no ISO of dom0kit: {error}", "name an ISO, an image folder, or a stick with the ISO"
        ) from error
    except OSError as error:
        if error.errno in OF_HARDWARE:
            raise UserError(f"{path} cannot be read: {error.strerror}", "write the medium again, or use another one") from error
        raise UserError(f"{path} cannot be read: {error.strerror}", "check the path") from error
    if not manifest:
        raise UserError(
            f"{path} is no ISO of dom0kit: it has no {MANIFEST}", "name an ISO, an image folder, or a stick with the ISO"
        )
    return IsoSource(str(path), path, records, manifest, signature)


def _content(file: BinaryIO, records: Mapping[str, iso9660.Record], name: str, largest: int) -> bytes:
    record = records.get(iso9660.plain_name(name))
    if record is None:
        return b""
    if record.length > largest:
        raise iso9660.NotIso(f"its {name} has {record.length} bytes")
    file.seek(record.start)
    return file.read(record.length)
