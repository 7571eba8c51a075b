"""Copy tokens, their keys and Ganeti's ssconf files to other hosts of the pool."""

from __future__ import annotations

import io
import shlex
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.process import Runner, run
from pool.ganeti.peers.ssh_command import command_on
from pool.ganeti.ssconf import CONFIG, DATA, Ssconf, read_ssconf
from pool.host_access import LocalHost

if TYPE_CHECKING:
    from pool.host_access import HostAccess

SECONDS = 1200
"""Send files to another master candidate, or rewrite the pool's names.

Kind: cap. Reason: some KiB by ssh, which notices a host that is down. Expiry: the next addition
sends them again.
"""
REWRITE_SSCONF = (
    "import sys; sys.path.insert(0, '/usr/share/ganeti/default'); from ganeti import config, ssconf; "
    "ssconf.WriteSsconfFiles(config.ConfigWriter(cfg_file=sys.argv[1], offline=True).GetSsconfValues())"
)
"""Program that writes the ssconf files as Ganeti does before its daemons run (``InitCluster`` in
its source).

It works on a copy of the configuration, because Ganeti would upgrade one that it takes for old.
"""
BOOK = "var/lib/dom0kit/pool"
"""Folder of the tokens and their keys (:mod:`pool.join.token_store`)."""


def archive(paths: Sequence[Path], root: Path) -> bytes:
    """Return the existing files as tar(5), owned by root, named relative to the host's root."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path in paths:
            if path.is_file():
                tar.add(path, str(path.relative_to(root)), filter=_for_root)
    return data.getvalue()


def _for_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def remote_script(paths: Sequence[Path], root: Path) -> str:
    """Return the script for the other host.

    Delete files that do not exist here, and unpack the others from standard input.
    """
    gone = [shlex.quote(f"/{path.relative_to(root)}") for path in paths if not path.is_file()]
    lines = [f"rm -f -- {' '.join(gone)}"] if gone else []
    return " && ".join([*lines, "tar -x -p --unlink-first -f - -C / && sync"])


def others(pool: Ssconf, me: str) -> dict[str, str]:
    """Return the addresses of the other master candidates that are online, by name."""
    names = [name for name in pool.candidates if name != me and name not in pool.offline]
    return {name: pool.hosts[name] for name in names if pool.hosts.get(name)}


def _arrives(paths: Sequence[Path], access: HostAccess, pool: Ssconf, address: str, runner: Runner) -> bool:
    """Copy files to one host by SSH.

    :returns: whether it succeeded.
    """
    root = access.path("")
    argv = command_on(access, pool, address, [remote_script(paths, root)])
    return not runner(argv, stdin=archive(paths, root), check=False, timeout=SECONDS).returncode


def copy_to_candidates(paths: list[Path], access: HostAccess | None = None, runner: Runner = run) -> None:
    """Copy files to the other master candidates with their modes.

    Files that do not exist here are deleted there.

    :raises UserError: when a candidate could not be reached; the others have the files.
    """
    access = LocalHost() if access is None else access
    pool = read_ssconf(access)
    if pool is None:
        return
    missed = []
    for name, address in others(pool, access.read("etc/hostname").strip()).items():
        if not _arrives(paths, access, pool, address, runner):
            missed.append(name)
    if missed:
        raise UserError(f"not copied to the master candidates {', '.join(missed)}", "check that they are up: gnt-node list")


def rewrite_ssconf(access: HostAccess, name: str) -> None:
    """Rewrite this master's ssconf files from the configuration when they do not have a host."""
    pool = read_ssconf(access)
    if pool is None or name in pool.hosts:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(access.path(CONFIG), folder)
        access.run(["python3", "-c", REWRITE_SSCONF, str(copy)], check=False, timeout=SECONDS)


def send_ssconf(access: HostAccess, name: str, address: str, runner: Runner = run) -> None:
    """Send the ssconf files to a new host by SSH.

    Ganeti's own daemon gives each host five seconds, including the master itself, logs who was
    late, and does not retry before these files change. The caller checks the result.
    """
    rewrite_ssconf(access, name)
    pool = read_ssconf(access)
    if pool is not None:
        _arrives(sorted(access.path(DATA).glob("ssconf_*")), access, pool, address, runner)


def replicate_tokens(access: HostAccess, runner: Runner = run) -> None:
    """Copy all tokens and their keys to the other master candidates, including new ones.

    :raises UserError: as :func:`copy_to_candidates`.
    """
    pages = sorted(access.path(f"{BOOK}/tokens").glob("*.json"))
    copy_to_candidates([*pages, access.path(f"{BOOK}/keys/root")], access, runner)
