"""The Ganeti implementation of :class:`pool.driver.Driver`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.units import counted
from pool.driver import JoiningHost, PoolAnswer, PoolState
from pool.ganeti import join as joining
from pool.ganeti.cleanup import leftover_files, remove_pool_files
from pool.ganeti.create import NewPool, create
from pool.ganeti.daemons import JOINING
from pool.ganeti.health import state
from pool.ganeti.leave import leave
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import read_ssconf
from pool.join.client import PoolClient, Progress
from pool.join.messages import JoinRefused
from pool.join.request_signing import HOST_KEY, HostKey
from pool.join.token import read_token

if TYPE_CHECKING:
    from pool.host_access import HostAccess, ManagedHost


def print_line(text: str) -> None:
    """Print a line for the journal and the console."""
    print(f"     {text}", file=sys.stderr, flush=True)


class Ganeti:
    """The driver on one host.

    :param new: the pool to create, for ``create``.
    :param token: join token, for ``preflight`` and ``join``.
    :param say: takes sentences on the progress of a join.
    :param converse: makes the client of the join protocol.
    """

    def __init__(
        self,
        access: HostAccess,
        host: ManagedHost,
        *,
        new: NewPool | None = None,
        token: str = "",
        say: Callable[[str], None] = print_line,
        converse: Callable[..., PoolClient] = PoolClient,
    ) -> None:
        self.access = access
        self.host = host
        self.new = new
        self.token = token
        self._say = say
        self._converse = converse
        self._said = ""

    def preflight(self, host: JoiningHost) -> PoolAnswer:
        """Ask the pool whether it would accept the host; change nothing on either side."""
        try:
            with self._converse(read_token(self.token)) as pool:
                return pool.ask(host)
        except JoinRefused as error:
            return PoolAnswer(problems=(error.problem,))

    def create(self) -> None:
        """Create the pool with this host as its first member.

        :raises UserError: when it cannot be created.
        """
        if self.new is None:
            raise UserError("the answers have no pool.create", "run: dom0ctl pool create NAME --address ADDRESS")
        create(self.access, self.host, self.new)

    def join(self, host: JoiningHost) -> None:
        """Join this host to its pool.

        Do nothing on a member, except to complete an interrupted join.

        :raises UserError: when the pool refuses the host, or Ganeti fails.
        """
        there = read_ssconf(self.access)
        begun = self.access.path(JOINING).exists()
        if there is not None and not begun:
            if host.name not in there.hosts:
                raise UserError(f"this host is in the pool {there.pool} by another name", "remove it first: dom0ctl pool leave")
            return
        if leftover_files(self.access) and not begun:
            raise UserError("/var/lib/ganeti contains an incomplete pool", "remove it: dom0ctl pool leave")
        if not self.token:
            raise UserError(
                "the join token was erased, and this host is in no pool", "join with a new token: dom0ctl pool join TOKEN"
            )
        with self._converse(read_token(self.token), signer=HostKey(self.access.path(HOST_KEY))) as pool:
            answer = pool.ask(host)
            if answer.problems:
                raise JoinRefused(answer.problems[0])
            if there is not None and there.pool != answer.pool:
                remove_pool_files(self.access)
            self.access.write(JOINING, json.dumps({"pool": answer.pool}) + "\n", 0o600)
            joining.before(self.access, self.host, pool.keys(host))
            write_hosts(self.access, {answer.master: answer.address})
            self._say(f"joining the pool {answer.pool} of {counted(answer.hosts, 'host')}; its master is {answer.master}")
            pool.join(host, self._progress)
        joining.after(self.access, self.host)
        os.sync()
        self.access.path(JOINING).unlink()

    def _progress(self, progress: Progress) -> None:
        # The host asks every few seconds; repeated text is not printed.
        if progress.text != self._said:
            self._said = progress.text
            self._say(progress.text)

    def leave(self) -> None:
        """Remove this host from its pool.

        :raises UserError: when the pool does not release it.
        """
        leave(self.access, self.host.name)
        self.access.path(JOINING).unlink(missing_ok=True)

    def status(self) -> PoolState:
        """Return the state of the pool as this host sees it."""
        return state(self.access, self.host.name)
