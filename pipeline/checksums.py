"""``SHA256SUMS`` and its signature, next to the ISOs that were built into a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dom0kit.events import Reporter
from dom0kit.fs import read_limited, write_atomic
from dom0kit.units import MIB
from image.signing.signer import Signer

SUMS, SUMS_SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
STAMP = ".json"
"""What the name of an ISO's stamp ends with; see :mod:`pipeline.pipeline`."""
LARGEST_SUMS = 64 * MIB
"""Bytes of the checksums of a network-boot tree: 10,000 hosts with several names have a tenth of it."""


def parse_sums(text: str) -> dict[str, str]:
    """Return SHA-256 by name from lines as sha256sum(1) writes them.

    :raises ValueError: naming the line that is none.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        sha256, _, name = line.partition(" ")
        if len(sha256) != 64 or set(sha256) - set("0123456789abcdef") or name[:1] not in (" ", "*") or len(name) < 2:
            raise ValueError(f"line {number} is not a SHA-256 and a name")
        found[name[1:]] = sha256
    return found


def render_sums(sums: Mapping[str, str]) -> str:
    """Return lines as sha256sum(1) writes them, sorted by name."""
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(sums.items()))


def built_isos(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each ISO in a folder that has a stamp of its build and the size of that."""
    found = {}
    for stamp in sorted(folder.glob(f"*{STAMP}")):
        iso = stamp.with_name(stamp.name.removesuffix(STAMP))
        try:
            values = json.loads(read_limited(stamp, MIB))
            if values["volume_id"] and iso.stat().st_size == values["size"]:
                found[iso.name] = str(values["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def write_sums(folder: Path, signer: Signer, cache: Path, reporter: Reporter) -> bool:
    """Write the checksums of a folder's ISOs and their signature when they have changed.

    A file of that name that lists other files of the folder is not dom0kit's and stays as it is.

    :param cache: the folder of earlier signatures.
    :returns: whether the folder has signed checksums of its ISOs.
    """
    path = folder / SUMS
    sums = built_isos(folder)
    if foreign := [name for name in _listed(path) if name not in sums and (folder / name).exists()]:
        text = f"warning: {path} lists {foreign[0]}, which dom0kit did not build here; it was left as it is, without the ISO"
        reporter.emit("note", text=text)
        return False
    data = render_sums(sums).encode()
    signature = signer.sign(data, str(path), cache)
    if _content(path) == data and _content(folder / SUMS_SIGNATURE) == signature:
        return True
    # Never old checksums with a new signature: whoever looks meanwhile finds them unsigned.
    (folder / SUMS_SIGNATURE).unlink(missing_ok=True)
    write_atomic(path, data)
    write_atomic(folder / SUMS_SIGNATURE, signature)
    return True


def _content(path: Path) -> bytes:
    try:
        return read_limited(path, LARGEST_SUMS)
    except OSError:
        return b""


def _listed(path: Path) -> list[str]:
    try:
        return list(parse_sums(_content(path).decode("utf-8", "replace")))
    except ValueError:
        return []
