"""The command that reproduces a failure: the same commit, the same ISO, the same scenario with the same settings."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from dom0kit.errors import UserError
from qa.metadata import DEFAULT_MEMORY_MIB

DEFAULT_ISO = "build/dom0kit.iso"
ENVIRONMENT = ("DOM0KIT_QA_ACCEL", "DOM0KIT_QA_PATIENCE", "DOM0KIT_QA_CROWD")
"""Variables that change what a scenario does."""
DIRTY = "-dirty"


def command(
    scenario: str,
    *,
    commit: str,
    iso: Path | str,
    iso_sha256: str,
    memory: int = DEFAULT_MEMORY_MIB,
    cpus: int = 1,
    fresh: bool = False,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return one line for a shell in a checkout of the project.

    An ISO that is not where ``make iso`` puts it is named instead of built. Uncommitted changes cannot be reproduced; a
    comment says so.

    :param commit: with ``-dirty`` when there were uncommitted changes; "" outside of a checkout.
    :param memory: of each machine in MiB.
    """
    clean = commit.removesuffix(DIRTY)
    built = str(iso) in (DEFAULT_ISO, str(Path(DEFAULT_ISO).resolve()))
    words = [".venv/bin/dom0kit", "qa", scenario, "--iso-sha256", iso_sha256]
    words += [] if built else ["--iso", str(iso)]
    words += [] if memory == DEFAULT_MEMORY_MIB else ["--memory", str(memory)]
    words += [] if cpus == 1 else ["--cpus", str(cpus)]
    words += ["--fresh"] if fresh else []
    settings = [f"{name}={shlex.quote(value)}" for name in ENVIRONMENT if (value := (env or {}).get(name))]
    parts = [f"git checkout {clean}"] if clean else []
    parts += ["make iso"] if built else []
    parts.append(" ".join([*settings, shlex.join(words)]))
    note = "  # the tree had uncommitted changes, which no commit holds" if commit.endswith(DIRTY) else ""
    return " && ".join(parts) + note


def check_iso(iso: Path, digest: str, wanted: str) -> None:
    """Compare an ISO's SHA-256 with the wanted one, of which the first digits suffice.

    :param digest: of the ISO.
    :raises UserError: when it is another ISO, or the wanted digest is malformed.
    """
    wanted = wanted.lower()
    if len(wanted) < 8 or not set(wanted) <= set("0123456789abcdef"):
        raise UserError(f"--iso-sha256 {wanted} is no SHA-256", "give at least its first 8 hexadecimal digits")
    if not digest.startswith(wanted):
        raise UserError(
            f"{iso} is another ISO: its SHA-256 is {digest}, not {wanted}",
            "check out the failure's commit and build it again with: make iso",
        )
