"""The debootstrap wrapper: one mmdebstrap run that installs every package in one transaction (mmdebstrap(1)).

Run by the ``dom0-base`` element as ``python3 -m image.bootstrap TARGET``. The tree is kept as a tar, so that the next
build with the same packages unpacks it in seconds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from dom0kit.fs import replacing
from dom0kit.process import run, stream
from image import build_job as jobs
from image.apt import Cache
from image.recipe import Recipe
from image.work_dir import sole_downloader

# Documentation but licences, and translations, stay out of the image.
EXCLUDED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/lintian/*")
INCLUDED = ("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias")


def command(recipe: Recipe, target: Path, cache: Cache) -> list[str]:
    """Return the mmdebstrap command line.

    The archives are bind-mounted, so packages are downloaded at most once; the lists are copied in and not fetched
    again, so that a build sees the versions its key was computed from.
    """
    debian = recipe.debian
    archives, lists = cache.archives, cache.lists(recipe)
    bind = f'mkdir -p "$1/var/cache/apt/archives/partial" && mount --bind {archives} "$1/var/cache/apt/archives"'
    copy = f'mkdir -p "$1/var/lib/apt/lists" && cp {lists}/*_dists_* "$1/var/lib/apt/lists/"'
    options = [
        "--variant=minbase",
        "--mode=root",
        "--format=directory",
        f"--architectures={debian.architecture}",
        "--skip=update,essential/unlink,download/empty,check/empty",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        *(f"--dpkgopt=path-include={pattern}" for pattern in INCLUDED),
        f"--setup-hook={bind}",
        f"--setup-hook={copy}",
        '--customize-hook=umount "$1/var/cache/apt/archives"',
        f"--include={','.join(recipe.all_packages())}",
    ]
    return ["mmdebstrap", "--verbose", *options, debian.suite, str(target), str(cache.sources(recipe))]


class Meter:
    """Translate mmdebstrap's output into a fraction: download, unpack and set-up count a third each."""

    def __init__(self, report: Callable[[float, str], None]) -> None:
        self._report = report
        self._total = 400
        self._counts = {"Get": 0, "Unpacking": 0, "Setting up": 0}

    def __call__(self, line: str) -> None:
        """Follow a line of mmdebstrap's output."""
        if match := re.search(r"(\d+) newly installed", line):
            self._total = max(int(match[1]), 1)
        match = re.match(r"(Get|Unpacking|Setting up)[: ]+(\S+)", line)
        if not match:
            return
        self._counts[match[1]] += 1
        done = sum(min(count, self._total) for count in self._counts.values())
        words = line.split()
        name = words[4] if match[1] == "Get" and len(words) > 4 else match[2]
        self._report(done / (3 * self._total), f"{match[1].lower().replace('get', 'fetching')} {name}")


def make_tree(job: jobs.Job, target: Path) -> None:
    """Put the bootstrapped tree at ``target``: from the cached tar when there is one, else by mmdebstrap."""
    recipe = job.load_recipe()
    base = Path(job.base)
    xattrs = ["--xattrs", "--xattrs-include=*", "--numeric-owner"]
    if base.exists():
        jobs.begin("unpack bootstrapped tree")
        run(["tar", "-C", target, *xattrs, "-xpf", base])
        jobs.end()
        return
    jobs.begin("bootstrap packages")
    cache = Cache(Path(job.cache))
    words = command(recipe, target, cache)
    # INITRD=No: the kernel's hook would make an initramfs that is thrown away (Debian's kernel postinst.d).
    extra = {"SOURCE_DATE_EPOCH": str(job.epoch), "INITRD": "No", "DEBIAN_FRONTEND": "noninteractive"}
    with sole_downloader(cache.folder):
        stream(words, log=sys.stdout, on_line=Meter(jobs.progress), env=extra)
    jobs.end()
    jobs.begin("keep bootstrapped tree")
    with replacing(base) as new:
        run(["tar", "-C", target, *xattrs, "--sort=name", "-cf", new, "."])
    jobs.end()


if __name__ == "__main__":
    make_tree(jobs.current(), Path(sys.argv[1]))
