"""Another image than the run's own, on a medium: the same files under another id and version, or with some that are broken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pycdlib

from dom0kit.errors import UserError
from image.recipe import DEFAULT_RECIPE
from image.signing.signer import MANIFEST, SIGNATURE, sign_manifest, signer_of
from iso.layout import SBOM_FILE
from iso.master import INTERCHANGE_LEVEL, iso_name
from pipeline.netboot import image_source
from pipeline.netboot.image_source import LOADERS, place_on_iso
from qa.vm import media

FOLDER = "/dom0kit"
FILES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
OTHER_ID = "0e0e0e0e0e0e0e0e"
OTHER_VERSION = "0.1.1"
NAME = f"{OTHER_VERSION}-{OTHER_ID[:8]}"
"""Name of the image on a host."""


def other_image(iso: Path, work: Path, broken: Mapping[str, bytes] | None = None) -> Path:
    """Make a medium with the files of an ISO's image and a manifest of its own; return its path.

    :param broken: new content of some of the files, by name; the manifest has sizes and checksums of the new content.
    """
    folder = work / "other-image"
    folder.mkdir()
    manifest = json.loads(media.extract(iso, f"{FOLDER}/manifest.json", folder / "original.json").read_text())
    for name in FILES:
        data = (broken or {}).get(name)
        if data is None:
            media.extract(iso, f"{FOLDER}/{name}", folder / name)
        else:
            (folder / name).write_bytes(data)
            manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "id": OTHER_ID, "version": OTHER_VERSION}, indent=2) + "\n")
    sign_as_build(iso, folder)
    names = [name for name in (MANIFEST, SIGNATURE) if (folder / name).exists()]
    return write_medium(folder, (*names, *FILES), work / "other.iso")


def other_folder(iso: Path, work: Path) -> Path:
    """Make an image folder with the files of an ISO's image and a manifest of its own, for a network-boot tree."""
    folder = work / "other-folder"
    (folder / "boot").mkdir(parents=True)
    manifest = json.loads(media.extract(iso, f"{FOLDER}/manifest.json", folder / "original.json").read_text())
    for name in (*FILES, *LOADERS):
        media.extract(iso, place_on_iso(name), folder / name)
    if SBOM_FILE in manifest["files"]:
        media.extract(iso, place_on_iso(SBOM_FILE), folder / SBOM_FILE)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "id": OTHER_ID, "version": OTHER_VERSION}, indent=2) + "\n")
    sign_as_build(iso, folder)
    return folder


def sign_as_build(iso: Path, folder: Path) -> None:
    """Sign the manifest of an image folder with the key of this machine's builds, when the ISO of the run is signed.

    :raises UserError: when the ISO is signed and this machine has no key, which its host would refuse.
    """
    if image_source.from_iso(iso).signature:
        sign_again(folder, str(iso))


def sign_again(folder: Path, signed: str) -> None:
    """Sign the manifest of an image folder with the key of this machine's builds.

    :param signed: the signed image that the folder is made from, for the message.
    :raises UserError: when this machine has no key.
    """
    signer = signer_of(DEFAULT_RECIPE, make=False)
    if signer is None:
        raise UserError(f"{signed} is signed, and this machine has no key to sign another image with", "build it here: make iso")
    sign_manifest(signer, folder, folder / ".signatures")


def write_medium(folder: Path, names: tuple[str, ...], output: Path) -> Path:
    """Write files of a folder to an ISO 9660 image, in the folder in which an ISO of dom0kit has its image."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=INTERCHANGE_LEVEL, vol_ident="OTHER", rock_ridge="1.09")
    iso.add_directory(iso_name(FOLDER, folder=True), rr_name=FOLDER[1:])
    for name in names:
        iso.add_file(str(folder / name), iso_name(f"{FOLDER}/{name}"), name)
    iso.write(str(output))
    iso.close()
    return output
