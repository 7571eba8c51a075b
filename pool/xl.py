"""The toolstack without pools: ``xl`` alone, and no daemon of a pool."""

from __future__ import annotations

from dom0kit.errors import UserError
from pool.driver import Joiner, PoolAnswer, PoolState, Problem

TEXT = "the toolstack xl knows no pool"
HINT = "answer pool.toolstack: ganeti, or xapi"


class Xl:
    """The driver of a host that stands alone."""

    def preflight(self, joiner: Joiner) -> PoolAnswer:
        """Nobody to ask."""
        return PoolAnswer(problems=(Problem("toolstack", TEXT, HINT),))

    def create(self) -> None:
        """Refuse."""
        raise UserError(TEXT, HINT)

    def join(self, joiner: Joiner) -> None:
        """Refuse."""
        raise UserError(TEXT, HINT)

    def leave(self) -> None:
        """Refuse."""
        raise UserError(TEXT, HINT)

    def status(self) -> PoolState:
        """Alone, and well."""
        return PoolState("xl")
