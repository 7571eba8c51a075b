"""The files that say a host is installed: while they exist, its boot configuration starts the local disk."""

from __future__ import annotations

from pathlib import Path

from dom0kit.fs import write_atomic

FOLDER = "done"


def done_files(host: str) -> dict[str, str]:
    """Return the contents of the two files by their names below ``done/``.

    Only their existence counts, so any server's hook can make them.
    """
    return {
        f"{host}.{kind}": f"#!ipxe\n# {host} is installed; remove this file to install it again.\n" for kind in ("cfg", "ipxe")
    }


def mark_done(tree: Path, host: str) -> None:
    """Write a host's files, each whole."""
    folder = tree / FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in done_files(host).items():
        write_atomic(folder / name, text)


def rearm(tree: Path, host: str) -> bool:
    """Let a host be installed again; whether it was marked as installed."""
    found = False
    for name in done_files(host):
        path = tree / FOLDER / name
        if path.exists():
            path.unlink()
            found = True
    return found


def installed(tree: Path) -> set[str]:
    """Return the hosts that are marked as installed."""
    return {path.name.removesuffix(".cfg") for path in (tree / FOLDER).glob("*.cfg")}
