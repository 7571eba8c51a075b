"""``dom0kit iso``: the whole way from the recipe to a verified ISO, skipping whatever has not changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dom0kit.events import Reporter
from dom0kit.fs import write_atomic, write_json
from image import build as image
from image.cache_keys import PROJECT, files_below, hash_files, hash_values
from image.signing.signer import SIGNATURE
from iso import master
from iso.grub_menu import MenuOptions
from iso.layout import SBOM_FILE
from pipeline.checksums import STAMP, write_sums


@dataclass(frozen=True)
class Made:
    """An ISO, whether this run had to make it, and a sentence on who signed it."""

    path: Path
    size: int
    sha256: str
    volume_id: str
    fresh: bool
    signed: str = ""


def iso_key(manifest: dict[str, Any], signature: str = "") -> str:
    """Return the key of an ISO: the image's files, commit and signature, and the code and menus that master it."""
    named = (manifest["files"], manifest["id"], manifest.get("commit", ""))
    return hash_values(*named, signature, hash_files(files_below(PROJECT / "iso")))[:16]


def make(options: image.Options, reporter: Reporter, output: Path) -> Made:
    """Build what is missing or outdated, and sign it.

    :raises UserError: as the image's and the ISO's builders do, and when the sign command fails.
    """
    signer = image.find_builds_signer(options)
    manifest = image.build(options, reporter, signer)
    made = make_iso(options, reporter, output, manifest)
    write_sums(output.parent, signer, options.signed, reporter)
    return replace(made, signed=signer.sentence())


def make_iso(options: image.Options, reporter: Reporter, output: Path, manifest: dict[str, Any]) -> Made:
    """Master the ISO of an image folder when it is missing or outdated."""
    signed = options.output / SIGNATURE
    key = iso_key(manifest, signed.read_text() if signed.is_file() else "")
    stamp = output.with_name(output.name + STAMP)
    copy_sbom(options.output, output)
    if not options.force and (made := read_stamp(stamp, output, key)):
        return made
    memory = manifest["dom0_memory_mib"]
    menu = MenuOptions(dom0_memory=f"dom0_mem={memory}M,max:{memory}M")
    result = master.build(options.output, output, reporter, options=menu)
    values = {"key": key, "size": result.size, "sha256": result.sha256, "volume_id": result.volume_id}
    write_json(stamp, values)
    return Made(output, result.size, result.sha256, result.volume_id, True)


def copy_sbom(folder: Path, output: Path) -> None:
    """Put the image's SBOM next to the ISO: ``dom0kit.cdx.json`` next to ``dom0kit.iso``."""
    write_atomic(output.with_suffix(".cdx.json"), (folder / SBOM_FILE).read_bytes())


def read_stamp(stamp: Path, output: Path, key: str) -> Made | None:
    """Return the existing ISO if it was made from the same inputs and has its size."""
    try:
        values = json.loads(stamp.read_text())
        if values["key"] != key or output.stat().st_size != values["size"]:
            return None
        return Made(output, values["size"], values["sha256"], values["volume_id"], False)
    except (OSError, ValueError, KeyError):
        return None
