"""The driver of the toolstack ``xl``, which has no pools and no daemon."""

from __future__ import annotations

from dom0kit.errors import UserError
from pool.driver import JoiningHost, PoolAnswer, PoolState, Problem

TEXT = "the toolstack xl does not support pools"
HINT = "set pool.toolstack to ganeti or xapi"


class Xl:
    """The driver of a host that belongs to no pool."""

    def preflight(self, host: JoiningHost) -> PoolAnswer:
        """Return a refusal: there is no pool to ask."""
        return PoolAnswer(problems=(Problem("toolstack", TEXT, HINT),))

    def create(self) -> None:
        """Raise an error.

        :raises UserError: always.
        """
        raise UserError(TEXT, HINT)

    def join(self, host: JoiningHost) -> None:
        """Raise an error.

        :raises UserError: always.
        """
        raise UserError(TEXT, HINT)

    def leave(self) -> None:
        """Raise an error.

        :raises UserError: always.
        """
        raise UserError(TEXT, HINT)

    def status(self) -> PoolState:
        """Return the state of a healthy host without a pool."""
        return PoolState("xl")
