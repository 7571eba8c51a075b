"""A build's job as a file that diskimage-builder's hooks read.

diskimage-builder runs the hooks as processes of their own; the job file carries the decisions to them, and marked lines
on standard output carry progress back.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from dom0kit.fs import write_json
from image.recipe import Recipe, load

VARIABLE = "DOM0KIT_JOB"
"""The environment variable that names the job file."""

_MARK = re.compile(r"@dom0kit (?P<kind>begin|progress|end) (?P<rest>.*)$")


@dataclass(frozen=True)
class Job:
    """Paths and decisions of one build; everything a hook needs.

    :ivar epoch: seconds since 1970 that time stamps are clamped to.
    :ivar base: the cached tree of the bootstrap, an uncompressed tar.
    :ivar commit: see :func:`image.cache_keys.commit`.
    """

    recipe: str
    cache: str
    output: str
    base: str
    initramfs_cache: str
    epoch: int
    release: bool
    image_id: str
    version: str
    recipe_sha256: str
    commit: str = ""

    def load_recipe(self) -> Recipe:
        """Return the recipe this job was made from."""
        return load(Path(self.recipe))


def save(job: Job, path: Path) -> None:
    """Write the job file."""
    write_json(path, asdict(job))


def current() -> Job:
    """Return the job of the build that this hook belongs to."""
    return Job(**json.loads(Path(os.environ[VARIABLE]).read_text()))


def begin(name: str) -> None:
    """Tell the builder that a step begins."""
    print(f"@dom0kit begin {name}", flush=True)


def progress(fraction: float, text: str) -> None:
    """Tell the builder how far the step is (0 to 1)."""
    print(f"@dom0kit progress {fraction:.3f} {text}", flush=True)


def end() -> None:
    """Tell the builder that the step is over."""
    print("@dom0kit end -", flush=True)


def marked(line: str) -> tuple[str, str] | None:
    """Return a marked line's kind and rest, or None for ordinary output.

    Diskimage-builder may put a time stamp before the marker.
    """
    match = _MARK.search(line)
    return (match["kind"], match["rest"].strip()) if match else None
