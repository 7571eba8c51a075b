"""Files of the pool's own on every master candidate, so that the next master finds them: tokens, the keys that belong to them."""

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
from pool.host_access import Local

if TYPE_CHECKING:
    from pool.host_access import Place

SECONDS = 1200
"""Send files to another master candidate, or write the pool's names anew.

Kind: cap. Reason: some KiB by ssh, which notices a host that has gone. Expiry: the next addition sends them again.
"""
RENEW = (
    "import sys; sys.path.insert(0, '/usr/share/ganeti/default'); from ganeti import config, ssconf; "
    "ssconf.WriteSsconfFiles(config.ConfigWriter(cfg_file=sys.argv[1], offline=True).GetSsconfValues())"
)
"""Ganeti's own way to write them before its daemons run (``InitCluster`` in its source), with a copy of the configuration:
it would write that anew if it took it for an old one.
"""
BOOK = "var/lib/dom0kit/pool"
"""Where the tokens' pages and the keys that follow from them are (:mod:`pool.join.token_store`)."""


def archive(paths: Sequence[Path], root: Path) -> bytes:
    """The files that are there, as tar(5) with their modes, for root, named from the host's root."""
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
    """What runs at the other host: files that are gone here go there, the others come in over standard input."""
    gone = [shlex.quote(f"/{path.relative_to(root)}") for path in paths if not path.is_file()]
    lines = [f"rm -f -- {' '.join(gone)}"] if gone else []
    return " && ".join([*lines, "tar -x -p --unlink-first -f - -C / && sync"])


def others(pool: Ssconf, me: str) -> dict[str, str]:
    """Names and addresses of the other master candidates that are there."""
    names = [name for name in pool.candidates if name != me and name not in pool.offline]
    return {name: pool.hosts[name] for name in names if pool.hosts.get(name)}


def _arrives(paths: Sequence[Path], place: Place, pool: Ssconf, address: str, runner: Runner) -> bool:
    """Bring files to one host by SSH. Did it take them?"""
    root = place.path("")
    argv = command_on(place, pool, address, [remote_script(paths, root)])
    return not runner(argv, stdin=archive(paths, root), check=False, timeout=SECONDS).returncode


def copy_to_candidates(paths: list[Path], place: Place | None = None, runner: Runner = run) -> None:
    """Bring files to the other master candidates, with their modes; files that are gone go there, too.

    :raises UserError: when some candidate could not be reached; the others have them.
    """
    place = Local() if place is None else place
    pool = read_ssconf(place)
    if pool is None:
        return
    missed = []
    for name, address in others(pool, place.read("etc/hostname").strip()).items():
        if not _arrives(paths, place, pool, address, runner):
            missed.append(name)
    if missed:
        raise UserError(f"not copied to {', '.join(missed)}, which may become the master", "are they up? gnt-node list")


def renew_names(place: Place, name: str) -> None:
    """When the master itself was not told of a host, write what Ganeti tells (``ssconf_*``) here from the configuration."""
    pool = read_ssconf(place)
    if pool is None or name in pool.hosts:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(place.path(CONFIG), folder)
        place.run(["python3", "-c", RENEW, str(copy)], check=False, timeout=SECONDS)


def send_names(place: Place, name: str, address: str, runner: Runner = run) -> None:
    """Bring what Ganeti tells each host of its pool (``ssconf_*``) to a new host, by SSH.

    Ganeti's own way, from a daemon in Haskell, gives each host five seconds, the master itself among them, notes in a log who
    was late, and does not try again before these files change. When they do not come now either, the caller sees that, for it
    looks again.
    """
    renew_names(place, name)
    pool = read_ssconf(place)
    if pool is not None:
        _arrives(sorted(place.path(DATA).glob("ssconf_*")), place, pool, address, runner)


def share_book(place: Place, runner: Runner = run) -> None:
    """Bring all tokens and their keys to the other candidates: one that is new has none of what was made before it came.

    :raises UserError: as :func:`copy_to_candidates`.
    """
    pages = sorted(place.path(f"{BOOK}/tokens").glob("*.json"))
    copy_to_candidates([*pages, place.path(f"{BOOK}/keys/root")], place, runner)
