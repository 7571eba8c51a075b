"""Translate the XenAPI's errors by the table in :mod:`pool.xapi.error_codes`."""

from __future__ import annotations

from dom0kit.errors import UserError
from pool.driver import Problem
from pool.refusals import shown_code
from pool.xapi.error_codes import MEANINGS
from pool.xapi.rpc_codec import XenApiError


class PoolRefused(UserError):
    """The pool refused a request.

    :param problem: the reason with its code.
    :param permanent: a retry fails again until an administrator has fixed the cause.
    """

    def __init__(self, problem: Problem, *, permanent: bool) -> None:
        super().__init__(f"{problem.text} [{shown_code(problem.code)}]", problem.hint)
        self.problem = problem
        self.permanent = permanent


def problem_of(error: XenApiError) -> Problem:
    """Return an error of the XenAPI as a problem."""
    meaning = MEANINGS.get(error.code)
    if meaning is None:
        return Problem("refused", f"xapi reports {error}", "read xensource.log on the master")
    parameters = [*error.parameters, *["?"] * 3]
    return Problem(meaning.code, meaning.text.format(*parameters), meaning.hint)


def to_exception(error: XenApiError) -> PoolRefused:
    """Return an error of the XenAPI as an exception; an unknown one is not permanent."""
    meaning = MEANINGS.get(error.code)
    return PoolRefused(problem_of(error), permanent=meaning is not None and meaning.permanent)
