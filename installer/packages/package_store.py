"""Additional packages: fetched from sticks and web servers, and checked before anything is done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from answerfiles.model import PackageSource
from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.fs import sha256_file, write_json
from dom0kit.http_client import Trust, WebError
from dom0kit.process import CommandFailed
from dom0kit.units import MIB, human_bytes
from installer.answer_source.volumes import Tell, find_label, find_uuid, wait_for_label
from installer.command_log import Commands
from installer.hardware.used_volumes import remember
from installer.model import deb_package
from installer.model.deb_package import Package
from installer.model.hardware import MEDIUM

STAGE = Path("/var/lib/dom0kit/packages")
"""Folder in RAM; a stick can be removed once its packages are here."""
RECORD = "sources.json"
OVERLAY = Path("/run/dom0kit/overlay")
LARGEST = 512 * MIB
TRIES = 6
FIRST_PAUSE_SECONDS = 1.0
"""Pause after the first failed attempt to fetch a file; doubled after each one after it.

Kind: pace. Reason: the network or the server may be coming up. Expiry: the next try, and after the last one an error that names
the file.
"""
FETCH_SECONDS = 600.0
"""Fetch a package from a web server.

Kind: protocol. Reason: 512 MiB, the largest package, at 1 MB/s. Expiry: another try; after the last one the installation fails
and names the URL.
"""
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

TrustFor = Callable[[str], Trust]


def quiet(fraction: float, text: str) -> None:
    """Report nothing."""


def kernel() -> str:
    """Return the release of the running kernel, which is the image's."""
    return os.uname().release


def is_live(medium: Path = Path(MEDIUM), overlay: Path = OVERLAY) -> bool:
    """Return whether this is a live system: neither an installed host nor a developer's machine."""
    return medium.is_dir() and overlay.is_dir() and not overlay.is_symlink()


@dataclass
class Store:
    """Packages in RAM while the installer runs.

    :param get: fetches a URL, as :func:`dom0kit.http_client.get`.
    """

    commands: Commands
    trust_for: TrustFor
    tell: Tell = quiet
    get: Callable[..., bytes] = http_client.get
    sleep: Callable[[float], None] = time.sleep
    stage: Path = STAGE

    def prepare(self, sources: Sequence[PackageSource], fresh: str = "") -> tuple[Package, ...]:
        """Fetch and check the packages of all sources together; sources fetched before are reused.

        :param fresh: source to fetch again: the stick may have been changed.
        :raises UserError: when one cannot be fetched or installed; earlier packages stay.
        """
        if not is_live():
            raise UserError(
                "packages can be added in the installer only", "boot the installer, or remove 'packages' from the answers"
            )
        self.stage.mkdir(parents=True, exist_ok=True)
        before = self.known()
        files: dict[str, Path] = {}
        try:
            for source in sources:
                there = [] if str(source) == fresh else self.fetched(str(source))
                for path in there or self.fetch_source(source):
                    # The same file from two sources counts once.
                    files.setdefault(sha256_file(path), path)
            self.tell(0.5, "reading the packages")
            packages = tuple(read_package(path, self.commands) for path in files.values())
            check(packages, self.commands)
        except UserError:
            # The user may correct the stick and retry; and the space is RAM.
            write_json(self.stage / RECORD, before)
            kept = {Path(name).parts[0] for names in before.values() for name in names}
            for folder in self.stage.glob("set-*"):
                if folder.name not in kept:
                    shutil.rmtree(folder, ignore_errors=True)
            raise
        return packages

    def known(self) -> dict[str, list[str]]:
        """Return the file names below the stage by source."""
        try:
            value: dict[str, list[str]] = json.loads((self.stage / RECORD).read_text())
        except (OSError, ValueError):
            return {}
        return value

    def fetched(self, source: str) -> list[Path]:
        """Return the files of a source that have been fetched."""
        paths = [self.stage / name for name in self.known().get(source, [])]
        return paths if all(path.is_file() for path in paths) else []

    def fetch_source(self, source: PackageSource) -> list[Path]:
        """Copy or download the files of a source.

        :raises UserError: when there are none, or they cannot be read.
        """
        home = Path(tempfile.mkdtemp(prefix="set-", dir=self.stage))
        if source.url is not None:
            self.tell(0.1, f"fetching {source}")
            (home / "fetched.deb").write_bytes(self.download(source, source.url))
        else:
            with volume(str(source.folder), self.commands, self.tell) as (root, folder):
                copy(root / folder, str(source.folder), home, self.tell)
        found = sorted(home.iterdir())
        write_json(self.stage / RECORD, {**self.known(), str(source): [str(path.relative_to(self.stage)) for path in found]})
        return found

    def download(self, source: PackageSource, url: str) -> bytes:
        """Download a package, with several attempts: the network may still be coming up.

        :raises UserError: when it cannot be downloaded, or its checksum differs.
        """
        data = b""
        for tries in range(1, TRIES + 1):
            try:
                data = self.get(url, trust=self.trust_for(url), largest=LARGEST, total=FETCH_SECONDS)
                break
            except WebError as error:
                passing = error.kind in ("dns", "connect", "timeout") or error.status >= 500
                if tries == TRIES or not passing:
                    raise UserError(f"the package {source} cannot be fetched: {error.message}", error.hint) from error
            self.sleep(FIRST_PAUSE_SECONDS * 2 ** (tries - 1))
        found = hashlib.sha256(data).hexdigest()
        if source.sha256 is not None and found != source.sha256:
            raise UserError(
                f"the package {source} has the wrong checksum: expected {source.sha256}, found {found}",
                "update sha256 in the answers if it was changed on purpose",
            )
        return data


@contextmanager
def volume(source: str, commands: Commands, tell: Tell = quiet) -> Iterator[tuple[Path, str]]:
    """Mount a volume given as ``label:LABEL/folder``, ``uuid:UUID/folder`` or ``/folder``; yield root and folder.

    :raises UserError: when it does not appear, or cannot be mounted.
    """
    name, _, folder = source.partition("/")
    folder = folder.strip("/")
    if not name:
        yield Path(MEDIUM), folder
        return
    kind, _, value = name.partition(":")
    find, word = (find_label, "label") if kind == "label" else (find_uuid, "UUID")
    device = wait_for_label(value, tell, find=find, kind=word)
    with mounted(device, commands) as root:
        yield root, folder


@contextmanager
def mounted(device: Path, commands: Commands, purpose: str = "packages") -> Iterator[Path]:
    """Mount a device's file system read-only; yield the mount point. Its disk cannot become a target.

    :param purpose: what is read from it.
    :raises UserError: when it cannot be mounted.
    """
    remember(device, purpose, commands)
    with tempfile.TemporaryDirectory(prefix="dom0kit-packages-") as name:
        commands(["mount", "-o", "ro", device, name])
        try:
            yield Path(name)
        finally:
            commands(["umount", name])


def folders(root: Path) -> dict[str, int]:
    """Return the folders with packages, up to two levels deep, with their counts; the top level is ""."""
    found: dict[str, int] = {}
    for pattern in ("*.deb", "*/*.deb", "*/*/*.deb"):
        for path in sorted(root.glob(pattern)):
            folder = str(path.parent.relative_to(root))
            found["" if folder == "." else folder] = found.get("" if folder == "." else folder, 0) + 1
    return found


def copy(folder: Path, source: str, target: Path, tell: Tell) -> None:
    """Copy the packages of a folder.

    :raises UserError: when there are none, they do not fit into RAM, or cannot be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.name.endswith(".deb") and path.is_file())
        size = sum(path.stat().st_size for path in found)
    except OSError as error:
        raise UserError(f"cannot read the folder {source}: {error.strerror}", "check that it is the right stick") from error
    if not found:
        raise UserError(f"no .deb file found in {source}", "specify the folder that contains them")
    # Unpacked packages need space in addition to the files.
    free = shutil.disk_usage(target).free
    if size * 4 > free:
        raise UserError(
            f"the packages in {source} have {human_bytes(size)}, too much for {human_bytes(free)} of free RAM",
            "remove packages that the installer does not need, and install them on the host later",
        )
    for number, path in enumerate(found):
        tell(0.4 * number / len(found), f"copying {path.name}")
        try:
            shutil.copyfile(path, target / path.name)
        except OSError as error:
            raise UserError(f"cannot read {path.name} in {source}: {error.strerror}", "write the stick again") from error


def read_package(path: Path, commands: Commands) -> Package:
    """Read a whole package file.

    :raises UserError: when it is damaged or not a package.
    """
    try:
        shown = commands(["dpkg-deb", "--show", f"--showformat={deb_package.FORMAT}", path]).output
        contents = commands(["dpkg-deb", "--contents", path], quiet=True, env=QUIET).output
        return deb_package.make_package(str(path), shown, contents, path.stat().st_size, sha256_file(path))
    except (CommandFailed, ValueError) as error:
        raise UserError(f"{path.name} is damaged or not a Debian package", "copy it again") from error


def check(packages: tuple[Package, ...], commands: Commands) -> None:
    """Check that all packages can be installed together, without changing anything.

    :raises UserError: with all problems.
    """
    found = deb_package.problems(packages, kernel())
    if not found:
        words = ["apt-get", "install", "--simulate", "--quiet", "--no-download", "--no-remove", "--no-install-recommends"]
        result = commands([*words, *(package.file for package in packages)], check=False, env=QUIET)
        found = deb_package.unmet(result.output + "\n" + result.errors) if result.returncode else []
        if result.returncode and not found:
            found = ["apt-get rejects them; see the log for its output"]
    if found:
        hint = "add the missing dependencies, or remove the packages; nothing was changed"
        if len(found) == 1:
            raise UserError(f"the packages cannot be installed: {found[0]}", hint)
        raise UserError("\n".join(["the packages cannot be installed", *(f"- {text}" for text in found)]), hint)
