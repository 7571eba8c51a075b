"""Ganeti's driver: everything that :class:`pool.driver.Driver` asks for, out of the modules beside this one."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.units import counted
from pool.driver import Joiner, PoolAnswer, PoolState
from pool.ganeti import join as joining
from pool.ganeti.cleanup import forget_pool, left_overs
from pool.ganeti.create import NewPool, create
from pool.ganeti.daemons import JOINING
from pool.ganeti.health import state
from pool.ganeti.leave import leave
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import read_ssconf
from pool.join.client import Conversation, Progress
from pool.join.messages import Refused
from pool.join.token import read_token

if TYPE_CHECKING:
    from pool.host_access import Member, Place


def print_line(text: str) -> None:
    """For the journal and the console."""
    print(f"     {text}", file=sys.stderr, flush=True)


class Ganeti:
    """The driver on one host.

    :param new: the pool to make, for ``create``.
    :param token: the pool to join, for ``preflight`` and ``join``.
    :param say: takes sentences on how a join stands.
    """

    def __init__(
        self,
        place: Place,
        member: Member,
        *,
        new: NewPool | None = None,
        token: str = "",
        say: Callable[[str], None] = print_line,
        converse: Callable[..., Conversation] = Conversation,
    ) -> None:
        self.place = place
        self.member = member
        self.new = new
        self.token = token
        self._say = say
        self._converse = converse
        self._said = ""

    def preflight(self, joiner: Joiner) -> PoolAnswer:
        """Ask the pool whether it would take the host; changes nothing on either side."""
        try:
            with self._converse(read_token(self.token)) as pool:
                return pool.ask(joiner)
        except Refused as error:
            return PoolAnswer(problems=(error.problem,))

    def create(self) -> None:
        """Make the pool with this host as its first.

        :raises UserError: when it cannot be made.
        """
        if self.new is None:
            raise UserError("the answers name no pool to make", "dom0ctl pool create NAME --address ADDRESS")
        create(self.place, self.member, self.new)

    def join(self, joiner: Joiner) -> None:
        """Bring this host into its pool; one that is in it already is left alone, but for a join that was cut off.

        :raises UserError: when the pool does not take it, or Ganeti fails.
        """
        there = read_ssconf(self.place)
        begun = self.place.path(JOINING).exists()
        if there is not None and not begun:
            if joiner.name not in there.hosts:
                raise UserError(f"this host is in the pool {there.pool} by another name", "dom0ctl pool leave")
            return
        if left_overs(self.place) and not begun:
            raise UserError("/var/lib/ganeti holds a pool that is not whole", "dom0ctl pool leave removes it")
        if not self.token:
            raise UserError(
                "the join token is not there any more, and this host is in no pool", "dom0ctl pool join, with a new token"
            )
        with self._converse(read_token(self.token)) as pool:
            answer = pool.ask(joiner)
            if answer.problems:
                raise Refused(answer.problems[0])
            if there is not None and there.pool != answer.pool:
                forget_pool(self.place)
            self.place.write(JOINING, json.dumps({"pool": answer.pool}) + "\n", 0o600)
            joining.before(self.place, self.member, pool.keys(joiner))
            write_hosts(self.place, {answer.master: answer.address})
            self._say(f"joining the pool {answer.pool} of {counted(answer.hosts, 'host')}; its master is {answer.master}")
            pool.join(joiner, self._progress)
        joining.after(self.place, self.member)
        os.sync()
        self.place.path(JOINING).unlink()

    def _progress(self, progress: Progress) -> None:
        # A host asks every few seconds; what it hears again is no news.
        if progress.text != self._said:
            self._said = progress.text
            self._say(progress.text)

    def leave(self) -> None:
        """Take this host out of its pool.

        :raises UserError: when the pool does not let it go.
        """
        leave(self.place, self.member.name)
        self.place.path(JOINING).unlink(missing_ok=True)

    def status(self) -> PoolState:
        """How the pool is, as this host sees it."""
        return state(self.place, self.member.name)
