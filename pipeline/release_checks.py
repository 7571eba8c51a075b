"""Check release files as their receiver does: signatures, checksums, and what an ISO is made of.

A check that fails does not end the others, and what was not checked is said: silence would look like success.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dom0kit.errors import UserError
from dom0kit.fs import read_limited, sha256_file
from dom0kit.linux.signatures import verify as verify_signature
from dom0kit.units import MIB, counted, human_bytes
from image.manifest import IMAGE_FILES
from image.signing.signer import MANIFEST as MANIFEST_FILE
from iso import verify as iso_verify
from iso.layout import MANIFEST, SIGNATURE, Manifest, parse_manifest
from pipeline.checksums import LARGEST_SUMS, SUMS, SUMS_SIGNATURE, parse_sums

State = Literal["ok", "failed", "not checked"]
LISTING = "hosts.json"
"""The file by which a network-boot tree is known."""
LARGEST_MANIFEST = 4 * MIB
LARGEST_SIGNATURE = MIB
MOST_NAMES = 5
"""Names that one line lists."""
KEYS_HINT = "give the folder with its publisher's public keys: --keys FOLDER"
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Check:
    """What was checked of a file or folder, and the result."""

    path: str
    state: State
    text: str
    hint: str = ""


@dataclass(frozen=True)
class Checker:
    """Checks of release files.

    :ivar keys: the folder with the accepted keys; None when there is none.
    :ivar progress: gets the fraction that was read and what is being read.
    :ivar check_iso: see :func:`iso.verify.verify`; a stand-in in unit tests.
    """

    keys: Path | None
    progress: Progress = lambda fraction, text: None
    check_iso: Callable[[Path], iso_verify.Verified] = iso_verify.verify

    def check(self, path: Path) -> list[Check]:
        """Return all that could be checked of a release file or a folder of them.

        :raises UserError: for a folder without any.
        """
        if path.is_dir():
            return list(self._folder(path))
        signed = path.with_name(path.name.removesuffix(".sig"))
        if path.suffix == ".sig" and signed.is_file():
            return self.check(signed)
        if path.name == SUMS:
            return list(self._sums(path))
        if path.name == MANIFEST_FILE:
            return list(self._manifest(path))
        if path.suffix == ".sha256":
            return list(self._sums(path, signed=False))
        return list(self._iso(path))

    def _folder(self, path: Path) -> Iterator[Check]:
        found = False
        if (path / MANIFEST_FILE).is_file():
            found = True
            yield from self._manifest(path / MANIFEST_FILE)
        if (path / SUMS).exists():
            found = True
            yield from self._sums(path / SUMS)
        if (path / LISTING).exists():
            found = True
            for manifest in sorted(path.glob(f"images/*/{MANIFEST_FILE}")):
                yield self._signature(manifest, LARGEST_MANIFEST)
        if not found:
            what = f"{path} has no {MANIFEST_FILE} and no {SUMS}"
            raise UserError(what, "name an ISO, SHA256SUMS, manifest.json, an image folder, or a network-boot tree")

    def _signature(self, path: Path, limit: int) -> Check:
        """Check the signature next to a file."""
        signature = path.with_name(f"{path.name}.sig")
        try:
            data = read_limited(path, limit)
            found = read_limited(signature, LARGEST_SIGNATURE) if signature.exists() else b""
        except OSError as error:
            return Check(str(path), "failed", f"{error.filename or path} cannot be read: {error.strerror}")
        return self._data_signature(str(path), data, found, path.name)

    def _data_signature(self, path: str, data: bytes, signature: bytes, name: str) -> Check:
        if self.keys is None:
            what = f"the signature of {name}: there are no keys ({KEYS_HINT})" if signature else f"{name} is not signed"
            return Check(path, "not checked", what)
        try:
            return Check(
                path, "ok", f"{name} is signed by the key {verify_signature(data, signature, self.keys, name, hint=KEYS_HINT)}"
            )
        except UserError as error:
            return Check(path, "failed", error.message, error.hint)

    def _iso(self, path: Path) -> Iterator[Check]:
        here = str(path)
        try:
            verified = self.check_iso(path)
            with path.open("rb") as file:
                extents, _ = iso_verify.read_listing(file, path)
                manifest = iso_verify.read_extent(file, extents[MANIFEST])
                signature = iso_verify.read_extent(file, extents[SIGNATURE]) if SIGNATURE in extents else b""
        except UserError as error:
            yield Check(here, "failed", error.message, error.hint)
            return
        size, name = human_bytes(verified.size), verified.volume_id
        yield Check(here, "ok", f"{size}, {name}, {verified.files} files: contents, boot images and partition tables are whole")
        yield self._data_signature(here, manifest, signature, MANIFEST)
        sums = path.with_name(SUMS)
        if sums.is_file() and path.name in (listed := self._read_sums(sums)):
            yield self._signature(sums, LARGEST_SUMS)
            yield from self._listed(path.parent, {path.name: listed[path.name]}, sums)
        else:
            text = f"menu, UEFI image and answers of the ISO: no {SUMS} next to it lists {path.name}"
            yield Check(here, "not checked", text)

    def _sums(self, path: Path, *, signed: bool = True) -> Iterator[Check]:
        if signed:
            yield self._signature(path, LARGEST_SUMS)
        else:
            yield Check(str(path), "not checked", f"{path.name} has no signature; {SUMS} next to it may have one")
        try:
            sums = parse_sums(read_limited(path, LARGEST_SUMS).decode("utf-8", "replace"))
        except OSError as error:
            yield Check(str(path), "failed", f"{path} cannot be read: {error.strerror}")
            return
        except ValueError as error:
            yield Check(str(path), "failed", f"{path} is damaged: {error}", "get it again")
            return
        yield from self._listed(path.parent, sums, path)
        if signed and (other := _not_listed(path.parent, sums)):
            yield Check(str(path), "not checked", f"{counted(len(other), 'file')} that {path.name} does not list: {_some(other)}")

    def _read_sums(self, path: Path) -> Mapping[str, str]:
        try:
            return parse_sums(read_limited(path, LARGEST_SUMS).decode("utf-8", "replace"))
        except (OSError, ValueError):
            return {}

    def _listed(self, folder: Path, sums: Mapping[str, str], path: Path) -> Iterator[Check]:
        """Compare files with checksums by their names in a folder."""
        problems = []
        for number, (name, sha256) in enumerate(sorted(sums.items())):
            self.progress(number / len(sums), name)
            problem = _problem(folder, name, sha256)
            if problem:
                problems.append(f"{name} {problem}")
        if problems:
            text = f"{counted(len(problems), 'file')} of {path.name}: {_some(problems)}"
            yield Check(str(path), "failed", text, "get it again, with the file of checksums")
        elif sums:
            text = next(iter(sums)) + " is" if len(sums) == 1 else f"{len(sums)} files are"
            yield Check(str(path), "ok", f"{text} what {path.name} lists")
        else:
            yield Check(str(path), "failed", f"{path.name} lists no file")

    def _manifest(self, path: Path) -> Iterator[Check]:
        yield self._signature(path, LARGEST_MANIFEST)
        try:
            manifest: Manifest = parse_manifest(read_limited(path, LARGEST_MANIFEST), str(path))
        except OSError as error:
            yield Check(str(path), "failed", f"{path} cannot be read: {error.strerror}")
            return
        except UserError as error:
            yield Check(str(path), "failed", error.message, error.hint)
            return
        # A host and a network-boot tree have the image without the boot files of the ISO.
        absent = [name for name in manifest.files if name not in IMAGE_FILES and not (path.parent / name).exists()]
        sums = {name: sha256 for name, (sha256, _) in manifest.files.items() if name not in absent}
        yield from self._listed(path.parent, sums, path)
        if absent:
            yield Check(str(path), "not checked", f"{counted(len(absent), 'file')} that are not in this folder: {_some(absent)}")


def _problem(folder: Path, name: str, sha256: str) -> str:
    """Return what is wrong with a file that must have a checksum; "" when it is right."""
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return "is outside of the folder"
    try:
        return "" if sha256_file(path) == sha256 else "has changed"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _not_listed(folder: Path, sums: Mapping[str, str]) -> list[str]:
    """Return the files of a network-boot tree that its checksums do not list; other folders may hold anything."""
    if not (folder / LISTING).exists():
        return []
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    return sorted(there - set(sums) - {SUMS, SUMS_SIGNATURE})


def _some(names: list[str]) -> str:
    """Return the first names and the number of the others."""
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
