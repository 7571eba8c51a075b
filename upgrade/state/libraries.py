"""Renew the dynamic linker's cache on the new image where the host has libraries of its own."""

from __future__ import annotations

from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed
from installer.command_log import Commands
from upgrade.state.plan import Act, Plan

PLACES = ("usr/local/lib/", "etc/ld.so.conf.d/")
CACHE = r"""
# In its own namespace: all mounts end with it.
set -e
top=/run/dom0kit/libraries
mkdir -p $top
mount -t tmpfs none $top
mkdir $top/root
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" none $top/root
chroot $top/root ldconfig
"""


def are_own(plan: Plan) -> bool:
    """Return whether the host has libraries of its own, or places of them."""
    return any(decision.act is Act.COPY and decision.path.startswith(PLACES) for decision in plan.decisions)


def renew_cache(plan: Plan, root: Path, state: Path, commands: Commands) -> None:
    """Run ldconfig(8) in the new image's root with its new overlay, if the host has libraries of its own.

    :param root: of the new image.
    :param state: ``state/NAME`` of the new image.
    :raises UserError: when it fails.
    """
    if not are_own(plan):
        return
    try:
        commands(["unshare", "--mount", "--propagation", "private", "sh", "-c", CACHE, "sh", root, state])
    except CommandFailed as error:
        raise UserError(
            f"the cache of libraries cannot be made for the new image: {error.message}", "look at /usr/local/lib"
        ) from error
