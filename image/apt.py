"""The package lists and the package cache: a private apt that knows nothing of the build host's own packages.

Lists and packages live in one cache folder that checkouts share. A build reads the lists that are there; only
``--refresh`` fetches newer ones, so a second build needs no network and gets the same versions.
"""

from __future__ import annotations

import email.utils
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.fs import write_atomic
from dom0kit.process import CommandFailed, run
from image.recipe import Recipe, line_of

STALE_DAYS = 14


@dataclass(frozen=True)
class Cache:
    """The cache folder's parts."""

    folder: Path

    @property
    def archives(self) -> Path:
        """Debian packages, as apt names them."""
        return self.folder / "archives"

    def lists(self, recipe: Recipe) -> Path:
        """Return the folder of the package lists for one set of sources."""
        return self.folder / f"lists-{recipe.debian.suite}-{self._key(recipe)}"

    def sources(self, recipe: Recipe) -> Path:
        """Return the path of the lists' sources.list.

        It is not in the lists' folder, where apt deletes files that it does not know.
        """
        return self.folder / f"sources-{recipe.debian.suite}-{self._key(recipe)}.list"

    @staticmethod
    def _key(recipe: Recipe) -> str:
        return hashlib.sha256(recipe.sources().encode()).hexdigest()[:12]


def configuration(cache: Cache, recipe: Recipe) -> list[str]:
    """Options that turn apt into a private one (apt.conf(5)): own lists, own cache, empty status."""
    settings = {
        "Dir::Etc::SourceList": str(cache.sources(recipe)),
        "Dir::Etc::SourceParts": "-",
        "Dir::Etc::Preferences": "-",
        "Dir::Etc::PreferencesParts": "-",
        "Dir::State::Lists": str(cache.lists(recipe)),
        "Dir::State::Status": "/dev/null",
        "Dir::Cache::Archives": str(cache.archives),
        "Dir::Cache::PkgCache": "",
        "Dir::Cache::SrcPkgCache": "",
        "APT::Architecture": recipe.debian.architecture,
        "APT::Architectures": recipe.debian.architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def fetch_lists(cache: Cache, recipe: Recipe, reporter: Reporter, *, refresh: bool = False) -> Path:
    """Make sure that the package lists are there, and say so when they have grown old.

    :returns: the folder of lists.
    :raises UserError: when the mirror does not answer.
    """
    lists = cache.lists(recipe)
    stamp = lists / "fetched"
    for folder in (lists / "partial", cache.archives / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    if not stamp.exists() or refresh:
        with reporter.step("fetch package lists"):
            write_atomic(cache.sources(recipe), recipe.sources())
            command = ["apt-get", *configuration(cache, recipe), "-q", "update", "--error-on=any"]
            try:
                run(command)
            except CommandFailed as error:
                hint = "are the mirrors reachable? Their addresses are mirror and security_mirror in the recipe's [debian]"
                hint += ", and those under [[apt]]" if recipe.apt else ""
                why = complaint(error.tail)
                if "is not signed" in why:
                    hint = "the key that the recipe names under [[apt]] has not signed this repository"
                raise UserError(f"the package lists could not be fetched: {why}", hint) from error
            write_atomic(stamp, f"{int(time.time())}\n")
    age = (time.time() - stamp.stat().st_mtime) / 86400
    if age > STALE_DAYS:
        reporter.emit("note", text=f"the package lists are {age:.0f} days old; `make refresh` gets newer packages")
    return lists


def complaint(output: str) -> str:
    """Return the first error in apt's output, without its marker."""
    lines = output.splitlines()
    return next((line.removeprefix("E: ") for line in lines if line.startswith("E: ")), lines[-1] if lines else "no reason given")


def releases(lists: Path) -> dict[str, str]:
    """Return the InRelease files' names and SHA-256, which fix every package's version."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(lists.glob("*InRelease"))}


def epoch(lists: Path) -> int:
    """Return the time that all time stamps of a build are clamped to, in seconds since 1970.

    It is the newest Date of the InRelease files.

    It is an input like any other: the same lists give the same epoch (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    dates = []
    for path in lists.glob("*InRelease"):
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("Date: "):
                dates.append(int(email.utils.parsedate_to_datetime(line[6:].replace("UTC", "+0000")).timestamp()))
                break
    if not dates:
        raise UserError(f"there are no package lists in {lists}", "run `make refresh`")
    return max(dates)


def missing(wanted: tuple[str, ...], madison: str) -> list[str]:
    """Names that the output of ``apt-cache madison`` does not offer."""
    offered = {line.split("|")[0].strip() for line in madison.splitlines() if "|" in line}
    return [name for name in wanted if name not in offered]


def check_names(cache: Cache, recipe: Recipe, recipe_text: str, recipe_name: str) -> None:
    """Refuse a package name that no source offers, before anything is downloaded.

    :raises UserError: naming each with its line in the recipe.
    """
    wanted = recipe.all_packages()
    options = configuration(cache, recipe)
    offered = run(["apt-cache", *options, "madison", *wanted], check=False).output
    wrong = missing(wanted, offered)
    if wrong:
        lines = [f"{recipe_name}:{line_of(recipe_text, name)}: no source offers a package {name}" for name in wrong]
        raise UserError("\n".join(lines), f"search https://packages.debian.org/{recipe.debian.suite}/ for the right name")
